package storagetest

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"keyturn/accounts"
	"keyturn/audit"
	"keyturn/issuer"
	"keyturn/storage"
)

const contenders = 32

func testContenders(t *testing.T, open OpenFunc) {
	db := open(t, storage.Options{MaxOpen: contenders})
	g := SignIn(t, db, User(t, db))
	must(t, Contend(t.Context(), db, g.ID, 30, contenders, db.AdvanceGrant))
}

// testSignInRaces lets sign-ins, refreshes and the end of an account meet: whatever the order, nothing
// that proved itself before the change is alive after it.
func testSignInRaces(t *testing.T, open OpenFunc) {
	db, ctx := open(t, storage.Options{}), t.Context()
	for name, end := range map[issuer.Reason]func(accounts.User) error{
		issuer.Deactivated: func(u accounts.User) error {
			_, err := db.Deactivate(ctx, u.ID, Event(audit.UserDeactivated))
			return err
		},
		issuer.PasswordChanged: func(u accounts.User) error {
			_, err := db.SetPassword(ctx, u.ID, "$argon2id$v=19$m=9,t=1,p=1$c2FsdA$aGFzaA", Event(audit.UserPasswordSet))
			return err
		},
		issuer.Deleted: func(u accounts.User) error {
			_, err := db.DeleteUser(ctx, u.ID, Event(audit.UserDeleted))
			return err
		},
	} {
		for round := range 25 {
			u := User(t, db)
			old := SignIn(t, db, u)
			must(t, atOnce(8, func(i int) error {
				switch i {
				case 0:
					return end(u)
				case 1, 2:
					_, err := db.AdvanceGrant(ctx, old.ID, int64(i))
					return unless(err, issuer.ErrConflict)
				case 3:
					_, err := db.JudgeGrant(ctx, old.ID, issuer.Revocation{}, func(*issuer.Grant, time.Time) error { return nil })
					return err
				}
				wanted := NewGrant(u)
				wanted.NoteLogin = (i+round)%2 == 0
				_, err := db.CreateGrant(ctx, wanted, Event(audit.UserSignedIn))
				return unless(err, issuer.ErrUserChanged)
			}))
			checkRevoked(t, db, u.ID, name)
		}
	}
}

// unless lets the errors pass that are an answer.
func unless(err error, answers ...error) error {
	for _, answer := range answers {
		if errors.Is(err, answer) {
			return nil
		}
	}
	return err
}

// step does something at random to the users' grants.
func step(ctx context.Context, db *storage.DB, random *rand.Rand, users []accounts.User) error {
	u, err := db.UserByID(ctx, users[random.IntN(len(users))].ID)
	if err != nil {
		return err
	}
	grants, err := db.Grants(ctx, issuer.GrantQuery{UserID: u.ID, Limit: 20})
	if err != nil {
		return err
	}
	if len(grants) == 0 || random.IntN(4) == 0 {
		wanted := NewGrant(u)
		wanted.NoteLogin = random.IntN(2) == 0
		_, err := db.CreateGrant(ctx, wanted, Event(audit.UserSignedIn))
		return unless(err, issuer.ErrUserChanged)
	}
	g := grants[random.IntN(len(grants))]
	switch n := random.IntN(100); {
	case n < 50:
		_, err = db.AdvanceGrant(ctx, g.ID, g.Generation)
		return unless(err, issuer.ErrConflict)
	case n < 70:
		presented := max(1, g.Generation-random.Int64N(3))
		_, err = db.JudgeGrant(ctx, g.ID, issuer.Revocation{PresentedJTI: issuer.TokenID(g.ID, presented), Event: Event(audit.Action("test.reused"))},
			func(g *issuer.Grant, now time.Time) error { return g.Redeem(presented, now, 0) })
		return unless(err, issuer.ErrGrantRevoked, issuer.ErrRefreshReused, issuer.ErrUserInactive)
	case n < 80:
		_, err = db.RevokeGrants(ctx, issuer.Selection{GrantID: g.ID}, issuer.Revocation{Reason: issuer.Logout, Event: Event(audit.GrantRevoked)})
	case n < 85:
		_, err = db.RevokeGrants(ctx, issuer.Selection{UserID: u.ID}, issuer.Revocation{Reason: issuer.AdminRevoked, Event: Event(audit.GrantRevoked)})
	case n < 87:
		_, err = db.RevokeGrants(ctx, issuer.Selection{All: true}, issuer.Revocation{Reason: issuer.AllEnded, Event: Event(audit.SessionsEnded)})
	case n < 91:
		_, err = db.SetPassword(ctx, u.ID, fmt.Sprintf("pbkdf2_sha256$%d$s$h", n), Event(audit.UserPasswordSet))
	case n < 94:
		_, err = db.Deactivate(ctx, u.ID, Event(audit.UserDeactivated))
	case n < 98:
		err = db.Activate(ctx, u.ID, Event(audit.UserActivated))
	default:
		_, err = db.Sweep(ctx, storage.SweepLimits{Batch: 10, Leeway: time.Minute})
	}
	return err
}

func testHistories(t *testing.T, open OpenFunc) {
	db := open(t, storage.Options{})
	for seed := range uint64(4) {
		users := []accounts.User{User(t, db), User(t, db)}
		random := rand.New(rand.NewPCG(seed, 1))
		for range 100 {
			must(t, step(t.Context(), db, random, users))
		}
		checkRevoked(t, db, "")
	}
}

// testMixedLoad runs everything against everything on few rows: no error but answers, and the same
// invariant. On PostgreSQL the caller also reads that the server saw no deadlock.
func testMixedLoad(t *testing.T, open OpenFunc) {
	db := open(t, storage.Options{})
	must(t, MixedLoad(t, db))
	checkRevoked(t, db, "")
}

// MixedLoad is the load of testMixedLoad.
func MixedLoad(t testing.TB, db *storage.DB) error {
	users := []accounts.User{User(t, db), User(t, db), User(t, db)}
	return atOnce(12, func(i int) error {
		random := rand.New(rand.NewPCG(uint64(i), 2))
		for range 30 {
			if err := step(t.Context(), db, random, users); err != nil {
				return err
			}
		}
		return nil
	})
}
