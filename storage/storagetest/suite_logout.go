package storagetest

import (
	"slices"
	"sync"
	"testing"
	"time"

	"keyturn/accounts"
	"keyturn/audit"
	"keyturn/issuer"
	"keyturn/issuer/oauth"
	"keyturn/storage"
)

// redeemIn redeems a new code of the client in the session.
func redeemIn(t *testing.T, db *storage.DB, c oauth.Client, s accounts.Session, scope string) issuer.Grant {
	t.Helper()
	code := NewCode(c, s)
	code.Grant.Scope = scope
	g, _, err := db.RedeemCode(t.Context(), Redeem(StoredCode(t, db, code)))
	must(t, err)
	return g
}

// deliveries takes all logout tokens that are due, and tells for which clients.
func deliveries(t *testing.T, db *storage.DB) (clients []string) {
	t.Helper()
	taken, err := db.TakeLogouts(t.Context(), 1000, time.Hour)
	must(t, err)
	for _, d := range taken {
		clients = append(clients, d.ClientID)
	}
	slices.Sort(clients)
	return clients
}

// testEndSessions: OIDC Back-Channel Logout section 2.7. What was made for use without the user stays, and
// only what says so word for word.
func testEndSessions(t *testing.T, open OpenFunc) {
	db, ctx := open(t, storage.Options{}), t.Context()
	u, a, b := User(t, db), Client(t, db), Client(t, db)
	s, beside := Session(t, db, u), Session(t, db, u)
	var ended []issuer.Grant
	for _, scope := range []string{"openid", "", "openid offline_access2", "xoffline_access openid", "offline-access", "OFFLINE_ACCESS", "offlineXaccess"} {
		ended = append(ended, redeemIn(t, db, a, s, scope))
	}
	var stay []string
	for _, scope := range []string{"offline_access", "openid offline_access", "offline_access email", "openid offline_access email"} {
		stay = append(stay, redeemIn(t, db, b, s, scope).ID)
	}
	stay = append(stay, redeemIn(t, db, a, beside, "openid").ID, SignIn(t, db, u).ID)
	waiting, elsewhere := StoredCode(t, db, NewCode(a, s)), StoredCode(t, db, NewCode(a, beside))

	n, err := db.EndSessions(ctx, accounts.SessionSelection{ID: s.ID}, Event(audit.SessionEnded))
	must(t, err)
	equal(t, "sessions ended", n, 1)
	for _, g := range ended {
		stored, _, err := db.GrantByID(ctx, g.ID)
		must(t, err)
		equal(t, "scope "+g.Scope+" ended for", stored.RevokedFor, issuer.SessionEnded)
	}
	for _, id := range stay {
		checkAlive(t, db, id)
	}
	checkRevoked(t, db, u.ID)
	_, _, err = db.RedeemCode(ctx, Redeem(waiting))
	is(t, "its code", err, oauth.ErrCodeInvalid)
	_, _, err = db.RedeemCode(ctx, Redeem(elsewhere))
	is(t, "the code of another session", err, nil)
	both := []string{a.ID, b.ID}
	slices.Sort(both)
	equal(t, "logout tokens", deliveries(t, db), both)
	took, err := db.SessionClients(ctx, s.ID)
	must(t, err)
	equal(t, "who took part", len(took), 0)

	n, err = db.EndSessions(ctx, accounts.SessionSelection{ID: s.ID}, Event(audit.SessionEnded))
	must(t, err)
	equal(t, "sessions ended again", n, 0)
	equal(t, "events", actions(t, db, audit.SessionEnded), 1)

	Session(t, db, u)
	other := Session(t, db, User(t, db))
	n, err = db.EndSessions(ctx, accounts.SessionSelection{UserID: u.ID}, Event(audit.SessionEnded))
	must(t, err)
	equal(t, "sessions of the user", n, 2)
	equal(t, "logout tokens of them", deliveries(t, db), []string{a.ID})
	n, err = db.EndSessions(ctx, accounts.SessionSelection{All: true}, Event(audit.SessionEnded))
	must(t, err)
	equal(t, "all sessions", n, 1)
	equal(t, "events", actions(t, db, audit.SessionEnded), 3)
	for _, sel := range []accounts.SessionSelection{{}, {All: true, ID: other.ID}, {ID: other.ID, UserID: u.ID}} {
		if _, err := db.EndSessions(ctx, sel, Event(audit.SessionEnded)); err == nil {
			t.Errorf("selection %+v was taken", sel)
		}
	}
}

// testUserEnds: what ends an account ends its browsers, codes and consents, and no other user's.
func testUserEnds(t *testing.T, open OpenFunc) {
	db, ctx := open(t, storage.Options{}), t.Context()
	for reason, end := range endings(db) {
		u, peer, client := User(t, db), User(t, db), Client(t, db)
		n, theirs := NewSession(u), NewSession(peer)
		s, err := db.StartSession(ctx, n, Event(audit.UserSignedIn))
		must(t, err)
		p, err := db.StartSession(ctx, theirs, Event(audit.UserSignedIn))
		must(t, err)
		redeemIn(t, db, client, s, "openid offline_access")
		kept := redeemIn(t, db, client, p, "openid")
		for _, who := range []accounts.User{u, peer} {
			must(t, db.AddConsent(ctx, oauth.Consent{UserID: who.ID, ClientID: client.ID, Resource: "api", Scopes: []string{"openid"}}, Event(audit.ConsentGiven)))
		}
		must(t, end(t.Context(), u))
		checkRevoked(t, db, u.ID, reason)
		_, _, err = db.SessionByHash(ctx, n.Hash)
		is(t, "the user's session", err, accounts.ErrNotSignedIn)
		_, _, err = db.SessionByHash(ctx, theirs.Hash)
		is(t, "the peer's session", err, nil)
		checkAlive(t, db, kept.ID)
		taken, err := db.TakeLogouts(ctx, 10, time.Hour)
		must(t, err)
		if len(taken) != 1 || taken[0].UserID != u.ID || taken[0].SessionID != s.ID || taken[0].ClientID != client.ID || taken[0].Attempts != 0 || taken[0].CreatedAt.IsZero() {
			t.Errorf("%s: logout tokens: got %+v, want one of the user", reason, taken)
		}
		consents, err := db.Consents(ctx, u.ID)
		must(t, err)
		equal(t, string(reason)+": consents", len(consents), map[bool]int{true: 0, false: 1}[reason == issuer.Deleted])
		consents, err = db.Consents(ctx, peer.ID)
		must(t, err)
		equal(t, "the peer's consents", len(consents), 1)
	}
}

// testEndAll: after `session end-all` nothing that was begun before leads anywhere.
func testEndAll(t *testing.T, open OpenFunc) {
	db, ctx := open(t, storage.Options{}), t.Context()
	endAll := func() int64 {
		t.Helper()
		n, err := db.RevokeGrants(ctx, issuer.Selection{All: true}, issuer.Revocation{Reason: issuer.AllEnded, Event: Event(audit.SessionsEnded)})
		must(t, err)
		return n
	}
	u, client := User(t, db), Client(t, db)
	n, in := NewSession(u), NewInteraction(client)
	s, err := db.StartSession(ctx, n, Event(audit.UserSignedIn))
	must(t, err)
	redeemIn(t, db, client, s, "openid offline_access")
	code := StoredCode(t, db, NewCode(client, s))
	must(t, db.StoreInteraction(ctx, in, time.Hour))
	must(t, db.AddConsent(ctx, oauth.Consent{UserID: u.ID, ClientID: client.ID, Scopes: []string{"openid"}}, Event(audit.ConsentGiven)))

	equal(t, "grants", endAll(), 1)
	checkRevoked(t, db, u.ID, issuer.AllEnded)
	_, _, err = db.SessionByHash(ctx, n.Hash)
	is(t, "the session", err, accounts.ErrNotSignedIn)
	_, _, err = db.RedeemCode(ctx, Redeem(code))
	is(t, "the code", err, oauth.ErrCodeInvalid)
	_, _, err = db.Interaction(ctx, in.ID, in.Browser)
	is(t, "the interaction", err, oauth.ErrInteractionGone)
	equal(t, "logout tokens", deliveries(t, db), []string{client.ID})
	consents, err := db.Consents(ctx, u.ID)
	must(t, err)
	equal(t, "consents", len(consents), 1)
	equal(t, "grants again", endAll(), 0)
	equal(t, "events", actions(t, db, audit.SessionsEnded), 1)
	Session(t, db, u)
	equal(t, "grants where only a session was left", endAll(), 0)
	equal(t, "events", actions(t, db, audit.SessionsEnded), 2)
	Session(t, db, u) // and everything can begin again
}

func testLogoutQueue(t *testing.T, open OpenFunc) {
	clock := NewClock()
	db, ctx := open(t, storage.Options{DatabaseNow: clock.Now}), t.Context()
	var users []string // in the order of their logouts
	for range 3 {
		u, client := User(t, db), Client(t, db)
		redeemIn(t, db, client, Session(t, db, u), "openid")
		must(t, second(db.EndSessions(ctx, accounts.SessionSelection{UserID: u.ID}, Event(audit.SessionEnded))))
		users = append(users, u.ID)
		clock.Advance(time.Second)
	}
	take := func(limit int) (taken []oauth.LogoutDelivery, of []string) {
		t.Helper()
		taken, err := db.TakeLogouts(ctx, limit, time.Minute)
		must(t, err)
		for _, d := range taken {
			of = append(of, d.UserID)
		}
		return taken, of
	}
	first, of := take(2)
	equal(t, "the oldest two", of, users[:2])
	third, of := take(2)
	equal(t, "the rest", of, users[2:])
	_, of = take(2)
	equal(t, "while they are taken", len(of), 0)

	must(t, db.DoneLogout(ctx, first[0].ID))
	must(t, db.RetryLogout(ctx, first[1].ID, 10*time.Second))
	must(t, db.DoneLogout(ctx, "nothing"))
	must(t, db.RetryLogout(ctx, "nothing", time.Second))
	clock.Advance(10*time.Second - time.Microsecond)
	_, of = take(10)
	equal(t, "before the second try", len(of), 0)
	clock.Advance(time.Microsecond)
	again, _ := take(10)
	first[1].Attempts = 1
	equal(t, "the second try", again, first[1:])
	clock.Advance(50 * time.Second)
	again, _ = take(10)
	equal(t, "one whose taker never came back", again, third)
}

// testTakeLogoutsOnce: each delivery is taken by one of several instances.
func testTakeLogoutsOnce(t *testing.T, open OpenFunc) {
	const queued, instances = 60, 6
	db, ctx := open(t, storage.Options{}), t.Context()
	client := Client(t, db)
	for range queued {
		redeemIn(t, db, client, Session(t, db, User(t, db)), "openid")
	}
	must(t, second(db.EndSessions(ctx, accounts.SessionSelection{All: true}, Event(audit.SessionEnded))))
	var mu sync.Mutex
	times := map[string]int{}
	must(t, atOnce(instances, func(int) error {
		for {
			taken, err := db.TakeLogouts(ctx, 7, time.Hour)
			if err != nil {
				return err
			}
			if len(taken) > 7 {
				t.Errorf("took %d at once, want at most 7", len(taken))
			}
			mu.Lock()
			for _, d := range taken {
				times[d.ID]++
			}
			mu.Unlock()
			if len(taken) == 0 {
				return nil
			}
		}
	}))
	// An instance leaves what another is just taking; so one may be done early, but together they are through.
	equal(t, "deliveries taken", len(times), queued)
	for id, n := range times {
		equal(t, "times that "+id+" was taken", n, 1)
	}
}
