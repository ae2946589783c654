package storagetest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"

	"keyturn/accounts"
	"keyturn/audit"
	"keyturn/issuer"
	"keyturn/keys"
	"keyturn/storage"
)

// Owner is u as they are.
func Owner(u accounts.User) accounts.Owned {
	return accounts.Owned{UserID: u.ID, CredentialVersion: u.CredentialVersion}
}

// NewPasskey is one that nobody has yet.
func NewPasskey() accounts.StoredPasskey {
	h := keys.NewSecret().Hash()
	return accounts.StoredPasskey{
		Passkey: accounts.Passkey{ID: keys.NewTokenID(), Name: "Ring", Synced: true}, CredentialID: h[:],
		PublicKey: []byte("key"), AAGUID: make([]byte, 16), Transports: "usb nfc", SignCount: 3, BackedUp: true,
	}
}

// factorTold goes with a change of factors.
func factorTold(action audit.Action) accounts.Told {
	return accounts.Told{Event: Event(action), Letters: []accounts.Letter{{ID: keys.NewTokenID(), Kind: accounts.LetterWaysChanged, To: "peter@example.com"}}}
}

// addPasskey gives u a passkey.
func addPasskey(ctx context.Context, db *storage.DB, u accounts.User) (accounts.Passkey, error) {
	return db.AddPasskey(ctx, Owner(u), NewPasskey(), 20, factorTold(audit.FactorAdded))
}

// addApp gives u an app whose newest code was of step 1.
func addApp(ctx context.Context, db *storage.DB, u accounts.User) (accounts.App, error) {
	held, err := db.HoldApp(ctx, Owner(u), accounts.StoredApp{App: accounts.App{ID: keys.NewTokenID()}, Sealed: []byte("sealed")}, 3, time.Hour)
	if err != nil {
		return accounts.App{}, err
	}
	held.Name, held.LastStep = "Telephone", 1
	return db.ConfirmApp(ctx, Owner(u), held, 3, factorTold(audit.FactorAdded))
}

func agree(accounts.RemovedFactor) error { return nil }

func testPasskeys(t *testing.T, open OpenFunc) {
	clock := NewClock()
	db, ctx := open(t, storage.Options{DatabaseNow: clock.Now}), t.Context()
	u, other := User(t, db), User(t, db)
	p := NewPasskey()
	added, err := db.AddPasskey(ctx, Owner(u), p, 2, factorTold(audit.FactorAdded))
	must(t, err)
	want := p
	want.UserID, want.CreatedAt = u.ID, clock.Now()
	equal(t, "what AddPasskey returns", added, want.Passkey)
	stored, err := db.PasskeysOf(ctx, u.ID)
	must(t, err)
	equal(t, "stored", stored, []accounts.StoredPasskey{want})

	taken := NewPasskey()
	taken.CredentialID = p.CredentialID
	_, err = db.AddPasskey(ctx, Owner(other), taken, 2, factorTold(audit.FactorAdded))
	is(t, "a credential id that is taken", err, accounts.ErrPasskeyRefused)
	stale := Owner(u)
	stale.CredentialVersion++
	_, err = db.AddPasskey(ctx, stale, NewPasskey(), 2, factorTold(audit.FactorAdded))
	is(t, "at another version", err, accounts.ErrCredentials)
	must(t, second(addPasskey(ctx, db, u)))
	_, err = db.AddPasskey(ctx, Owner(u), NewPasskey(), 2, factorTold(audit.FactorAdded))
	is(t, "a third", err, accounts.ErrTooManyFactors)

	clock.Advance(time.Minute)
	for _, use := range []struct {
		from, to uint32
		want     bool
	}{{3, 5, true}, {3, 6, false}, {5, 5, true}, {5, 1<<32 - 1, true}} {
		got, err := db.UsePasskey(ctx, p.ID, use.from, use.to, false)
		must(t, err)
		equal(t, fmt.Sprintf("a use from %d to %d", use.from, use.to), got, use.want)
	}
	find := func() accounts.StoredPasskey {
		t.Helper()
		stored, err := db.PasskeysOf(ctx, u.ID)
		must(t, err)
		for _, one := range stored {
			if one.ID == p.ID {
				return one
			}
		}
		t.Fatal("the passkey is gone")
		return accounts.StoredPasskey{}
	}
	want.SignCount, want.BackedUp, want.LastUsedAt = 1<<32-1, false, clock.Now()
	equal(t, "after its uses", find(), want)

	must(t, db.RenameFactor(ctx, Owner(u), p.ID, "Other ring", Event(audit.FactorRenamed)))
	is(t, "another's", db.RenameFactor(ctx, Owner(other), p.ID, "x", Event(audit.FactorRenamed)), accounts.ErrFactorNotFound)
	equal(t, "its name", find().Name, "Other ring")

	_, err = db.DeleteUser(ctx, u.ID, Event(audit.UserDeleted))
	must(t, err)
	stored, err = db.PasskeysOf(ctx, u.ID)
	must(t, err)
	equal(t, "of somebody deleted", len(stored), 0)
}

func testApps(t *testing.T, open OpenFunc) {
	clock := NewClock()
	db, ctx := open(t, storage.Options{DatabaseNow: clock.Now}), t.Context()
	u := User(t, db)
	hold := func(id string) accounts.StoredApp {
		t.Helper()
		held, err := db.HoldApp(ctx, Owner(u), accounts.StoredApp{App: accounts.App{ID: id}, Sealed: []byte("sealed " + id)}, 3, time.Hour)
		must(t, err)
		return held
	}
	_, err := db.HeldApp(ctx, u.ID)
	is(t, "none waits", err, accounts.ErrCeremonyGone)
	before, held := hold("a"), hold("b")
	equal(t, "it ends", held.ExpiresAt, clock.Now().Add(time.Hour))
	got, err := db.HeldApp(ctx, u.ID)
	must(t, err)
	equal(t, "the one that waits", got, held)
	_, err = db.ConfirmApp(ctx, Owner(u), before, 3, factorTold(audit.FactorAdded))
	is(t, "the one before", err, accounts.ErrCeremonyGone)
	counts, err := db.FactorCounts(ctx, u.ID)
	must(t, err)
	equal(t, "one that waits is no factor", counts, accounts.FactorCounts{})

	held.Name, held.LastStep = "Telephone", 7
	app, err := db.ConfirmApp(ctx, Owner(u), held, 3, factorTold(audit.FactorAdded))
	must(t, err)
	equal(t, "confirmed", app, accounts.App{ID: "b", Name: "Telephone", CreatedAt: clock.Now(), LastUsedAt: clock.Now()})
	_, err = db.ConfirmApp(ctx, Owner(u), held, 3, factorTold(audit.FactorAdded))
	is(t, "twice", err, accounts.ErrCeremonyGone)
	for _, use := range []struct {
		step int64
		want bool
	}{{7, false}, {6, false}, {8, true}, {8, false}, {7, false}, {12, true}} {
		got, err := db.UseApp(ctx, "b", use.step, false)
		must(t, err)
		equal(t, fmt.Sprintf("a code of step %d", use.step), got, use.want)
	}
	late := hold("c")
	if ok, err := db.UseApp(ctx, "c", 99, true); ok || err != nil {
		t.Errorf("a code of one that waits: %v, %v", ok, err)
	}
	clock.Advance(time.Hour)
	_, err = db.ConfirmApp(ctx, Owner(u), late, 3, factorTold(audit.FactorAdded))
	is(t, "too late", err, accounts.ErrCeremonyGone)
	_, err = db.HoldApp(ctx, Owner(u), accounts.StoredApp{App: accounts.App{ID: "d"}}, 1, time.Hour)
	is(t, "one more than most", err, accounts.ErrTooManyFactors)

	all, err := db.SealedApps(ctx, "", 10)
	must(t, err)
	equal(t, "all with a secret that stays", len(all), 1)
	for _, reseal := range []struct {
		old  string
		want bool
	}{{"sealed x", false}, {"sealed b", true}, {"sealed b", false}} {
		got, err := db.ResealApp(ctx, "b", []byte(reseal.old), []byte("new"))
		must(t, err)
		equal(t, "reseal of "+reseal.old, got, reseal.want)
	}
	apps, err := db.AppsOf(ctx, u.ID)
	must(t, err)
	if len(apps) != 1 || string(apps[0].Sealed) != "new" || apps[0].LastStep != 12 || apps[0].LastUsedAt.IsZero() {
		t.Errorf("got %+v", apps)
	}
}

// testStrangeCodes: a window counts so many codes at each app, and what was right is taken back.
func testStrangeCodes(t *testing.T, open OpenFunc) {
	clock := NewClock()
	db, ctx := open(t, storage.Options{DatabaseNow: clock.Now}), t.Context()
	u, other := User(t, db), User(t, db)
	add := func(u accounts.User, id string) {
		t.Helper()
		held, err := db.HoldApp(ctx, Owner(u), accounts.StoredApp{App: accounts.App{ID: id}, Sealed: []byte("s")}, 3, time.Hour)
		must(t, err)
		_, err = db.ConfirmApp(ctx, Owner(u), held, 3, accounts.Told{})
		must(t, err)
	}
	try := func(what string, want ...string) {
		t.Helper()
		letter := accounts.Letter{ID: keys.NewTokenID(), Kind: accounts.LetterWaysChanged, To: "peter@example.com", UserID: u.ID}
		ids, err := db.TryApps(ctx, u.ID, 3, time.Hour, letter)
		must(t, err)
		slices.Sort(ids)
		equal(t, what, fmt.Sprint(ids), fmt.Sprint(want))
	}
	told := func(want int) {
		t.Helper()
		letters, err := db.Letters(ctx, accounts.LetterQuery{Limit: 100})
		must(t, err)
		equal(t, "letters", len(letters), want)
	}
	add(u, "a")
	add(other, "x")
	try("the first", "a")
	clock.Advance(time.Minute)
	add(u, "b")
	try("the second, and of another app the first", "a", "b")
	told(0)
	used, err := db.UseApp(ctx, "b", 7, true)
	must(t, err)
	equal(t, "a right code", used, true)
	try("what it gave back", "a", "b")
	told(0)
	try("the third", "a", "b")
	told(1)
	try("of the other app the third", "b")
	told(2)
	try("one more")
	told(2)
	apps, err := db.AppsOf(ctx, u.ID)
	must(t, err)
	equal(t, "since", apps[0].StrangeSince, clock.Now().Add(-time.Minute))
	clock.Advance(59 * time.Minute)
	try("in the next window of one", "a")
	clock.Advance(time.Minute)
	try("of both", "a", "b")
	apps, err = db.AppsOf(ctx, other.ID)
	must(t, err)
	equal(t, "somebody else's", apps[0].StrangeSince.IsZero(), true)
}

func testRecoveryCodes(t *testing.T, open OpenFunc) {
	clock := NewClock()
	db, ctx := open(t, storage.Options{DatabaseNow: clock.Now}), t.Context()
	u, other := User(t, db), User(t, db)
	first, codes := []keys.Hash{{1}}, []keys.Hash{{2}, {3}, {4}}
	is(t, "without a factor", db.SetRecoveryCodes(ctx, Owner(u), first, factorTold(audit.RecoveryCodesMade)), accounts.ErrNoSecondFactor)
	must(t, second(addPasskey(ctx, db, u)))
	must(t, db.SetRecoveryCodes(ctx, Owner(u), first, factorTold(audit.RecoveryCodesMade)))
	must(t, db.SetRecoveryCodes(ctx, Owner(u), codes, factorTold(audit.RecoveryCodesMade)))
	for _, use := range []struct {
		of   string
		code keys.Hash
		want bool
	}{{u.ID, keys.Hash{1}, false}, {other.ID, keys.Hash{2}, false}, {u.ID, keys.Hash{2}, true}, {u.ID, keys.Hash{2}, false}} {
		got, err := db.UseRecoveryCode(ctx, use.of, use.code, factorTold(audit.RecoveryCodeUsed))
		must(t, err)
		equal(t, fmt.Sprint("code ", use.code[0]), got, use.want)
	}
	left, at, err := db.RecoveryCodesOf(ctx, u.ID)
	must(t, err)
	equal(t, "left", left, int64(2))
	equal(t, "made at", at, clock.Now())
	counts, err := db.FactorCounts(ctx, u.ID)
	must(t, err)
	equal(t, "counts", counts, accounts.FactorCounts{Passkeys: 1, RecoveryCodes: 2})
	if left, at, err := db.RecoveryCodesOf(ctx, other.ID); left != 0 || !at.IsZero() || err != nil {
		t.Errorf("of somebody without: %d, %v, %v", left, at, err)
	}
	if counts, err := db.FactorCounts(ctx, uuid.NewString()); counts != (accounts.FactorCounts{}) || err != nil {
		t.Errorf("of nobody: %+v, %v", counts, err)
	}
}

func testCeremonies(t *testing.T, open OpenFunc) {
	clock := NewClock()
	db, ctx := open(t, storage.Options{DatabaseNow: clock.Now}), t.Context()
	c := accounts.Ceremony{Challenge: keys.Hash{1}, Browser: keys.Hash{2}, Purpose: "sign_in", UserID: "u"}
	must(t, db.AddCeremony(ctx, c, time.Minute))
	for name, take := range map[string]accounts.Ceremony{
		"another challenge": {Challenge: keys.Hash{9}, Browser: c.Browser, Purpose: c.Purpose},
		"another browser":   {Challenge: c.Challenge, Browser: keys.Hash{9}, Purpose: c.Purpose},
		"another purpose":   {Challenge: c.Challenge, Browser: c.Browser, Purpose: "register"},
	} {
		_, err := db.TakeCeremony(ctx, take.Challenge, take.Browser, take.Purpose)
		is(t, name, err, accounts.ErrCeremonyGone)
	}
	got, err := db.TakeCeremony(ctx, c.Challenge, c.Browser, c.Purpose)
	must(t, err)
	equal(t, "taken", got, c)
	_, err = db.TakeCeremony(ctx, c.Challenge, c.Browser, c.Purpose)
	is(t, "twice", err, accounts.ErrCeremonyGone)
	for _, want := range []bool{true, false} {
		first, err := db.NoteAnswer(ctx, keys.Hash{7}, c.Browser, time.Minute)
		must(t, err)
		equal(t, "answered first", first, want)
	}
	_, err = db.TakeCeremony(ctx, keys.Hash{7}, c.Browser, c.Purpose)
	is(t, "one that was not asked here", err, accounts.ErrCeremonyGone)
	must(t, db.AddCeremony(ctx, c, time.Minute))
	clock.Advance(time.Minute)
	_, err = db.TakeCeremony(ctx, c.Challenge, c.Browser, c.Purpose)
	is(t, "too late", err, accounts.ErrCeremonyGone)
}

func testHeldSignIns(t *testing.T, open OpenFunc) {
	clock := NewClock()
	db, ctx := open(t, storage.Options{DatabaseNow: clock.Now}), t.Context()
	u := User(t, db)
	p := accounts.PendingSignIn{
		Hash: keys.Hash{1}, Browser: keys.Hash{2}, UserID: u.ID, CredentialVersion: u.CredentialVersion,
		ProvedAt: clock.Now(), AMR: "pwd", Counted: true, Place: "192.0.2.1",
	}
	must(t, db.HoldSignIn(ctx, p, time.Minute))
	got, err := db.HeldSignIn(ctx, p.Hash, p.Browser)
	must(t, err)
	equal(t, "held", got, p)
	_, err = db.HeldSignIn(ctx, p.Hash, keys.Hash{9})
	is(t, "another browser", err, accounts.ErrPendingGone)
	for _, try := range []struct {
		seen int64
		want bool
	}{{0, true}, {0, false}, {1, true}} {
		got, err := db.TryHeld(ctx, p.Hash, try.seen)
		must(t, err)
		equal(t, fmt.Sprintf("try %d", try.seen), got, try.want)
	}
	must(t, db.EndHeld(ctx, p.Hash))
	is(t, "twice", db.EndHeld(ctx, p.Hash), accounts.ErrPendingGone)

	stale := p
	stale.CredentialVersion++
	is(t, "at another version", db.HoldSignIn(ctx, stale, time.Minute), accounts.ErrCredentials)
	must(t, db.HoldSignIn(ctx, p, time.Minute))
	clock.Advance(time.Minute)
	_, err = db.HeldSignIn(ctx, p.Hash, p.Browser)
	is(t, "too late", err, accounts.ErrPendingGone)
	is(t, "ended too late", db.EndHeld(ctx, p.Hash), accounts.ErrPendingGone)

	p.Hash = keys.Hash{3}
	must(t, db.HoldSignIn(ctx, p, time.Minute))
	must(t, second(db.SetPassword(ctx, u.ID, "new", Event(audit.UserPasswordSet))))
	_, err = db.HeldSignIn(ctx, p.Hash, p.Browser)
	is(t, "after a change of password", err, accounts.ErrPendingGone)
}

func testRemoveFactor(t *testing.T, open OpenFunc) {
	db, ctx := open(t, storage.Options{}), t.Context()
	u, other := User(t, db), User(t, db)
	here, there := Session(t, db, u), Session(t, db, u)
	grant, others := SignIn(t, db, u), SignIn(t, db, other)
	passkey, err := addPasskey(ctx, db, u)
	must(t, err)
	app, err := addApp(ctx, db, u)
	must(t, err)
	must(t, db.SetRecoveryCodes(ctx, Owner(u), []keys.Hash{{1}}, factorTold(audit.RecoveryCodesMade)))
	who := Owner(u)
	who.SessionID = here.ID

	no := errors.New("no")
	err = db.RemoveFactor(ctx, who, passkey.ID, func(r accounts.RemovedFactor) error {
		equal(t, "what is judged", r, accounts.RemovedFactor{
			Kind: accounts.KindPasskey, Name: "Ring", Has: accounts.FactorCounts{Passkeys: 1, Apps: 1, RecoveryCodes: 1}, Password: true,
		})
		return no
	}, factorTold(audit.FactorRemoved))
	is(t, "a judge who says no", err, no)
	is(t, "one that is not there", db.RemoveFactor(ctx, who, "x", agree, factorTold(audit.FactorRemoved)), accounts.ErrFactorNotFound)
	is(t, "another's", db.RemoveFactor(ctx, Owner(other), passkey.ID, agree, factorTold(audit.FactorRemoved)), accounts.ErrFactorNotFound)
	now, err := db.UserByID(ctx, u.ID)
	must(t, err)
	equal(t, "refusals change nothing", now.CredentialVersion, u.CredentialVersion)

	must(t, db.RemoveFactor(ctx, who, passkey.ID, agree, factorTold(audit.FactorRemoved)))
	now, err = db.UserByID(ctx, u.ID)
	must(t, err)
	equal(t, "the version", now.CredentialVersion, u.CredentialVersion+1)
	sessions, _, err := db.Sessions(ctx, u.ID)
	must(t, err)
	if len(sessions) != 1 || sessions[0].ID != here.ID || sessions[0].CredentialVersion != now.CredentialVersion {
		t.Errorf("sessions are left: %+v, want %s alone, not %s", sessions, here.ID, there.ID)
	}
	checkRevoked(t, db, u.ID, issuer.FactorsChanged)
	if g, _, err := db.GrantByID(ctx, others.ID); err != nil || !g.RevokedAt.IsZero() {
		t.Errorf("another's grant: %+v, %v", g, err)
	}
	is(t, "at the version before", db.RemoveFactor(ctx, who, app.ID, agree, factorTold(audit.FactorRemoved)), accounts.ErrCredentials)
	counts, err := db.FactorCounts(ctx, u.ID)
	must(t, err)
	equal(t, "left", counts, accounts.FactorCounts{Apps: 1, RecoveryCodes: 1})
	must(t, db.RemoveFactor(ctx, Owner(now), app.ID, agree, factorTold(audit.FactorRemoved)))
	counts, err = db.FactorCounts(ctx, u.ID)
	must(t, err)
	equal(t, "left", counts, accounts.FactorCounts{})
	if _, _, err := db.GrantByID(ctx, grant.ID); err != nil {
		t.Error(err)
	}
}

func testSweepFactors(t *testing.T, open OpenFunc) {
	clock := NewClock()
	db, ctx := open(t, storage.Options{DatabaseNow: clock.Now}), t.Context()
	u := User(t, db)
	must(t, second(addApp(ctx, db, u)))
	must(t, second(db.HoldApp(ctx, Owner(u), accounts.StoredApp{App: accounts.App{ID: "a"}, Sealed: []byte("s")}, 3, time.Minute)))
	must(t, db.AddCeremony(ctx, accounts.Ceremony{Challenge: keys.Hash{1}}, time.Minute))
	must(t, db.HoldSignIn(ctx, accounts.PendingSignIn{UserID: u.ID, CredentialVersion: u.CredentialVersion}, time.Minute))
	clock.Advance(time.Minute)
	swept, err := db.Sweep(ctx, storage.SweepLimits{Batch: 10})
	must(t, err)
	equal(t, "at their end", swept, storage.Swept{})
	clock.Advance(time.Microsecond)
	swept, err = db.Sweep(ctx, storage.SweepLimits{Batch: 10})
	must(t, err)
	equal(t, "after it", swept, storage.Swept{Asked: 1, Held: 1, Apps: 1})
	counts, err := db.FactorCounts(ctx, u.ID)
	must(t, err)
	equal(t, "an app that has shown a code", counts.Apps, int64(1))
}
