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
	"keyturn/issuer/oauth"
	"keyturn/storage"
)

const contenders = 32

func testContenders(t *testing.T, open OpenFunc) {
	db := open(t, storage.Options{MaxOpen: contenders})
	g := SignIn(t, db, User(t, db))
	must(t, Contend(t.Context(), db, g.ID, 30, contenders, db.AdvanceGrant))
}

// endings are the ways in which an account's proofs end, by the reason that its grants end for.
func endings(db *storage.DB) map[issuer.Reason]func(context.Context, accounts.User) error {
	return map[issuer.Reason]func(context.Context, accounts.User) error{
		issuer.Deactivated: func(ctx context.Context, u accounts.User) error {
			return second(db.Deactivate(ctx, u.ID, Event(audit.UserDeactivated)))
		},
		issuer.PasswordChanged: func(ctx context.Context, u accounts.User) error {
			return second(db.SetPassword(ctx, u.ID, "$argon2id$v=19$m=9,t=1,p=1$c2FsdA$aGFzaA", Event(audit.UserPasswordSet)))
		},
		issuer.FactorsChanged: func(ctx context.Context, u accounts.User) error {
			if err := second(addPasskey(ctx, db, u)); err != nil {
				return err
			}
			return second(db.ResetFactors(ctx, u.ID, factorTold(audit.FactorsReset)))
		},
		issuer.Deleted: func(ctx context.Context, u accounts.User) error {
			return second(db.DeleteUser(ctx, u.ID, Event(audit.UserDeleted)))
		},
	}
}

// testSignInRaces lets sign-ins, refreshes and the end of an account meet: whatever the order, nothing
// that proved itself before the change is alive after it.
func testSignInRaces(t *testing.T, open OpenFunc) {
	db, ctx := open(t, storage.Options{}), t.Context()
	for name, end := range endings(db) {
		for round := range 25 {
			u := User(t, db)
			old := SignIn(t, db, u)
			must(t, atOnce(8, func(i int) error {
				switch i {
				case 0:
					return end(ctx, u)
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

// people are who step works on.
type people struct {
	users   []accounts.User
	clients []oauth.Client
}

func somePeople(t testing.TB, db *storage.DB, n int) people {
	t.Helper()
	var p people
	for range n {
		p.users, p.clients = append(p.users, User(t, db)), append(p.clients, Client(t, db))
	}
	return p
}

// step does something at random to the users' grants, or to what grants are made of.
func step(ctx context.Context, db *storage.DB, random *rand.Rand, p people) error {
	u, err := db.UserByID(ctx, p.users[random.IntN(len(p.users))].ID)
	if err != nil {
		return err
	}
	if random.IntN(2) == 0 {
		return browserStep(ctx, db, random, u, p.clients[random.IntN(len(p.clients))])
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

// browserStep does something at random to the sessions, codes and consents of a user, or to a client.
func browserStep(ctx context.Context, db *storage.DB, random *rand.Rand, u accounts.User, c oauth.Client) error {
	sessions, _, err := db.Sessions(ctx, u.ID)
	if err != nil {
		return err
	}
	if len(sessions) == 0 || random.IntN(6) == 0 {
		_, err := db.StartSession(ctx, NewSession(u), Event(audit.UserSignedIn))
		return unless(err, accounts.ErrCredentials)
	}
	s := sessions[random.IntN(len(sessions))]
	switch n := random.IntN(100); {
	case n < 50:
		return codeStep(ctx, db, random, s, c)
	case n < 58:
		another := NewSession(u)
		another.Replaces = s.ID
		_, err = db.StartSession(ctx, another, Event(audit.UserSignedIn))
		return unless(err, accounts.ErrCredentials)
	case n < 64:
		_, err = db.EndSessions(ctx, accounts.SessionSelection{ID: s.ID}, Event(audit.SessionEnded))
	case n < 67:
		_, err = db.EndSessions(ctx, accounts.SessionSelection{UserID: u.ID}, Event(audit.SessionEnded))
	case n < 69:
		_, err = db.EndSessions(ctx, accounts.SessionSelection{All: true}, Event(audit.SessionEnded))
	case n < 75:
		_, err = db.SetClientEnabled(ctx, c.ID, n%2 == 0, Event(audit.ClientUpdated))
	case n < 80:
		_, err = db.UpdateClient(ctx, c.ID, c.Metadata, Event(audit.ClientUpdated))
	case n < 86:
		scopes := [][]string{{"openid", "email"}, {"email", "profile", "openid"}}[n%2]
		err = db.AddConsent(ctx, oauth.Consent{UserID: u.ID, ClientID: c.ID, Resource: "api", Scopes: scopes}, Event(audit.ConsentGiven))
		return unless(err, oauth.ErrSessionGone)
	case n < 90:
		_, err = db.RemoveConsent(ctx, u.ID, c.ID, Event(audit.ConsentRemoved))
	case n < 93:
		_, err = db.RevokeGrants(ctx, issuer.Selection{ClientID: c.ID}, issuer.Revocation{Reason: issuer.AdminRevoked, Event: Event(audit.GrantRevoked)})
	case n < 96:
		_, err = db.TakeLogouts(ctx, 5, 0)
	default:
		err = db.SeeSession(ctx, s.ID)
	}
	return err
}

// codeStep gets a code, perhaps shows it wrongly, redeems it, and perhaps shows it again.
func codeStep(ctx context.Context, db *storage.DB, random *rand.Rand, s accounts.Session, c oauth.Client) error {
	code := NewCode(c, s)
	code.Grant.NoteLogin = random.IntN(2) == 0
	if random.IntN(3) == 0 {
		code.Grant.Scope = "openid offline_access"
	}
	if err := db.StoreCode(ctx, code, time.Minute); err != nil {
		return unless(err, oauth.ErrSessionGone)
	}
	wrong := Redeem(code)
	wrong.Challenge = ""
	for _, r := range [][]oauth.Redemption{{}, {Redeem(code)}, {wrong, Redeem(code)}, {Redeem(code), wrong}}[random.IntN(4)] {
		_, _, err := db.RedeemCode(ctx, r)
		if err := unless(err, oauth.ErrCodeInvalid, oauth.ErrCodeReused); err != nil {
			return err
		}
	}
	return nil
}

func testHistories(t *testing.T, open OpenFunc) {
	db := open(t, storage.Options{})
	for seed := range uint64(4) {
		p := somePeople(t, db, 2)
		random := rand.New(rand.NewPCG(seed, 1))
		for range 200 {
			must(t, step(t.Context(), db, random, p))
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
	p := somePeople(t, db, 3)
	return atOnce(12, func(i int) error {
		random := rand.New(rand.NewPCG(uint64(i), 2))
		for range 60 {
			if err := step(t.Context(), db, random, p); err != nil {
				return err
			}
		}
		return nil
	})
}
