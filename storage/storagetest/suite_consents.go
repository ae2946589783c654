package storagetest

import (
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"keyturn/audit"
	"keyturn/issuer"
	"keyturn/issuer/oauth"
	"keyturn/storage"
)

func testConsents(t *testing.T, open OpenFunc) {
	db, ctx := open(t, storage.Options{}), t.Context()
	u, peer := User(t, db), User(t, db)
	a, b := Client(t, db), Client(t, db)
	if a.ID > b.ID {
		a, b = b, a
	}
	add := func(c oauth.Consent) error { return db.AddConsent(ctx, c, Event(audit.ConsentGiven)) }
	must(t, add(oauth.Consent{UserID: u.ID, ClientID: b.ID, Resource: "api", Scopes: []string{"openid"}}))
	must(t, add(oauth.Consent{UserID: u.ID, ClientID: a.ID, Resource: "api", Scopes: []string{"profile", "openid"}}))
	must(t, add(oauth.Consent{UserID: u.ID, ClientID: a.ID, Resource: "orders", Scopes: []string{"orders:read"}}))
	must(t, add(oauth.Consent{UserID: u.ID, ClientID: a.ID, Resource: "api", Scopes: []string{"openid", "email"}}))
	must(t, add(oauth.Consent{UserID: peer.ID, ClientID: a.ID, Resource: "api", Scopes: []string{"phone"}}))

	consented := func(userID, clientID, resource string) []string {
		t.Helper()
		scopes, err := db.Consented(ctx, userID, clientID, resource)
		must(t, err)
		return scopes
	}
	equal(t, "what was allowed in two steps", consented(u.ID, a.ID, "api"), []string{"email", "openid", "profile"})
	equal(t, "for another resource", consented(u.ID, a.ID, "orders"), []string{"orders:read"})
	equal(t, "for a resource that was not asked for", len(consented(u.ID, b.ID, "orders")), 0)
	all, err := db.Consents(ctx, u.ID)
	must(t, err)
	equal(t, "the list", all, []oauth.Consent{
		{UserID: u.ID, ClientID: a.ID, Resource: "api", Scopes: []string{"email", "openid", "profile"}},
		{UserID: u.ID, ClientID: a.ID, Resource: "orders", Scopes: []string{"orders:read"}},
		{UserID: u.ID, ClientID: b.ID, Resource: "api", Scopes: []string{"openid"}},
	})
	is(t, "of an unknown user", add(oauth.Consent{UserID: uuid.NewString(), ClientID: a.ID, Scopes: []string{"openid"}}), oauth.ErrSessionGone)
	is(t, "to an unknown client", add(oauth.Consent{UserID: u.ID, ClientID: "nobody", Scopes: []string{"openid"}}), oauth.ErrSessionGone)
	equal(t, "events", actions(t, db, audit.ConsentGiven), 5)

	s, theirs := Session(t, db, u), Session(t, db, peer)
	redeemIn(t, db, a, s, "openid offline_access")
	kept := []string{redeemIn(t, db, b, s, "openid").ID, redeemIn(t, db, a, theirs, "openid").ID}
	for _, want := range []int{1, 0} {
		ended, err := db.RemoveConsent(ctx, u.ID, a.ID, Event(audit.ConsentRemoved))
		must(t, err)
		equal(t, "grants ended", ended, want)
	}
	for _, id := range kept {
		checkAlive(t, db, id)
	}
	grants, err := db.Grants(ctx, issuer.GrantQuery{UserID: u.ID, Limit: 10})
	must(t, err)
	for _, g := range grants {
		if g.ClientID == a.ID {
			equal(t, "ended for", g.RevokedFor, issuer.ConsentRemoved)
		}
	}
	checkRevoked(t, db, "")
	equal(t, "what was taken back", len(consented(u.ID, a.ID, "api"))+len(consented(u.ID, a.ID, "orders")), 0)
	equal(t, "the other client's", consented(u.ID, b.ID, "api"), []string{"openid"})
	equal(t, "the other user's", consented(peer.ID, a.ID, "api"), []string{"phone"})
	ended, err := db.RemoveConsent(ctx, uuid.NewString(), a.ID, Event(audit.ConsentRemoved))
	must(t, err)
	equal(t, "grants of nobody", ended, 0)
	equal(t, "events", actions(t, db, audit.ConsentRemoved), 1)
}

// testConsentRaces: what is allowed to a client or by a user that is just being deleted is not left behind.
func testConsentRaces(t *testing.T, open OpenFunc) {
	const contenders = 6
	db, ctx := open(t, storage.Options{}), t.Context()
	for round := range 25 {
		u, c := User(t, db), Client(t, db)
		must(t, atOnce(contenders, func(i int) error {
			switch i = (i + round) % contenders; {
			case i == 0 && round%2 == 0:
				return second(db.DeleteUser(ctx, u.ID, Event(audit.UserDeleted)))
			case i == 0:
				return second(db.DeleteClient(ctx, c.ID, Event(audit.ClientDeleted)))
			}
			scopes := [][]string{{"openid", "email"}, {"email", "profile", "openid"}}[i%2]
			return unless(db.AddConsent(ctx, oauth.Consent{UserID: u.ID, ClientID: c.ID, Scopes: scopes}, Event(audit.ConsentGiven)), oauth.ErrSessionGone)
		}))
		left, err := db.Consents(ctx, u.ID)
		must(t, err)
		equal(t, "consents left", len(left), 0)
	}
}

// testCodesNeedConsent: what was allowed is looked at where the code is stored. Taking it back at the same moment
// either prevents the code or takes it away, so nothing can come of it.
func testCodesNeedConsent(t *testing.T, open OpenFunc) {
	const rounds = 25
	db, ctx := open(t, storage.Options{MaxOpen: 8}), t.Context()
	u, client := User(t, db), Client(t, db)
	browser := Session(t, db, u)
	newCode := func() oauth.Code {
		code := NewCode(client, browser)
		code.Consent = []string{"openid", "email"}
		return code
	}
	allow := func(scopes ...string) {
		must(t, db.AddConsent(ctx, oauth.Consent{UserID: u.ID, ClientID: client.ID, Resource: newCode().Grant.Audience, Scopes: scopes}, Event(audit.ConsentGiven)))
	}
	is(t, "nothing is allowed", db.StoreCode(ctx, newCode(), time.Minute), oauth.ErrConsentRequired)
	allow("openid")
	is(t, "not all is allowed", db.StoreCode(ctx, newCode(), time.Minute), oauth.ErrConsentRequired)
	allow("email", "phone")
	is(t, "all is allowed", db.StoreCode(ctx, newCode(), time.Minute), nil)
	for range rounds {
		allow("openid", "email")
		code := newCode()
		var racers sync.WaitGroup
		var stored, removed error
		racers.Go(func() { stored = db.StoreCode(ctx, code, time.Minute) })
		racers.Go(func() { _, removed = db.RemoveConsent(ctx, u.ID, client.ID, Event(audit.ConsentRemoved)) })
		racers.Wait()
		must(t, removed)
		if stored != nil {
			is(t, "stored", stored, oauth.ErrConsentRequired)
		}
		_, _, err := db.RedeemCode(ctx, Redeem(code))
		is(t, "what came of the code", err, oauth.ErrCodeInvalid)
	}
}
