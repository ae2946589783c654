package issuer

import (
	"errors"
	"strconv"
	"strings"
	"time"

	"keyturn/accounts"
)

// Reason says why a grant ended; it is stored with every revoked refresh token.
type Reason string

// The reasons.
const (
	Logout          Reason = "logout"           // its own refresh token was given back
	Reused          Reason = "reused"           // a replaced refresh token came again (RFC 9700 section 4.14.2)
	RolledBack      Reason = "rolled_back"      // a number came that was never issued: the database went back in time
	AdminRevoked    Reason = "admin"            // an administrator ended it
	AllEnded        Reason = "all_ended"        // an administrator ended every session of everyone
	PasswordChanged Reason = "password_changed" // the user's password was set
	FactorsChanged  Reason = "factors_changed"  // a way to sign in was removed
	Deactivated     Reason = "user_deactivated"
	Deleted         Reason = "user_deleted"
	CodeReused      Reason = "code_reused"     // its authorization code came again (RFC 6749 section 4.1.2)
	SessionEnded    Reason = "session_ended"   // the browser session that it was made in has ended
	ClientDisabled  Reason = "client_disabled" // its client was turned off
	ClientDeleted   Reason = "client_deleted"  // its client was deleted
	ConsentRemoved  Reason = "consent_removed" // the user took back what they had allowed the client
)

// Errors of redemption. api/failures.go says what each becomes over HTTP.
var (
	ErrUserInactive    = errors.New("issuer: the user is deactivated or deleted")
	ErrDemandUnmet     = errors.New("issuer: a policy demands more proof than the sign-in of this grant gave")
	ErrGrantRevoked    = errors.New("issuer: the grant was revoked")
	ErrRefreshExpired  = errors.New("issuer: the refresh token has expired")
	ErrRefreshReused   = errors.New("issuer: a replaced refresh token was presented; its grant is revoked")
	ErrGenerationAhead = errors.New("issuer: a refresh token was presented that the database never issued; its grant is revoked")
)

// Grant is one authorization given by one user to one client. Its newest refresh token is a function
// of it: number Generation, issued at RotatedAt.
type Grant struct {
	ID       string
	UserID   string
	ClientID string
	// Audience is the resource that its access tokens are for.
	Audience string
	Scope    string
	// SessionID is 128 random bits, the sid claim; unrelated to ID. With OAuth it is that of the browser
	// session in which the grant was made.
	SessionID string
	// Claims are the names that the claims parameter asked UserInfo for, a JSON array; empty for none.
	Claims string
	// AuthTime is when the user proved themself, AMR how (RFC 8176 values, blank-separated).
	AuthTime time.Time
	AMR      string
	// ACR is the authentication context class that was reached (OIDC Core section 2).
	ACR string

	// Generation is the number of the newest refresh token; the first is 1.
	Generation int64
	CreatedAt  time.Time
	// RotatedAt is the database's time when Generation was reached.
	RotatedAt time.Time
	// RefreshLifetime is how long each refresh token lives, in the row so that the newest token stays a
	// function of the row whatever the settings say today.
	RefreshLifetime time.Duration
	// ExpiresAt is the absolute end, which no rotation moves.
	ExpiresAt time.Time
	RevokedAt time.Time
	// RevokedFor is empty unless RevokedAt is set.
	RevokedFor Reason

	// UserActive and User are the user's state in the same statement that read the grant.
	UserActive bool
	// DemandUnmet tells that a group of the user demands a level that AMR does not reach; only JudgeGrant looks.
	DemandUnmet bool
	User        Profile
}

// Profile is what tokens may say of a user.
type Profile struct {
	ExternalID string
	Username   string
	Email      string
	// EmailVerified is false wherever Email is empty.
	EmailVerified bool
	GivenName     string
	FamilyName    string
	// Memberships are nil where no token of the grant tells of them, and nobody read them.
	Memberships *Memberships
}

// Level is what the sign-in of the grant proved; ACR is what the tokens say of it.
func (g *Grant) Level() accounts.Level { return accounts.LevelOf(amr(g)) }

// RefreshExpiresAt is when the newest refresh token expires.
func (g *Grant) RefreshExpiresAt() time.Time {
	if end := g.RotatedAt.Add(g.RefreshLifetime); end.Before(g.ExpiresAt) {
		return end
	}
	return g.ExpiresAt
}

// Redeem presents refresh token number n of the grant at time now. The first presentation of the
// newest token makes its successor; the same token again within the grace yields the same successor,
// as long as that one is unused, and neither where a policy demands more of the user by now than the grant's sign-in
// proved. Any other repeat revokes the grant (RFC 9700 section 4.14.2), and so
// does a number that was never issued (the store went back in time); the caller stores g even then.
func (g *Grant) Redeem(n int64, now time.Time, grace time.Duration) error {
	switch {
	case !g.UserActive:
		return ErrUserInactive
	case !g.RevokedAt.IsZero():
		return ErrGrantRevoked
	case !now.Before(g.RefreshExpiresAt()):
		return ErrRefreshExpired
	case n > g.Generation:
		g.revoke(now, RolledBack)
		return ErrGenerationAhead
	case n != g.Generation && !g.inGrace(n, now, grace):
		g.revoke(now, Reused) // whoever holds the newer token may be the thief
		return ErrRefreshReused
	case g.DemandUnmet:
		return ErrDemandUnmet // and nothing is consumed: the demand may be withdrawn
	case n == g.Generation:
		g.Generation, g.RotatedAt = n+1, now
	}
	return nil // within the grace: a second tab, or an answer that got lost
}

// Check tells whether refresh token number n would be taken at time now, and changes nothing. It does
// not look at the user, as the token-pair API's verify does not.
func (g *Grant) Check(n int64, now time.Time, grace time.Duration) error {
	switch {
	case !g.RevokedAt.IsZero():
		return ErrGrantRevoked
	case !now.Before(g.RefreshExpiresAt()):
		return ErrRefreshExpired
	case n > g.Generation:
		return ErrGenerationAhead
	case n == g.Generation || g.inGrace(n, now, grace):
		return nil
	}
	return ErrRefreshReused
}

// End ends the grant at the wish of whoever holds refresh token number n, whichever number that is.
// It returns what Check would have, so that a token replaced long ago is still reported as such.
func (g *Grant) End(n int64, now time.Time, grace time.Duration) error {
	err := g.Check(n, now, grace)
	switch {
	case errors.Is(err, ErrGrantRevoked), errors.Is(err, ErrRefreshExpired):
		return err
	case errors.Is(err, ErrGenerationAhead):
		g.revoke(now, RolledBack)
	default:
		g.revoke(now, Logout)
	}
	return err
}

func (g *Grant) inGrace(n int64, now time.Time, grace time.Duration) bool {
	return n == g.Generation-1 && now.Sub(g.RotatedAt) < grace
}

func (g *Grant) revoke(now time.Time, why Reason) {
	g.RevokedAt, g.RevokedFor = now, why
}

// TokenID is the jti of refresh token number n of the grant.
func TokenID(grantID string, n int64) string {
	return grantID + "." + strconv.FormatInt(n, 10)
}

// parseTokenID is the inverse of TokenID; false where jti is not exactly what TokenID makes.
func parseTokenID(jti string) (grantID string, n int64, ok bool) {
	grantID, number, found := strings.Cut(jti, ".")
	if !found || grantID == "" {
		return "", 0, false
	}
	n, err := strconv.ParseInt(number, 10, 64)
	if err != nil || n < 1 || TokenID(grantID, n) != jti {
		return "", 0, false
	}
	return grantID, n, true
}
