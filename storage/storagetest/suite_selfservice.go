package storagetest

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"

	"keyturn/accounts"
	"keyturn/audit"
	"keyturn/issuer"
	"keyturn/keys"
	"keyturn/storage"
)

var _ accounts.SelfServiceStore = (*storage.DB)(nil)

// asked lets a letter leave that was asked for, and returns the link under which it left.
func asked(t *testing.T, db *storage.DB, l accounts.Letter) accounts.UsedLink {
	t.Helper()
	must(t, db.QueueAsked(t.Context(), Event(audit.PasswordResetAsked), l))
	sent, hash := claim(t, db)
	must(t, db.LetterSent(t.Context(), sent.ID))
	return accounts.UsedLink{Hash: hash, Purpose: l.Link.Purpose}
}

// letterFor is a letter with a link for that purpose, of u, or of nobody yet.
func letterFor(purpose accounts.LinkPurpose, u accounts.User, email string) accounts.Letter {
	return accounts.Letter{
		ID: keys.NewTokenID(), Kind: accounts.LetterKind(purpose), To: email, UserID: u.ID,
		Link: &accounts.LinkTerms{Purpose: purpose, UserID: u.ID, CredentialVersion: u.CredentialVersion, Email: email, Lifetime: time.Hour},
	}
}

// told is a letter that tells of a change.
func told(u accounts.User) accounts.Letter {
	return accounts.Letter{ID: keys.NewTokenID(), Kind: accounts.LetterPasswordChanged, To: "told@example.com", UserID: u.ID}
}

func lookAt(t *testing.T, what string, db *storage.DB, l accounts.UsedLink, want error) {
	t.Helper()
	_, err := db.LinkByHash(t.Context(), l.Hash, l.Purpose)
	is(t, what, err, want)
}

func testUsersByEmail(t *testing.T, open OpenFunc) {
	db, ctx := open(t, storage.Options{}), t.Context()
	add := func(email string, active bool) string {
		id := uuid.NewString()
		_, err := db.CreateUser(ctx, accounts.User{ID: id, Username: id, Email: email, Active: active}, Event(audit.UserCreated))
		must(t, err)
		return id
	}
	found := func(email string) string {
		users, err := db.UsersByEmail(ctx, email)
		must(t, err)
		var ids []string
		for _, u := range users {
			ids = append(ids, u.ID)
		}
		return strings.Join(ids, " ")
	}
	inactive, peter := add("Peter@Example.com", false), add("peter@example.com", true)
	add("", true)
	kelvin, umlaut := add("\u212aim@example.com", true), add("jürgen@example.com", true)
	equal(t, "in any letter case, active ones first", found("PETER@example.COM"), peter+" "+inactive)
	equal(t, "without an address", found(""), "")
	equal(t, "of nobody", found("peter@example.org"), "")
	equal(t, "a K that is none", found("kim@example.com"), "")
	equal(t, "the same K", found("\u212aim@example.com"), kelvin)
	equal(t, "beyond ASCII", found("Jürgen@example.com"), umlaut)
	equal(t, "beyond ASCII in another case", found("JÜRGEN@example.com"), "")
	for range 12 {
		add("many@example.com", true)
	}
	equal(t, "how many", len(strings.Fields(found("many@example.com"))), 10)
}

func testTakeLetters(t *testing.T, open OpenFunc) {
	clock := NewClock()
	db, ctx := open(t, storage.Options{DatabaseNow: clock.Now}), t.Context()
	take := func(want bool, limits ...accounts.LetterLimit) {
		t.Helper()
		taken, err := db.TakeLetters(ctx, limits)
		must(t, err)
		equal(t, "taken", taken, want)
	}
	to, from := accounts.LetterLimit{Bucket: "to", Most: 2}, accounts.LetterLimit{Bucket: "from", Most: 3}
	take(true, to, from)
	clock.Advance(time.Minute)
	take(true, from, to)
	take(false, to, from) // and counts nothing in from
	take(true, from)
	take(false, from)
	clock.Advance(time.Hour - time.Minute - time.Microsecond)
	take(false, to)
	clock.Advance(time.Microsecond)
	take(true, to, from)

	db = open(t, storage.Options{MaxOpen: contenders})
	var taken atomic.Int64
	must(t, atOnce(contenders, func(i int) error {
		limits := []accounts.LetterLimit{{Bucket: "to", Most: 5}, {Bucket: fmt.Sprint("from ", i%2), Most: 20}}
		ok, err := db.TakeLetters(ctx, limits)
		if ok {
			taken.Add(1)
		}
		return err
	}))
	equal(t, "taken at once", taken.Load(), 5)
}

// testAskedLetters: the newest link for something is the only one.
func testAskedLetters(t *testing.T, open OpenFunc) {
	db, ctx := open(t, storage.Options{}), t.Context()
	u, other := User(t, db), User(t, db)
	reset := func(u accounts.User) accounts.Letter { return letterFor(accounts.LinkPasswordReset, u, u.Email) }
	confirm := asked(t, db, letterFor(accounts.LinkEmailConfirm, u, "new@example.com"))
	others := asked(t, db, reset(other))
	first := asked(t, db, reset(u))
	lookAt(t, "the first", db, first, nil)
	must(t, db.QueueAsked(ctx, Event(audit.PasswordResetAsked), reset(u))) // and it does not leave yet
	lookAt(t, "the first when there is a second", db, first, accounts.ErrLinkGone)
	third := asked(t, db, reset(u))
	noLetter(t, db, "the second when there is a third")
	lookAt(t, "the third", db, third, nil)

	minted := accounts.UsedLink{Hash: keys.NewSecret().Hash(), Purpose: accounts.LinkPasswordReset}
	must(t, db.MintLink(ctx, minted.Hash, *reset(u).Link, Event(audit.PasswordResetAsked)))
	lookAt(t, "the third when there is one without a letter", db, third, accounts.ErrLinkGone)
	lookAt(t, "the one without a letter", db, minted, nil)
	lookAt(t, "the one for something else", db, confirm, nil)
	lookAt(t, "that of another user", db, others, nil)

	nobody := accounts.User{}
	invited := asked(t, db, letterFor(accounts.LinkInvitation, nobody, "gwen@example.com"))
	stays := asked(t, db, letterFor(accounts.LinkInvitation, nobody, "mary@example.com"))
	signUp := asked(t, db, letterFor(accounts.LinkSignUp, nobody, "gwen@example.com"))
	again := asked(t, db, letterFor(accounts.LinkInvitation, nobody, "Gwen@example.com"))
	asked(t, db, letterFor(accounts.LinkSignUp, nobody, "gwen@example.com"))
	lookAt(t, "an invitation when there is another to that address", db, invited, accounts.ErrLinkGone)
	lookAt(t, "the other", db, again, nil)
	lookAt(t, "one to another address", db, stays, nil)
	lookAt(t, "a link to sign up when there is another", db, signUp, nil)
	equal(t, "events", actions(t, db, audit.PasswordResetAsked), 11)
}

// testHandedLinks: whoever knows no more than a name, and asks for a letter, doesn't end the link that an administrator has
// handed over (OWASP, Forgot Password: a request alone changes nothing of an account).
func testHandedLinks(t *testing.T, open OpenFunc) {
	db, ctx := open(t, storage.Options{}), t.Context()
	u := User(t, db)
	reset := letterFor(accounts.LinkPasswordReset, u, u.Email)
	handed := accounts.UsedLink{Hash: keys.NewSecret().Hash(), Purpose: accounts.LinkPasswordReset}
	terms := *reset.Link
	terms.Email = ""
	must(t, db.MintLink(ctx, handed.Hash, terms, Event(audit.PasswordResetAsked)))
	stranger := Event(audit.PasswordResetAsked)
	stranger.Actor = audit.Actor{Kind: audit.Anonymous, Address: "192.0.2.7"}
	byStranger := func() accounts.UsedLink {
		reset.ID = keys.NewTokenID()
		must(t, db.QueueAsked(ctx, stranger, reset))
		sent, hash := claim(t, db)
		must(t, db.LetterSent(ctx, sent.ID))
		return accounts.UsedLink{Hash: hash, Purpose: accounts.LinkPasswordReset}
	}
	first := byStranger()
	second := byStranger()
	lookAt(t, "the handed one when a stranger asks for a letter", db, handed, nil)
	lookAt(t, "that of the letter before", db, first, accounts.ErrLinkGone)
	lookAt(t, "that of the letter", db, second, nil)
	must(t, db.ResetPassword(ctx, second, "$x$s$new", Event(audit.UserPasswordSet)))
	lookAt(t, "the handed one when the password is another", db, handed, accounts.ErrLinkGone)

	u, err := db.UserByID(ctx, u.ID)
	must(t, err)
	terms.CredentialVersion, handed.Hash = u.CredentialVersion, keys.NewSecret().Hash()
	must(t, db.MintLink(ctx, handed.Hash, terms, Event(audit.PasswordResetAsked)))
	must(t, db.QueueAsked(ctx, Event(audit.PasswordResetAsked), letterFor(accounts.LinkPasswordReset, u, u.Email)))
	lookAt(t, "the handed one when an administrator sends a letter", db, handed, accounts.ErrLinkGone)
}

func newUser(email string) accounts.User {
	return accounts.User{ID: uuid.NewString(), Username: email, Email: email, EmailVerified: true, Active: true, PasswordHash: "$x$s$h"}
}

func testCreateUserByLink(t *testing.T, open OpenFunc) {
	db, ctx := open(t, storage.Options{}), t.Context()
	link := asked(t, db, letterFor(accounts.LinkSignUp, accounts.User{}, "gwen@example.com"))
	taken, err := db.CreateUser(ctx, newUser("GWEN@example.com"), Event(audit.UserCreated))
	must(t, err)
	_, err = db.CreateUserByLink(ctx, link, newUser("gwen@example.com"), Event(audit.UserCreated))
	is(t, "a name that is taken", err, accounts.ErrUsernameTaken)
	lookAt(t, "the link then", db, link, nil)
	_, err = db.DeleteUser(ctx, taken.ID, Event(audit.UserDeleted))
	must(t, err)
	_, err = db.CreateUserByLink(ctx, accounts.UsedLink{Hash: link.Hash, Purpose: accounts.LinkInvitation}, newUser("gwen@example.com"), Event(audit.UserCreated))
	is(t, "for another purpose", err, accounts.ErrLinkGone)

	u, err := db.CreateUserByLink(ctx, link, newUser("gwen@example.com"), Event(audit.UserCreated))
	must(t, err)
	stored, err := db.UserByID(ctx, u.ID)
	must(t, err)
	equal(t, "the user", stored, u)
	_, err = db.CreateUserByLink(ctx, link, newUser("other@example.com"), Event(audit.UserCreated))
	is(t, "the same link again", err, accounts.ErrLinkUsed)
	equal(t, "events", actions(t, db, audit.UserCreated), 2)
}

func testResetPassword(t *testing.T, open OpenFunc) {
	db, ctx := open(t, storage.Options{}), t.Context()
	u := User(t, db)
	no := false
	_, err := db.UpdateUser(ctx, u.ID, accounts.Change{EmailVerified: &no}, Event(audit.UserUpdated))
	must(t, err)
	SignIn(t, db, u)
	Session(t, db, u)
	link := asked(t, db, letterFor(accounts.LinkPasswordReset, u, u.Email))
	must(t, db.ResetPassword(ctx, link, "$x$s$new", Event(audit.UserPasswordSet), told(u)))
	after, err := db.UserByID(ctx, u.ID)
	must(t, err)
	equal(t, "hash", after.PasswordHash, "$x$s$new")
	equal(t, "version", after.CredentialVersion, 2)
	equal(t, "verified", after.EmailVerified, true)
	checkRevoked(t, db, u.ID, issuer.PasswordChanged)
	sessions, _, err := db.Sessions(ctx, u.ID)
	must(t, err)
	equal(t, "sessions", len(sessions), 0)
	equal(t, "events", actions(t, db, audit.UserPasswordSet), 1)
	letter, _ := claim(t, db)
	equal(t, "the letter", letter.Kind, accounts.LetterPasswordChanged)
	must(t, db.LetterSent(ctx, letter.ID))
	is(t, "the same link again", db.ResetPassword(ctx, link, "$x$s$third", Event(audit.UserPasswordSet)), accounts.ErrLinkUsed)

	link = asked(t, db, letterFor(accounts.LinkPasswordReset, after, "old@example.com"))
	is(t, "to an address that is not the user's any more", db.ResetPassword(ctx, link, "$x$s$third", Event(audit.UserPasswordSet)), accounts.ErrLinkGone)
	lookAt(t, "the link then", db, link, nil)
	link = accounts.UsedLink{Hash: keys.NewSecret().Hash(), Purpose: accounts.LinkPasswordReset}
	_, err = db.UpdateUser(ctx, u.ID, accounts.Change{EmailVerified: &no}, Event(audit.UserUpdated))
	must(t, err)
	must(t, db.MintLink(ctx, link.Hash, *letterFor(link.Purpose, after, "").Link, Event(audit.PasswordResetAsked)))
	must(t, db.ResetPassword(ctx, link, "$x$s$third", Event(audit.UserPasswordSet)))
	after, err = db.UserByID(ctx, u.ID)
	must(t, err)
	equal(t, "verified by a link that went to no address", after.EmailVerified, false)
}

func testConfirmEmail(t *testing.T, open OpenFunc) {
	db, ctx := open(t, storage.Options{}), t.Context()
	u := User(t, db)
	reset := asked(t, db, letterFor(accounts.LinkPasswordReset, u, u.Email))
	link := asked(t, db, letterFor(accounts.LinkEmailConfirm, u, "new@example.com"))
	_, err := db.ConfirmEmail(ctx, link, "another@example.com", Event(audit.UserUpdated), told(u))
	is(t, "from another address", err, accounts.ErrLinkGone)
	noLetter(t, db, "when nothing was changed")
	after, err := db.ConfirmEmail(ctx, link, u.Email, Event(audit.UserUpdated), told(u))
	must(t, err)
	equal(t, "address", after.Email, "new@example.com")
	equal(t, "version", after.CredentialVersion, 1)
	lookAt(t, "a link to reset that went to the old address", db, reset, accounts.ErrLinkGone)
	letter, _ := claim(t, db)
	equal(t, "the letter", letter.Kind, accounts.LetterPasswordChanged)
	_, err = db.ConfirmEmail(ctx, link, "new@example.com", Event(audit.UserUpdated))
	is(t, "the same link again", err, accounts.ErrLinkUsed)
	equal(t, "events", actions(t, db, audit.UserUpdated), 1)
}

func testOwnChanges(t *testing.T, open OpenFunc) {
	db, ctx := open(t, storage.Options{}), t.Context()
	u := User(t, db)
	name := "Miles"
	rename := func(seen accounts.User) accounts.Change {
		equal(t, "the user under the lock", seen.GivenName, "Peter")
		return accounts.Change{GivenName: &name}
	}
	is(t, "at another version", db.UpdateOwn(ctx, u.ID, 2, rename, Event(audit.UserUpdated)), accounts.ErrNotSignedIn)
	must(t, db.UpdateOwn(ctx, u.ID, 1, rename, Event(audit.UserUpdated)))
	after, err := db.UserByID(ctx, u.ID)
	must(t, err)
	equal(t, "name", after.GivenName, "Miles")
	equal(t, "the rest", after.FamilyName, "Parker")
	equal(t, "events", actions(t, db, audit.UserUpdated), 1)

	SignIn(t, db, u)
	Session(t, db, u)
	_, err = db.ChangePassword(ctx, u.ID, 2, "$x$s$new", Event(audit.UserPasswordSet), told(u))
	is(t, "a password at another version", err, accounts.ErrNotSignedIn)
	version, err := db.ChangePassword(ctx, u.ID, 1, "$x$s$new", Event(audit.UserPasswordSet), told(u))
	must(t, err)
	equal(t, "version", version, 2)
	checkRevoked(t, db, u.ID, issuer.PasswordChanged)
	sessions, _, err := db.Sessions(ctx, u.ID)
	must(t, err)
	equal(t, "sessions", len(sessions), 0)
	claim(t, db)
	noLetter(t, db, "after the one that tells of it")

	_, err = db.Deactivate(ctx, u.ID, Event(audit.UserDeactivated))
	must(t, err)
	for what, err := range map[string]error{
		"name":   db.UpdateOwn(ctx, u.ID, 3, rename, Event(audit.UserUpdated)),
		"delete": db.DeleteOwn(ctx, u.ID, 3, Event(audit.UserDeleted)),
	} {
		is(t, what+" of one who is deactivated", err, accounts.ErrNotSignedIn)
	}
}

func testDeleteOwn(t *testing.T, open OpenFunc) {
	db, ctx := open(t, storage.Options{}), t.Context()
	u := User(t, db)
	SignIn(t, db, u)
	link := asked(t, db, letterFor(accounts.LinkEmailConfirm, u, "new@example.com"))
	is(t, "at another version", db.DeleteOwn(ctx, u.ID, 2, Event(audit.UserDeleted)), accounts.ErrNotSignedIn)
	must(t, db.DeleteOwn(ctx, u.ID, 1, Event(audit.UserDeleted), told(u)))
	_, err := db.UserByID(ctx, u.ID)
	is(t, "the user", err, accounts.ErrUserNotFound)
	checkRevoked(t, db, u.ID, issuer.Deleted)
	lookAt(t, "their link", db, link, accounts.ErrLinkGone)
	claim(t, db)

	yes := true
	var admins []accounts.User
	for range 2 {
		a, err := db.UpdateUser(ctx, User(t, db).ID, accounts.Change{Admin: &yes}, Event(audit.UserUpdated))
		must(t, err)
		admins = append(admins, a)
	}
	var refused atomic.Int64
	must(t, atOnce(len(admins), func(i int) error {
		err := db.DeleteOwn(ctx, admins[i].ID, 1, Event(audit.UserDeleted))
		if errors.Is(err, accounts.ErrLastAdministrator) {
			refused.Add(1)
			return nil
		}
		return err
	}))
	equal(t, "administrators who may not leave", refused.Load(), 1)
}

func testKept(t *testing.T, open OpenFunc) {
	db, ctx := open(t, storage.Options{}), t.Context()
	u, other := User(t, db), User(t, db)
	for _, person := range []accounts.User{u, other} {
		SignIn(t, db, person)
		Session(t, db, person)
		must(t, db.AddSuccess(ctx, accounts.Success{Account: "a", UserID: person.ID, Address: "192.0.2.7"}))
		must(t, db.AddRefusal(ctx, audit.Refusal{Account: person.ID, Address: "192.0.2.8", Reason: "credentials"}))
		must(t, db.QueueLetters(ctx, NewLetter(person)))
	}
	mine, theirs := Event(audit.UserUpdated), Event(audit.UserUpdated)
	mine.Actor, mine.SubjectID = audit.Actor{Kind: audit.User, ID: u.ID, Address: "192.0.2.9"}, u.ID
	theirs.Actor, theirs.SubjectID = audit.Actor{Kind: audit.User, ID: u.ID}, other.ID
	must(t, db.RecordEvent(ctx, mine))
	must(t, db.RecordEvent(ctx, theirs))
	exported := mine
	exported.Action = audit.UserExported
	kept, err := db.Kept(ctx, u.ID, exported)
	must(t, err)
	equal(t, "counts", []int{len(kept.Sessions), len(kept.Grants), len(kept.Addresses), len(kept.Refusals), len(kept.Letters), len(kept.Events)}, []int{1, 1, 1, 1, 1, 2})
	equal(t, "the newest event", kept.Events[0].SubjectID, "")
	equal(t, "the own event", kept.Events[1].Address, "192.0.2.9")
	equal(t, "address", kept.Addresses[0].Address, "192.0.2.7")
	equal(t, "events", actions(t, db, audit.UserExported), 1)
	empty, err := db.Kept(ctx, uuid.NewString(), exported)
	must(t, err)
	equal(t, "of nobody", len(empty.Sessions)+len(empty.Grants)+len(empty.Events)+len(empty.Letters), 0)
}

// testSelfServiceRaces: of two uses of one link one makes an account; a sign-in beside a reset is ended by it or
// refused; an address that is confirmed beside a deletion makes nobody live again.
func testSelfServiceRaces(t *testing.T, open OpenFunc) {
	db, ctx := open(t, storage.Options{MaxOpen: contenders}), t.Context()
	for round := range 20 {
		link := asked(t, db, letterFor(accounts.LinkSignUp, accounts.User{}, fmt.Sprintf("gwen%d@example.com", round)))
		var made atomic.Int64
		must(t, atOnce(8, func(i int) error {
			_, err := db.CreateUserByLink(ctx, link, newUser(fmt.Sprintf("user-%d-%d@example.com", round, i)), Event(audit.UserCreated))
			if err == nil {
				made.Add(1)
			}
			return unless(err, accounts.ErrLinkUsed)
		}))
		equal(t, "accounts by one link", made.Load(), 1)

		u := User(t, db)
		reset := asked(t, db, letterFor(accounts.LinkPasswordReset, u, u.Email))
		var resets atomic.Int64
		must(t, atOnce(9, func(i int) error {
			switch i % 3 {
			case 0:
				err := db.ResetPassword(ctx, reset, "$x$s$new", Event(audit.UserPasswordSet))
				if err == nil {
					resets.Add(1)
				}
				return unless(err, accounts.ErrLinkUsed, accounts.ErrLinkGone)
			case 1:
				_, err := db.StartSession(ctx, NewSession(u), Event(audit.UserSignedIn))
				return unless(err, accounts.ErrCredentials)
			}
			_, err := db.CreateGrant(ctx, NewGrant(u), Event(audit.UserSignedIn))
			return unless(err, issuer.ErrUserChanged)
		}))
		equal(t, "resets by one link", resets.Load(), 1)
		equal(t, "what lives on", living(ctx, t, db, u.ID), 0)

		u = User(t, db)
		confirm := asked(t, db, letterFor(accounts.LinkEmailConfirm, u, "new@example.com"))
		must(t, atOnce(2, func(i int) error {
			if i == 0 {
				return db.DeleteOwn(ctx, u.ID, 1, Event(audit.UserDeleted))
			}
			_, err := db.ConfirmEmail(ctx, confirm, u.Email, Event(audit.UserUpdated))
			return unless(err, accounts.ErrLinkGone)
		}))
		_, err := db.UserByID(ctx, u.ID)
		is(t, "the deleted user", err, accounts.ErrUserNotFound)
	}
}

// living counts the sessions and grants of a user that have not ended.
func living(ctx context.Context, t *testing.T, db *storage.DB, userID string) int {
	t.Helper()
	sessions, _, err := db.Sessions(ctx, userID)
	must(t, err)
	grants, err := db.Grants(ctx, issuer.GrantQuery{UserID: userID, LiveOnly: true, Limit: 100})
	must(t, err)
	return len(sessions) + len(grants)
}
