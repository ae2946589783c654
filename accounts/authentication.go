package accounts

import (
	"context"
	"slices"
	"time"
)

// Authentication is the proof that a person has shown who they are: just now (Service.Authenticate), or at the
// sign-in of the browser session that they are in (Browsers.Start, Browsers.Resume). At tells when. Only
// this package makes one; its zero value proves nothing, and whoever takes one asks Valid first.
type Authentication struct {
	userID            string
	credentialVersion int64
	at                time.Time
	methods           []string
	sessionID         string
}

// Valid is false for the zero value.
func (a Authentication) Valid() bool { return a.userID != "" }

// UserID is the User.ID of the person.
func (a Authentication) UserID() string { return a.userID }

// CredentialVersion is the user's version that was proved; nothing may be issued at another one.
func (a Authentication) CredentialVersion() int64 { return a.credentialVersion }

// At is when the person last gave a whole proof of themself (the auth_time claim). What they showed beside an older
// one since then leaves it where it was: neither max_age nor a change that wants a recent proof is content with it.
func (a Authentication) At() time.Time { return a.at }

// with is the proof with more shown beside it.
func (a Authentication) with(methods ...string) Authentication {
	a.methods = together(a.methods, methods...)
	return a
}

// Methods are how it was proved, as values of the amr claim (RFC 8176 section 2).
func (a Authentication) Methods() []string { return slices.Clone(a.methods) }

// SessionID is that of the browser session that the proof belongs to; empty for one that was shown to no
// browser session.
func (a Authentication) SessionID() string { return a.sessionID }

// recentProof is how old the proof may be with which a person changes what their account hangs on.
const recentProof = 10 * time.Minute

// Recent tells whether a proof is good enough for such a change: ErrReauthenticate where it is older than that, or is of
// one factor and the person has two. They have got the second since, and whoever signed in without it need not be them.
func (s *Service) Recent(ctx context.Context, who Authentication) error {
	if s.now().Sub(who.At()) > recentProof {
		return ErrReauthenticate
	}
	has, err := s.Store.FactorCounts(ctx, who.UserID())
	if err == nil && has.SecondFactor() && !who.Level().Satisfies(TwoFactors) {
		err = ErrReauthenticate
	}
	return err
}

// Level is how strong the proof is (the acr claim).
func (a Authentication) Level() Level { return LevelOf(a.methods) }
