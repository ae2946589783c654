package issuer

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"time"

	"keyturn/accounts"
	"keyturn/audit"
	"keyturn/audit/sentence"
	"keyturn/keys"
)

// TokenPairClient is the built-in client that the grants of the token-pair API belong to. That API
// treats tokens of every other client as invalid.
const TokenPairClient = "token-pair"

// settleTime bounds what consumes or revokes: it runs to its end even when the caller hangs up, so that
// a thief can't cancel the revocation that their replay causes.
const settleTime = 5 * time.Second

// Errors that Issuer returns beside those of the grant. api/failures.go says what each becomes.
var (
	// ErrTokenInvalid says that the text is no token of ours, for this use, at this time. It covers bad
	// signatures, unknown keys, foreign issuers, audiences and clients alike.
	ErrTokenInvalid = errors.New("issuer: invalid token")
	// ErrTokenExpired says that an authentic token's exp has passed.
	ErrTokenExpired = errors.New("issuer: the token has expired")
	// ErrTokenType says that an authentic token is of another kind than the one asked for.
	ErrTokenType = errors.New("issuer: wrong kind of token")
	// ErrBusy says that a grant kept changing while it was judged; nothing was decided.
	ErrBusy = errors.New("issuer: the grant is being changed by others, try again")
)

// InvalidRequest is bad input from whoever asked, with the name of the parameter.
type InvalidRequest struct {
	Param string
	// Problem is what is wrong with it, as said behind its name.
	Problem sentence.Sentence
}

func (e *InvalidRequest) Error() string { return "issuer: " + e.Param + ": " + e.Problem.String() }

// Keys is what the issuer needs of a key ring. Its methods are safe for concurrent use.
type Keys interface {
	// Sign makes a compact JWS with the key that was signing at the request's time.
	Sign(keys.SignRequest) (string, error)
	// Signs tells which algorithm Sign would use, with its errors.
	Signs(keys.SignRequest) (keys.Algorithm, error)
	// Verify checks the signature by any key of ours, whatever its purpose, and says which it was.
	Verify(ctx context.Context, raw string) (keys.Verified, error)
}

// Settings are the operator's choices. All durations are positive but Grace and Leeway, which may be zero.
type Settings struct {
	// Issuer is the iss claim, a URL without trailing slash.
	Issuer string
	// Audience is the resource that the token-pair API issues for.
	Audience string
	// Algorithm signs the tokens of a resource that names none.
	Algorithm      keys.Algorithm
	AccessLifetime time.Duration
	// RefreshLifetime is how long one refresh token lives, GrantLifetime the absolute end of them all.
	RefreshLifetime time.Duration
	GrantLifetime   time.Duration
	// Grace is how long a replaced refresh token still yields its unused successor.
	Grace time.Duration
	// Leeway is how long after exp a token is still taken by Keyturn itself.
	Leeway time.Duration
	// KeepRefreshTokens leaves the refresh token as it is at refresh (SimpleJWT's default).
	KeepRefreshTokens bool
	// UserIDClaim is the name of the claim that carries the user's id for SimpleJWT consumers.
	UserIDClaim string
	// UpdateLastLogin stores the time of each sign-in with the user.
	UpdateLastLogin bool
}

// Issuer issues, renews, checks and takes back tokens. Its exported fields are set once, before use;
// its methods are safe for concurrent use.
type Issuer struct {
	Store    Store
	Keys     Keys
	Settings Settings
	Now      func() time.Time
	// Policy demands a level of who signs in; nil where nothing is demanded of anybody.
	Policy accounts.LevelPolicy
	// Alarm is told of a grant that proves that the database went back in time
	// (ErrGenerationAhead, ErrGrantNotFound); nil for nobody.
	Alarm func(err error, grantID string)

	resources atomic.Pointer[map[string]Resource]
	// undemanded tells that no group demanded a level when they were last looked at.
	undemanded atomic.Bool
	// longestRefresh is the longest refresh lifetime of a live grant when they were last looked at, in ns.
	longestRefresh atomic.Int64
}

// Pair is what a sign-in or a refresh gives. Refresh is empty where the refresh token stays the same.
type Pair struct {
	Access  string
	Refresh string
	// ExpiresIn is the access token's lifetime.
	ExpiresIn time.Duration
}

// SignIn gives a person who has just proved themself a new grant at the token-pair client and its first
// pair. accounts.ErrLevelRequired where a policy demands more proof. It returns ErrUserChanged where the user was
// deactivated, deleted or given another password since the proof.
func (i *Issuer) SignIn(ctx context.Context, who accounts.Authentication, actor audit.Actor) (Pair, error) {
	if !who.Valid() {
		return Pair{}, ErrUserChanged
	}
	if err := i.demand(ctx, who); err != nil {
		return Pair{}, err
	}
	ctx, cancel := settle(ctx)
	defer cancel()
	s := i.Settings
	actor.Kind, actor.ID = audit.User, who.UserID()
	id := keys.NewTokenID()
	members, err := i.memberships(ctx, &Grant{UserID: who.UserID(), ClientID: TokenPairClient, Audience: s.Audience})
	if err != nil {
		return Pair{}, err
	}
	grant, err := i.Store.CreateGrant(ctx, NewGrant{
		Grant: Grant{
			ID:              id,
			UserID:          who.UserID(),
			ClientID:        TokenPairClient,
			Audience:        s.Audience,
			SessionID:       keys.NewTokenID(),
			AuthTime:        who.At(),
			AMR:             strings.Join(who.Methods(), " "),
			ACR:             string(who.Level()),
			RefreshLifetime: s.RefreshLifetime,
		},
		CredentialVersion: who.CredentialVersion(),
		AbsoluteLifetime:  max(s.GrantLifetime, s.RefreshLifetime),
		NoteLogin:         s.UpdateLastLogin,
	}, audit.Event{
		Action: audit.UserSignedIn, Actor: actor,
		SubjectKind: "grant", SubjectID: id,
		Details: map[string]string{"client": TokenPairClient},
	})
	if err != nil {
		return Pair{}, err
	}
	grant.User.Memberships = members
	return i.pair(&grant)
}

// demand holds a proof against the policy.
func (i *Issuer) demand(ctx context.Context, who accounts.Authentication) error {
	if i.Policy == nil {
		return nil
	}
	required, err := i.Policy.RequiredLevel(ctx, who.UserID())
	if err != nil {
		return err
	}
	if required != "" && !who.Level().Satisfies(required) {
		return accounts.ErrLevelRequired
	}
	return nil
}

// settle frees what must be finished from the caller's cancellation, under a deadline of its own.
func settle(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), settleTime)
}
