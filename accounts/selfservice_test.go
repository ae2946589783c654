package accounts_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"keyturn/accounts"
	"keyturn/audit"
	"keyturn/keys"
	"keyturn/storage"
	"keyturn/storage/storagetest"
)

// town is an installation with self-service, on a real database.
type town struct {
	*testing.T
	db    *storage.DB
	clock *storagetest.Clock
	*accounts.SelfService
}

var (
	operator = audit.Actor{Kind: audit.Operator, ID: "root", Rights: audit.ManageAll}
	stranger = audit.Actor{Kind: audit.Anonymous, Address: "192.0.2.1"}
)

const (
	long  = "correct horse battery staple"
	other = "another staple of a horse"
)

func newTown(t *testing.T) *town {
	clock := storagetest.NewClock()
	db := storagetest.Open(t, storagetest.SQLite(t), storage.Options{DatabaseNow: clock.Now})
	people := &accounts.Service{Store: db, Now: clock.Now, Argon2: accounts.Argon2{Memory: 64, Time: 1, Threads: 1}}
	return &town{T: t, db: db, clock: clock, SelfService: &accounts.SelfService{
		People: people, Store: db, Allow: accounts.AllFeatures(), Mail: true,
	}}
}

func (w *town) must(err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
}

func (w *town) is(what string, got, want error) {
	w.Helper()
	if !errors.Is(got, want) {
		w.Errorf("%s: got %v, want %v", what, got, want)
	}
}

// wrong demands an *InvalidRequest of that parameter.
func (w *town) wrong(what string, err error, param string) {
	w.Helper()
	in, ok := errors.AsType[*accounts.InvalidRequest](err)
	if !ok || in.Param != param {
		w.Errorf("%s: got %v, want that %s is wrong", what, err, param)
	}
}

// letters takes all letters that are due, with the secrets of their links.
func (w *town) letters() (letters []accounts.QueuedLetter, secrets []keys.Secret) {
	w.Helper()
	for {
		secret := keys.NewSecret()
		l, err := w.db.ClaimLetter(w.Context(), time.Minute, secret.Hash())
		if errors.Is(err, accounts.ErrNoLetter) {
			return letters, secrets
		}
		w.must(err)
		w.must(w.db.LetterSent(w.Context(), l.ID))
		letters, secrets = append(letters, l), append(secrets, secret)
	}
}

// arrived demands the kinds of the letters that are due, in the order of their recipients, and returns the
// secret of the first with a link.
func (w *town) arrived(what, want string) keys.Secret {
	w.Helper()
	letters, secrets := w.letters()
	var kinds []string
	var found keys.Secret
	for i, l := range letters {
		kinds = append(kinds, string(l.Kind)+":"+l.To)
		if l.Link != nil && found.Reveal() == "" {
			found = secrets[i]
		}
	}
	if got := sorted(kinds); got != sorted(strings.Fields(want)) {
		w.Errorf("%s: letters %q, want %q", what, got, want)
	}
	return found
}

// add makes a user with a password and a verified address.
func (w *town) add(username, email string) accounts.User {
	w.Helper()
	u, err := w.People.Create(w.Context(), accounts.NewUser{Username: username, Email: email, EmailVerified: email != "", Password: long}, operator)
	w.must(err)
	return u
}

func (w *town) signIn(username, password string) (accounts.Authentication, error) {
	return w.People.Authenticate(w.Context(), accounts.SignIn{Username: username, Password: password, Actor: stranger})
}

func TestSignUp(t *testing.T) {
	w, ctx := newTown(t), t.Context()
	w.wrong("no address", w.SignUp(ctx, accounts.SignUp{Email: "nonsense"}, stranger), "email")
	w.must(w.SignUp(ctx, accounts.SignUp{Email: "gwen@example.com", Language: "de"}, stranger))
	secret := w.arrived("sign-up", "sign_up:gwen@example.com")
	opened, err := w.Look(ctx, accounts.LinkSignUp, secret)
	w.must(err)
	if opened.Email != "gwen@example.com" || opened.Username != "gwen@example.com" || opened.LeastPassword != 15 {
		t.Errorf("opened %+v", opened)
	}
	_, err = w.FinishSignUp(ctx, secret, accounts.NewPerson{Password: "fourteen chars"}, stranger)
	w.wrong("14 characters", err, "password")
	_, err = w.FinishSignUp(ctx, secret, accounts.NewPerson{Password: "gwen@example.com"}, stranger)
	if refused, ok := errors.AsType[*accounts.PasswordRefused](err); !ok || refused.Why != accounts.PasswordAboutYou {
		t.Errorf("the address as password: %v", err)
	}
	who, err := w.FinishSignUp(ctx, secret, accounts.NewPerson{GivenName: "Gwen", Password: long}, stranger)
	w.must(err)
	u, err := w.People.Get(ctx, who.UserID())
	w.must(err)
	if u.Username != "gwen@example.com" || !u.EmailVerified || u.Admin || u.GivenName != "Gwen" || !u.Active {
		t.Errorf("user %+v", u)
	}
	_, err = w.Look(ctx, accounts.LinkSignUp, secret)
	w.is("the link again", err, accounts.ErrLinkUsed)

	w.must(w.SignUp(ctx, accounts.SignUp{Email: "Gwen@example.com"}, stranger))
	w.arrived("who has an account", "sign_up_exists:gwen@example.com")
	w.Allow = accounts.Features{accounts.FeatureName}
	w.is("switched off", w.SignUp(ctx, accounts.SignUp{Email: "mary@example.com"}, stranger), accounts.ErrNotOffered)
	w.Allow, w.Mail = accounts.AllFeatures(), false
	w.is("without mail", w.SignUp(ctx, accounts.SignUp{Email: "mary@example.com"}, stranger), accounts.ErrNotOffered)
}

// An address that nobody has proved neither keeps its holder from an account nor opens that of another.
func TestUnverifiedAddressOpensNothing(t *testing.T) {
	w, ctx := newTown(t), t.Context()
	u := w.add("spiderman", "peter@example.com")
	no := false
	_, err := w.People.Update(ctx, u.ID, accounts.Change{EmailVerified: &no}, operator)
	w.must(err)
	for _, asked := range []string{"peter@example.com", "spiderman"} {
		w.must(w.AskReset(ctx, accounts.ResetRequest{NameOrEmail: asked}, stranger))
	}
	w.arrived("resets", "")
	w.must(w.SignUp(ctx, accounts.SignUp{Email: "peter@example.com"}, stranger))
	w.arrived("a sign-up", "sign_up:peter@example.com")
	w.must(w.SendReset(ctx, u.ID, operator)) // whom the administrator vouches for
	w.must(w.Reset(ctx, w.arrived("by an administrator", "password_reset:peter@example.com"), other, stranger))
	if after, err := w.People.Get(ctx, u.ID); err != nil || !after.EmailVerified {
		t.Errorf("the address is not verified by the link: %+v, %v", after, err)
	}
}

func TestReset(t *testing.T) {
	w, ctx := newTown(t), t.Context()
	u := w.add("spiderman", "peter@example.com")
	who, err := w.signIn("spiderman", long)
	w.must(err)
	ask := func(name string) { w.must(w.AskReset(ctx, accounts.ResetRequest{NameOrEmail: name}, stranger)) }
	ask("nobody")
	ask("nobody@example.com")
	w.arrived("for nobody", "")
	ask("spiderman")
	first := w.arrived("by name", "password_reset:peter@example.com")
	ask("Peter@example.com")
	second := w.arrived("by address", "password_reset:peter@example.com")
	_, err = w.Look(ctx, accounts.LinkPasswordReset, first)
	w.is("the older link", err, accounts.ErrLinkGone)
	w.must(w.Reset(ctx, second, other, stranger))
	w.arrived("after it", "password_changed:peter@example.com")
	w.is("the same link again", w.Reset(ctx, second, long, stranger), accounts.ErrLinkUsed)
	_, err = w.signIn("spiderman", long)
	w.is("the old password", err, accounts.ErrCredentials)
	_, err = w.signIn("spiderman", other)
	w.must(err)
	w.is("a proof from before", w.ChangeName(ctx, who, accounts.Profile{}, stranger), accounts.ErrNotSignedIn)

	ask("spiderman")
	late := w.arrived("once more", "password_reset:peter@example.com")
	w.clock.Advance(30 * time.Minute)
	w.is("after 30 minutes", w.Reset(ctx, late, long, stranger), accounts.ErrLinkGone)
	_, err = w.People.Deactivate(ctx, u.ID, operator)
	w.must(err)
	ask("spiderman")
	w.arrived("for one who is deactivated", "")
}

// The limits are the same for addresses with and without an account, and tell nobody.
func TestLettersAreLimited(t *testing.T) {
	w, ctx := newTown(t), t.Context()
	w.add("spiderman", "peter@example.com")
	for range 7 {
		w.must(w.AskReset(ctx, accounts.ResetRequest{NameOrEmail: "peter@example.com"}, stranger))
		w.must(w.SignUp(ctx, accounts.SignUp{Email: "peter@example.com"}, stranger))
	}
	letters, _ := w.letters()
	sent := len(letters)
	if sent < 3 || sent > 5 { // the newest reset takes the place of those that have not left
		t.Errorf("%d letters to one address, want at most 5", sent)
	}
	for n := range 30 {
		w.must(w.SignUp(ctx, accounts.SignUp{Email: strings.Repeat("a", n+1) + "@example.com"}, stranger))
	}
	if letters, _ = w.letters(); len(letters) != 20-5 {
		t.Errorf("%d more letters from one place, want 15", len(letters))
	}
	refusals, err := w.db.Refusals(ctx, audit.RefusalQuery{Account: "unknown", Until: w.clock.Now().Add(time.Hour), Limit: 10})
	w.must(err)
	if len(refusals) != 1 || refusals[0].Reason != "too_many_letters" || refusals[0].Count != 9+15 {
		t.Errorf("refusals %+v", refusals)
	}
	w.clock.Advance(time.Hour)
	w.must(w.SignUp(ctx, accounts.SignUp{Email: "peter@example.com"}, stranger))
	w.arrived("an hour later", "sign_up_exists:peter@example.com")
}

// Who asks by the name of an account counts for its address, too.
func TestLettersByNameAreLimited(t *testing.T) {
	w, ctx := newTown(t), t.Context()
	w.add("spiderman", "peter@example.com")
	for n, name := range []string{"spiderman", "spiderman", "peter@example.com", "PETER@example.com", "peter@example.com"} {
		w.must(w.AskReset(ctx, accounts.ResetRequest{NameOrEmail: name}, stranger))
		w.arrived(fmt.Sprint("letter ", n+1), "password_reset:peter@example.com")
	}
	w.must(w.AskReset(ctx, accounts.ResetRequest{NameOrEmail: "spiderman"}, stranger))
	w.arrived("the sixth", "")
}

func TestInvitation(t *testing.T) {
	w, ctx := newTown(t), t.Context()
	in := accounts.Invitation{Email: "gwen@example.com", Username: "gwen", GivenName: "Gwen", FamilyName: "Stacy"}
	w.is("by nobody", w.Invite(ctx, in, stranger), audit.ErrForbidden)
	admin := w.add("root", "")
	yes := true
	_, err := w.People.Update(ctx, admin.ID, accounts.Change{Admin: &yes}, operator)
	w.must(err)
	inviter := audit.Actor{Kind: audit.User, ID: admin.ID, Rights: audit.ManageAll}
	w.must(w.Invite(ctx, in, inviter))
	secret := w.arrived("invitation", "invitation:gwen@example.com")
	opened, err := w.Look(ctx, accounts.LinkInvitation, secret)
	w.must(err)
	if opened.Username != "gwen" || opened.GivenName != "Gwen" || opened.FamilyName != "Stacy" {
		t.Errorf("opened %+v", opened)
	}
	_, err = w.People.Deactivate(ctx, admin.ID, operator) // beside an operator nobody is left, which is refused
	w.is("the last administrator", err, accounts.ErrLastAdministrator)
	second := w.add("second", "")
	_, err = w.People.Update(ctx, second.ID, accounts.Change{Admin: &yes}, operator)
	w.must(err)
	_, err = w.People.Deactivate(ctx, admin.ID, operator)
	w.must(err)
	_, err = w.AcceptInvitation(ctx, secret, accounts.NewPerson{Password: long}, stranger)
	w.is("of one who may not invite any more", err, accounts.ErrLinkGone)
	w.must(w.People.Activate(ctx, admin.ID, operator))
	who, err := w.AcceptInvitation(ctx, secret, accounts.NewPerson{GivenName: "Gwendolyn", Password: long}, stranger)
	w.must(err)
	if u, err := w.People.Get(ctx, who.UserID()); err != nil || u.Username != "gwen" || u.GivenName != "Gwendolyn" || u.Admin || !u.EmailVerified {
		t.Errorf("user %+v, %v", u, err)
	}
	w.is("a name that is taken", w.Invite(ctx, in, inviter), accounts.ErrUsernameTaken)
	in.Username = ""
	if in, ok := errors.AsType[*accounts.InvalidRequest](w.Invite(ctx, in, inviter)); !ok || in.Param != "email" {
		t.Errorf("somebody who has an account: %v", in)
	}
	in.Username = "another-one"
	w.must(w.Invite(ctx, in, inviter))
}

// An invitation that no letter carried proves no address: whoever was handed the link need not read it.
func TestInvitationByHandProvesNoAddress(t *testing.T) {
	w, ctx := newTown(t), t.Context()
	secret, err := w.InvitationLink(ctx, accounts.Invitation{Email: "gwen@example.com", Username: "gwen"}, operator)
	w.must(err)
	who, err := w.AcceptInvitation(ctx, secret, accounts.NewPerson{Password: long}, stranger)
	w.must(err)
	if u, err := w.People.Get(ctx, who.UserID()); err != nil || u.Email != "gwen@example.com" || u.EmailVerified {
		t.Errorf("user %+v, %v", u, err)
	}
}

// ASVS 5.0 6.3.7: people hear of what an administrator changes of how they sign in, an address at both.
func TestPeopleHearOfWhatAdministratorsChange(t *testing.T) {
	w, ctx := newTown(t), t.Context()
	u := w.add("spiderman", "peter@example.com")
	_, err := w.People.SetPassword(ctx, u.ID, other, operator)
	w.must(err)
	w.arrived("without mail", "")
	w.People.Mail = true
	_, err = w.People.SetPassword(ctx, u.ID, long, operator)
	w.must(err)
	w.arrived("a new password", "password_changed:peter@example.com")
	change := func(email string) {
		t.Helper()
		_, err := w.People.Update(ctx, u.ID, accounts.Change{Email: &email}, operator)
		w.must(err)
	}
	change("spider@example.com")
	w.arrived("a new address", "email_changed:peter@example.com email_changed:spider@example.com")
	change("spider@EXAMPLE.com")
	w.arrived("the same address", "")
	change("")
	w.arrived("no address any more", "email_changed:spider@EXAMPLE.com")
}

// Changes of what somebody signs in with need a recent proof, and the old password.
func TestOwnAccount(t *testing.T) {
	w, ctx := newTown(t), t.Context()
	w.add("spiderman", "peter@example.com")
	who, err := w.signIn("spiderman", long)
	w.must(err)
	w.wrong("a wrong time zone", w.ChangeName(ctx, who, accounts.Profile{Zoneinfo: "a b"}, stranger), "zoneinfo")
	w.must(w.ChangeName(ctx, who, accounts.Profile{GivenName: "Peter", Locale: "de"}, stranger))
	_, err = w.ChangePassword(ctx, who, "wrong", other, stranger)
	w.wrong("a wrong old password", err, "old_password")
	_, err = w.ChangePassword(ctx, who, long, "too short", stranger)
	w.wrong("a short new password", err, "password")
	next, err := w.ChangePassword(ctx, who, long, other, stranger)
	w.must(err)
	w.arrived("the password", "password_changed:peter@example.com")
	w.is("the proof from before", w.ChangeName(ctx, who, accounts.Profile{}, stranger), accounts.ErrNotSignedIn)

	w.wrong("the same address", w.AskEmailChange(ctx, next, "peter@example.com", "", stranger), "email")
	w.must(w.AskEmailChange(ctx, next, "new@example.com", "", stranger))
	secret := w.arrived("the address", "email_confirm:new@example.com email_changing:peter@example.com")
	w.add("norman", "norman@example.com")
	norman, err := w.signIn("norman", long)
	w.must(err)
	_, err = w.ConfirmEmail(ctx, secret, norman, stranger)
	w.is("where somebody else is signed in", err, accounts.ErrLinkGone)
	u, err := w.ConfirmEmail(ctx, secret, accounts.Authentication{}, stranger)
	w.must(err)
	if u.Email != "new@example.com" || !u.EmailVerified || u.PasswordHash != "" {
		t.Errorf("user %+v", u)
	}
	w.arrived("confirmed", "email_changed:new@example.com email_changed:peter@example.com")

	export, err := w.Export(ctx, next, stranger)
	w.must(err)
	if export.Account.Email != "new@example.com" || !export.Account.HasPassword || len(export.Events) < 5 {
		t.Errorf("export %+v", export)
	}
	w.clock.Advance(11 * time.Minute)
	_, changed := w.ChangePassword(ctx, next, other, long, stranger)
	_, exported := w.Export(ctx, next, stranger)
	for what, err := range map[string]error{
		"password": changed, "download": exported,
		"address":  w.AskEmailChange(ctx, next, "more@example.com", "", stranger),
		"deletion": w.Delete(ctx, next, stranger),
	} {
		w.is(what+" after 11 minutes", err, accounts.ErrReauthenticate)
	}
	again, err := w.signIn("spiderman", other)
	w.must(err)
	w.must(w.Delete(ctx, again, stranger))
	w.arrived("gone", "account_deleted:new@example.com")
	_, err = w.People.Get(ctx, again.UserID())
	w.is("the account", err, accounts.ErrUserNotFound)
	w.is("nobody", w.Delete(ctx, accounts.Authentication{}, stranger), accounts.ErrNotSignedIn)
}

func sorted(words []string) string {
	return strings.Join(slices.Sorted(slices.Values(words)), " ")
}
