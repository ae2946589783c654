package storagetest

import (
	"errors"
	"testing"
	"time"

	"keyturn/accounts"
	"keyturn/audit"
	"keyturn/issuer"
	"keyturn/issuer/oauth"
	"keyturn/keys"
	"keyturn/storage"
)

func testCodes(t *testing.T, open OpenFunc) {
	clock := NewClock()
	db, ctx := open(t, storage.Options{DatabaseNow: clock.Now}), t.Context()
	u, client := User(t, db), Client(t, db)
	browser := Session(t, db, u)
	want := StoredCode(t, db, NewCode(client, browser))
	clock.Advance(time.Minute - time.Microsecond)
	grant, code, err := db.RedeemCode(ctx, Redeem(want))
	must(t, err)
	equal(t, "the code", code, want)
	now := micro(clock.Now())
	made := want.Grant.Grant
	made.Generation, made.CreatedAt, made.RotatedAt, made.ExpiresAt, made.UserActive = 1, now, now, now.Add(want.Grant.AbsoluteLifetime), true
	made.User = issuer.Profile{Username: u.Username, Email: u.Email, EmailVerified: true, GivenName: "Peter", FamilyName: "Parker"}
	equal(t, "the grant", grant, made)
	stored, _, err := db.GrantByID(ctx, made.ID)
	must(t, err)
	equal(t, "the grant as read", stored, made)
	took, err := db.SessionClients(ctx, browser.ID)
	must(t, err)
	equal(t, "who took part", took, []string{client.ID})
	events, err := db.AuditEvents(ctx, audit.Query{Action: audit.GrantCreated, Limit: 10})
	must(t, err)
	if len(events) != 1 || events[0].SubjectKind != "grant" || events[0].SubjectID != made.ID {
		t.Errorf("events: got %+v, want one about the grant", events)
	}
	noted, err := db.UserByID(ctx, u.ID)
	must(t, err)
	equal(t, "last login of a code that does not note it", noted.LastLoginAt, time.Time{})

	second := NewCode(client, browser) // the client takes part once
	second.Grant.NoteLogin = true
	second.Challenge = ""
	_, code, err = db.RedeemCode(ctx, Redeem(StoredCode(t, db, second)))
	must(t, err)
	equal(t, "a code that notes the sign-in", code, second)
	noted, err = db.UserByID(ctx, u.ID)
	must(t, err)
	equal(t, "last login", noted.LastLoginAt, now)

	late := StoredCode(t, db, NewCode(client, browser))
	clock.Advance(time.Minute)
	_, _, err = db.RedeemCode(ctx, Redeem(late))
	is(t, "at the code's end", err, oauth.ErrCodeInvalid)
	late.Hash = keys.NewSecret().Hash()
	_, _, err = db.RedeemCode(ctx, Redeem(late))
	is(t, "an unknown code", err, oauth.ErrCodeInvalid)
	checkRevoked(t, db, u.ID)
	equal(t, "revocations", actions(t, db, audit.GrantRevoked), 0)
}

// testCodeReuse: RFC 6749 section 4.1.2. What is shown beside the code makes no difference then.
func testCodeReuse(t *testing.T, open OpenFunc) {
	clock := NewClock()
	db, ctx := open(t, storage.Options{DatabaseNow: clock.Now}), t.Context()
	u, client, other := User(t, db), Client(t, db), Client(t, db)
	browser := Session(t, db, u)
	theirs := StoredCode(t, db, NewCode(client, Session(t, db, User(t, db))))
	kept, _, err := db.RedeemCode(ctx, Redeem(theirs))
	must(t, err)
	stolen := Redeem(theirs)
	stolen.ClientID = other.ID
	_, _, err = db.RedeemCode(ctx, stolen)
	is(t, "by another client", err, oauth.ErrCodeInvalid) // or whoever reads a log ends sign-ins
	checkAlive(t, db, kept.ID)
	for name, change := range map[string]func(*oauth.Redemption){
		"the same again":   func(*oauth.Redemption) {},
		"to another URI":   func(r *oauth.Redemption) { r.RedirectURI += "/" },
		"without verifier": func(r *oauth.Redemption) { r.Challenge = "" },
		"an hour later":    func(*oauth.Redemption) { clock.Advance(time.Hour) },
		"after the logout": func(*oauth.Redemption) {
			must(t, second(db.EndSessions(ctx, accounts.SessionSelection{All: true}, Event(audit.SessionEnded))))
		},
	} {
		browser = Session(t, db, u)
		code := NewCode(client, browser)
		code.Grant.Scope = "openid offline_access"
		StoredCode(t, db, code)
		grant, _, err := db.RedeemCode(ctx, Redeem(code))
		must(t, err)
		grant, err = db.AdvanceGrant(ctx, grant.ID, 1)
		must(t, err)
		before := actions(t, db, audit.GrantRevoked)
		r := Redeem(code)
		change(&r)
		for range 2 {
			_, _, err = db.RedeemCode(ctx, r)
			is(t, name, err, oauth.ErrCodeReused)
		}
		stored, _, err := db.GrantByID(ctx, grant.ID)
		must(t, err)
		equal(t, name+": the grant ended for", stored.RevokedFor, issuer.CodeReused)
		equal(t, name+": events", actions(t, db, audit.GrantRevoked)-before, 1)
	}
	checkRevoked(t, db, u.ID, issuer.CodeReused)
	events, err := db.AuditEvents(ctx, audit.Query{Action: audit.GrantRevoked, Limit: 1})
	must(t, err)
	equal(t, "the event's reason", events[0].Reason, string(issuer.CodeReused))
}

// testCodeMismatch: RFC 6749 section 4.1.3, RFC 7636 section 4.6. A refusal changes nothing, so that nobody
// can spoil a code by showing it.
func testCodeMismatch(t *testing.T, open OpenFunc) {
	db, ctx := open(t, storage.Options{}), t.Context()
	u, client, other := User(t, db), Client(t, db), Client(t, db)
	browser := Session(t, db, u)
	for name, change := range map[string]func(*oauth.Code, *oauth.Redemption){
		"another client":               func(_ *oauth.Code, r *oauth.Redemption) { r.ClientID = other.ID },
		"another redirect URI":         func(_ *oauth.Code, r *oauth.Redemption) { r.RedirectURI += "?x=1" },
		"a wrong verifier":             func(_ *oauth.Code, r *oauth.Redemption) { r.Challenge = "another" },
		"no verifier for a challenge":  func(_ *oauth.Code, r *oauth.Redemption) { r.Challenge = "" },
		"a verifier for no challenge":  func(c *oauth.Code, r *oauth.Redemption) { c.Challenge = "" },
		"letter case of the challenge": func(_ *oauth.Code, r *oauth.Redemption) { r.Challenge = "e9melhoa2owvfremtjgucHaoeK1t8URWbuGJSstw-cM" },
	} {
		code := NewCode(client, browser)
		r := Redeem(code)
		change(&code, &r)
		StoredCode(t, db, code)
		for range 2 {
			_, _, err := db.RedeemCode(ctx, r)
			is(t, name, err, oauth.ErrCodeInvalid)
		}
		_, _, err := db.GrantByID(ctx, code.Grant.ID)
		is(t, name+": the grant", err, issuer.ErrGrantNotFound)
		_, _, err = db.RedeemCode(ctx, Redeem(code))
		is(t, name+": then as it should be", err, nil)
	}
}

// testCodeNeeds: a code is worth something only as long as all that it rests on is there.
func testCodeNeeds(t *testing.T, open OpenFunc) {
	db, ctx := open(t, storage.Options{}), t.Context()
	for name, end := range map[string]func(accounts.User, accounts.Session, oauth.Client) error{
		"logout": func(_ accounts.User, b accounts.Session, _ oauth.Client) error {
			return second(db.EndSessions(ctx, accounts.SessionSelection{ID: b.ID}, Event(audit.SessionEnded)))
		},
		"deactivation": func(u accounts.User, _ accounts.Session, _ oauth.Client) error {
			return errors.Join(second(db.Deactivate(ctx, u.ID, Event(audit.UserDeactivated))), db.Activate(ctx, u.ID, Event(audit.UserActivated)))
		},
		"a new password": func(u accounts.User, _ accounts.Session, _ oauth.Client) error {
			return second(db.SetPassword(ctx, u.ID, "new", Event(audit.UserPasswordSet)))
		},
		"deletion": func(u accounts.User, _ accounts.Session, _ oauth.Client) error {
			return second(db.DeleteUser(ctx, u.ID, Event(audit.UserDeleted)))
		},
		"a client off and on": func(_ accounts.User, _ accounts.Session, c oauth.Client) error {
			return errors.Join(second(db.SetClientEnabled(ctx, c.ID, false, Event(audit.ClientDisabled))), second(db.SetClientEnabled(ctx, c.ID, true, Event(audit.ClientEnabled))))
		},
		"a deleted client": func(_ accounts.User, _ accounts.Session, c oauth.Client) error {
			return second(db.DeleteClient(ctx, c.ID, Event(audit.ClientDeleted)))
		},
		"a consent taken back": func(u accounts.User, _ accounts.Session, c oauth.Client) error {
			return second(db.RemoveConsent(ctx, u.ID, c.ID, Event(audit.ConsentRemoved)))
		},
		"the end of all": func(accounts.User, accounts.Session, oauth.Client) error {
			return second(db.RevokeGrants(ctx, issuer.Selection{All: true}, issuer.Revocation{Reason: issuer.AllEnded, Event: Event(audit.SessionsEnded)}))
		},
	} {
		u, client := User(t, db), Client(t, db)
		browser := Session(t, db, u)
		code := StoredCode(t, db, NewCode(client, browser))
		must(t, end(u, browser, client))
		_, _, err := db.RedeemCode(ctx, Redeem(code))
		is(t, "after "+name, err, oauth.ErrCodeInvalid)
		switch name {
		case "a client off and on", "a consent taken back":
			continue // may begin again
		}
		is(t, "another code after "+name, db.StoreCode(ctx, NewCode(client, browser), time.Minute), oauth.ErrSessionGone)
	}
	u, client, peer := User(t, db), Client(t, db), User(t, db)
	browser := Session(t, db, u)
	for name, change := range map[string]func(*oauth.Code){
		"an older credential version": func(c *oauth.Code) { c.Grant.CredentialVersion-- },
		"an unknown session":          func(c *oauth.Code) { c.Grant.SessionID = keys.NewTokenID() },
		"another user's session":      func(c *oauth.Code) { c.Grant.UserID = peer.ID },
		"an unknown client":           func(c *oauth.Code) { c.ClientID = "nobody" },
	} {
		code := NewCode(client, browser)
		change(&code)
		is(t, name, db.StoreCode(ctx, code, time.Minute), oauth.ErrSessionGone)
	}
	must(t, second(db.SetClientEnabled(ctx, client.ID, false, Event(audit.ClientDisabled))))
	is(t, "a client that is off", db.StoreCode(ctx, NewCode(client, browser), time.Minute), oauth.ErrSessionGone)
}
