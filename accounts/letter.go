package accounts

import (
	"maps"
	"time"

	"keyturn/keys"
)

// Letter is mail to one person. It is queued in the transaction of the change that it tells of, and holds
// no secret: one that carries a one-time link holds the terms of the link, whose secret is made when the
// letter leaves.
type Letter struct {
	// ID is 128 random bits. All links that leave with the letter, one for each attempt, share it.
	ID   string
	Kind LetterKind
	// To is an e-mail address.
	To string
	// Language is a BCP 47 tag; empty, or one that there are no texts in, for the first language.
	Language string
	// UserID is empty where there is no account yet.
	UserID string
	// Facts are what the text names: the username, a device.
	Facts map[string]string
	// Link is nil for a letter without one.
	Link *LinkTerms
}

// LetterKind names a letter's text.
type LetterKind string

// The letters.
const (
	LetterSignUp          LetterKind = "sign_up"          // finish signing up
	LetterSignUpExists    LetterKind = "sign_up_exists"   // somebody signed up with the address of an account
	LetterInvitation      LetterKind = "invitation"       // an administrator made an account possible
	LetterPasswordReset   LetterKind = "password_reset"   // choose a new password
	LetterEmailConfirm    LetterKind = "email_confirm"    // to the new address: confirm it
	LetterEmailChanging   LetterKind = "email_changing"   // to the old address: a change was asked for
	LetterEmailChanged    LetterKind = "email_changed"    // to both: it has happened
	LetterPasswordChanged LetterKind = "password_changed" // the password is another one
	LetterWaysChanged     LetterKind = "ways_changed"     // a way to sign in was added or removed
	LetterAccountDeleted  LetterKind = "account_deleted"  // the account is gone
)

// LinkPurpose says what a one-time link is good for; it is good for nothing else.
type LinkPurpose string

// The purposes.
const (
	LinkSignUp        LinkPurpose = "sign_up"
	LinkInvitation    LinkPurpose = "invitation"
	LinkPasswordReset LinkPurpose = "password_reset"
	LinkEmailConfirm  LinkPurpose = "email_confirm"
	LinkFirstRun      LinkPurpose = "first_run"
)

// LinkTerms is what a one-time link will stand for.
type LinkTerms struct {
	Purpose LinkPurpose
	// UserID is whose account it changes, empty for one that will make an account.
	UserID string
	// CredentialVersion is the user's when the link was asked for; at another one the link is dead.
	CredentialVersion int64
	// Email is the address that opening the link proves.
	Email string
	// Lifetime counts from when the letter leaves.
	Lifetime time.Duration
	// Data is what the purpose needs beside that.
	Data map[string]string
}

// notices make letters that only tell u of something, one to each of the addresses that is one, with facts beside the
// username; none without mail.
func notices(mail bool, kind LetterKind, u User, facts map[string]string, to ...string) []Letter {
	var letters []Letter
	for _, address := range to {
		if address == "" || !mail {
			continue
		}
		all := map[string]string{"username": u.Username}
		maps.Copy(all, facts)
		letters = append(letters, Letter{
			ID: keys.NewTokenID(), Kind: kind, To: address, Language: languageOf(u, ""), UserID: u.ID, Facts: all,
		})
	}
	return letters
}

// LifetimeOf is how long a link lives that somebody asks for themselves, from when its letter leaves.
func LifetimeOf(p LinkPurpose) time.Duration {
	switch p {
	case LinkSignUp:
		return signUpLifetime
	case LinkEmailConfirm:
		return emailLifetime
	}
	return resetLifetime
}
