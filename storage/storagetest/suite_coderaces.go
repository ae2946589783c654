package storagetest

import (
	"context"
	"testing"
	"time"

	"keyturn/accounts"
	"keyturn/audit"
	"keyturn/issuer"
	"keyturn/issuer/oauth"
	"keyturn/keys"
	"keyturn/storage"
)

// testCodeContenders: with and without a note of the sign-in in the user's row, which takes another lock.
func testCodeContenders(t *testing.T, open OpenFunc) {
	const rounds, contenders = 30, 16
	db := open(t, storage.Options{MaxOpen: contenders})
	u, client := User(t, db), Client(t, db)
	browser, round := Session(t, db, u), 0
	must(t, ContendCode(t.Context(), db, func() oauth.Code {
		code := NewCode(client, browser)
		code.Grant.NoteLogin = round%2 == 1
		round++
		return StoredCode(t, db, code)
	}, rounds, contenders, db.RedeemCode))
	checkRevoked(t, db, u.ID, issuer.CodeReused)
	equal(t, "grants made", actions(t, db, audit.GrantCreated), rounds)
	equal(t, "grants revoked", actions(t, db, audit.GrantRevoked), rounds)
}

// scene is what a code rests on.
type scene struct {
	user    accounts.User
	client  oauth.Client
	browser accounts.Session
}

// testCodeRaces lets redemptions meet the end of what the code rests on: whatever the order, no grant that was
// made of a code from before is alive after it.
func testCodeRaces(t *testing.T, open OpenFunc) {
	db, ctx := open(t, storage.Options{}), t.Context()
	ends := map[issuer.Reason]func(context.Context, scene) error{
		issuer.SessionEnded: func(ctx context.Context, s scene) error {
			return second(db.EndSessions(ctx, accounts.SessionSelection{ID: s.browser.ID}, Event(audit.SessionEnded)))
		},
		issuer.ClientDisabled: func(ctx context.Context, s scene) error {
			return second(db.SetClientEnabled(ctx, s.client.ID, false, Event(audit.ClientDisabled)))
		},
		issuer.ClientDeleted: func(ctx context.Context, s scene) error {
			return second(db.DeleteClient(ctx, s.client.ID, Event(audit.ClientDeleted)))
		},
		issuer.ConsentRemoved: func(ctx context.Context, s scene) error {
			return second(db.RemoveConsent(ctx, s.user.ID, s.client.ID, Event(audit.ConsentRemoved)))
		},
		issuer.AllEnded: func(ctx context.Context, _ scene) error {
			return second(db.RevokeGrants(ctx, issuer.Selection{All: true}, issuer.Revocation{Reason: issuer.AllEnded, Event: Event(audit.SessionsEnded)}))
		},
	}
	for reason, end := range endings(db) {
		ends[reason] = func(ctx context.Context, s scene) error { return end(ctx, s.user) }
	}
	for reason, end := range ends {
		redeemed := 0
		for round := range 12 {
			s := scene{user: User(t, db), client: Client(t, db)}
			s.browser = Session(t, db, s.user)
			var codes []oauth.Code
			for i := range 6 {
				code := NewCode(s.client, s.browser)
				code.Grant.NoteLogin = i%2 == 0
				codes = append(codes, StoredCode(t, db, code))
			}
			must(t, atOnce(1+len(codes), func(i int) error {
				if i = (i + round) % (1 + len(codes)); i == len(codes) { // goroutines don't start in a random order
					return end(ctx, s)
				}
				if i == 0 && reason != issuer.ConsentRemoved { // may well begin again after that
					codes[i].Hash, codes[i].Grant.ID = keys.NewSecret().Hash(), keys.NewTokenID()
					if err := db.StoreCode(ctx, codes[i], time.Minute); err != nil {
						return unless(err, oauth.ErrSessionGone)
					}
				}
				_, _, err := db.RedeemCode(ctx, Redeem(codes[i]))
				return unless(err, oauth.ErrCodeInvalid)
			}))
			checkRevoked(t, db, s.user.ID, reason)
			grants, err := db.Grants(ctx, issuer.GrantQuery{UserID: s.user.ID, Limit: 10})
			must(t, err)
			redeemed += len(grants)
			_, _, err = db.RedeemCode(ctx, Redeem(codes[1]))
			if len(grants) == 0 {
				is(t, "a code afterwards", err, oauth.ErrCodeInvalid)
			}
		}
		t.Logf("%s: %d of %d codes were redeemed first", reason, redeemed, 12*6)
	}
}

// testSessionRaces lets sign-ins meet the end of the account or of the browser's session.
func testSessionRaces(t *testing.T, open OpenFunc) {
	db, ctx := open(t, storage.Options{}), t.Context()
	for reason, end := range endings(db) {
		for range 12 {
			u := User(t, db)
			had := Session(t, db, u)
			must(t, atOnce(6, func(i int) error {
				if i == 0 {
					return end(ctx, u)
				}
				n := NewSession(u)
				if i%2 == 0 {
					n.Replaces = had.ID
				}
				_, err := db.StartSession(ctx, n, Event(audit.UserSignedIn))
				return unless(err, accounts.ErrCredentials)
			}))
			sessions, _, err := db.Sessions(ctx, u.ID)
			must(t, err)
			equal(t, string(reason)+": sessions alive", len(sessions), 0)
		}
	}
	client := Client(t, db)
	for range 12 {
		u, other := User(t, db), User(t, db)
		had := Session(t, db, u)
		redeemIn(t, db, client, had, "openid")
		must(t, atOnce(6, func(i int) error { // a logout, sign-ins in its place, and one of somebody else
			if i == 0 {
				return second(db.EndSessions(ctx, accounts.SessionSelection{ID: had.ID}, Event(audit.SessionEnded)))
			}
			n := NewSession(u)
			if i == 1 {
				n = NewSession(other)
			}
			n.Replaces = had.ID
			return second(db.StartSession(ctx, n, Event(audit.UserSignedIn)))
		}))
		checkRevoked(t, db, u.ID, issuer.SessionEnded)
		sessions, _, err := db.Sessions(ctx, u.ID)
		must(t, err)
		for _, s := range sessions {
			if s.ID == had.ID {
				t.Error("the session goes on after its end")
			}
		}
	}
}

// testStoreCodeRaces: a code that was asked for before its client was turned off is worth nothing when the
// client is turned on again.
func testStoreCodeRaces(t *testing.T, open OpenFunc) {
	const contenders = 8
	db, ctx := open(t, storage.Options{}), t.Context()
	for round := range 25 {
		u, client := User(t, db), Client(t, db)
		browser := Session(t, db, u)
		codes := make([]oauth.Code, contenders)
		for i := range codes {
			codes[i] = NewCode(client, browser)
		}
		must(t, atOnce(contenders, func(i int) error {
			if i = (i + round) % contenders; i == 0 {
				return second(db.SetClientEnabled(ctx, client.ID, false, Event(audit.ClientDisabled)))
			}
			return unless(db.StoreCode(ctx, codes[i], time.Minute), oauth.ErrSessionGone)
		}))
		must(t, second(db.SetClientEnabled(ctx, client.ID, true, Event(audit.ClientEnabled))))
		for _, code := range codes {
			_, _, err := db.RedeemCode(ctx, Redeem(code))
			is(t, "a code from before", err, oauth.ErrCodeInvalid)
		}
	}
}
