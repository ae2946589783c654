package storage

import (
	"context"
	"database/sql"
	"errors"
	"maps"
	"slices"
	"time"

	"keyturn/audit"
	"keyturn/issuer"
	"keyturn/issuer/oauth"
	"keyturn/keys"
)

// codeRow is an authorization code with the grant that it will make.
type codeRow struct {
	Hash        []byte `db:"hash"`
	ClientID    string `db:"client_id"`
	RedirectURI string `db:"redirect_uri"`
	Challenge   string `db:"challenge"`
	Nonce       string `db:"nonce"`

	GrantID           string `db:"grant_id"`
	UserID            string `db:"user_id"`
	SessionID         string `db:"session_id"`
	CredentialVersion int64  `db:"credential_version"`
	Audience          string `db:"audience"`
	Scope             string `db:"scope"`
	Claims            string `db:"claims"`
	AuthTime          micros `db:"auth_time"`
	AMR               string `db:"amr"`
	ACR               string `db:"acr"`
	RefreshLifetime   int64  `db:"refresh_lifetime"`
	AbsoluteLifetime  int64  `db:"absolute_lifetime"`
	NoteLogin         bool   `db:"note_login"`
}

func (r codeRow) code() (oauth.Code, error) {
	hash, err := keys.ParseHash(r.Hash)
	return oauth.Code{
		Hash: hash, ClientID: r.ClientID, RedirectURI: r.RedirectURI, Challenge: r.Challenge, Nonce: r.Nonce,
		Grant: issuer.NewGrant{
			Grant: issuer.Grant{
				ID: r.GrantID, UserID: r.UserID, ClientID: r.ClientID, Audience: r.Audience, Scope: r.Scope, SessionID: r.SessionID,
				Claims: r.Claims, AuthTime: r.AuthTime.Time, AMR: r.AMR, ACR: r.ACR,
				RefreshLifetime: time.Duration(r.RefreshLifetime) * time.Microsecond,
			},
			CredentialVersion: r.CredentialVersion, AbsoluteLifetime: time.Duration(r.AbsoluteLifetime) * time.Microsecond, NoteLogin: r.NoteLogin,
		},
	}, err
}

const (
	codeColumns = `hash, client_id, redirect_uri, challenge, nonce, grant_id, user_id, session_id, credential_version, audience, scope, claims,
		auth_time, amr, acr, refresh_lifetime, absolute_lifetime, note_login`

	// Whoever ends one of the three either waits until the code is committed, and removes it, or is waited for.
	insertCode statement = `INSERT INTO authorization_codes (` + codeColumns + `, created_at, expires_at)
		SELECT CAST(? AS {postgres BYTEA}{sqlite BLOB}), c.id, CAST(? AS TEXT), CAST(? AS TEXT), CAST(? AS TEXT), CAST(? AS TEXT), u.id, b.id, u.credential_version,
			CAST(? AS TEXT), CAST(? AS TEXT), CAST(? AS TEXT), CAST(? AS BIGINT), CAST(? AS TEXT), CAST(? AS TEXT),
			CAST(? AS BIGINT), CAST(? AS BIGINT), CAST(? AS BOOLEAN), t.now, t.now + CAST(? AS BIGINT)
		FROM clients c, users u, browser_sessions b, (SELECT {now} AS now) t
		WHERE c.id = ? AND c.enabled AND u.id = ? AND u.active AND u.credential_version = ? AND b.id = ? AND b.user_id = u.id
		{for share of c, u, b}`

	removeCodes statement = `DELETE FROM authorization_codes WHERE hash IN (
		SELECT hash FROM authorization_codes WHERE redeemed_at IS NULL AND `
	removeCodesInOrder statement = ` ORDER BY hash {for update})`
)

// lockAroundNewCode takes the locks that insertCode takes, for what has to be looked at before it.
const lockAroundNewCode statement = `SELECT u.id FROM clients c, users u, browser_sessions b
	WHERE c.id = ? AND c.enabled AND u.id = ? AND u.active AND u.credential_version = ? AND b.id = ? AND b.user_id = u.id {for share of c, u, b}`

// StoreCode implements oauth.Store. A client that was turned off or deleted is ErrSessionGone too.
func (d *DB) StoreCode(ctx context.Context, c oauth.Code, lifetime time.Duration) error {
	if len(c.Consent) == 0 {
		return translate(d.once(ctx, func(s session) error { return s.storeCode(ctx, c, lifetime) }), nil)
	}
	err := d.transact(ctx, func(s session) error {
		// Whoever takes consent back locks the user first: that is before this, and seen here, or waits and
		// removes the code.
		var user string
		if err := s.get(ctx, &user, lockAroundNewCode, c.ClientID, c.Grant.UserID, c.Grant.CredentialVersion, c.Grant.SessionID); err != nil {
			return err
		}
		var allowed []string
		if err := s.all(ctx, &allowed, selectConsented, c.Grant.UserID, c.ClientID, c.Grant.Audience); err != nil {
			return err
		}
		for _, item := range c.Consent {
			if !slices.Contains(allowed, item) {
				return oauth.ErrConsentRequired
			}
		}
		return s.storeCode(ctx, c, lifetime)
	})
	return translate(err, oauth.ErrSessionGone)
}

func (s session) storeCode(ctx context.Context, c oauth.Code, lifetime time.Duration) error {
	g := c.Grant
	stored, err := s.exec(ctx, insertCode, c.Hash[:], c.RedirectURI, c.Challenge, c.Nonce, g.ID,
		g.Audience, g.Scope, g.Claims, micros{g.AuthTime}, g.AMR, g.ACR,
		g.RefreshLifetime.Microseconds(), g.AbsoluteLifetime.Microseconds(), g.NoteLogin, lifetime.Microseconds(),
		c.ClientID, g.UserID, g.CredentialVersion, g.SessionID)
	if err == nil && stored == 0 {
		err = oauth.ErrSessionGone
	}
	return err
}

// removeCodes removes those of the selected codes that were not redeemed. The others stay, to be known when
// they come again.
func (s session) removeCodes(ctx context.Context, which selection) (int64, error) {
	return s.exec(ctx, removeCodes+which.where+removeCodesInOrder, which.args...)
}

const (
	// Everybody's locks are taken in this order. A code that notes the sign-in in the user's row locks that
	// as it will need it: two that both went from a share lock to an update would deadlock.
	lockAround = `SELECT k.note_login FROM authorization_codes k
		JOIN clients c ON c.id = k.client_id AND c.enabled
		JOIN users u ON u.id = k.user_id AND u.active AND u.credential_version = k.credential_version
		JOIN browser_sessions b ON b.id = k.session_id AND b.user_id = u.id
		WHERE k.hash = ? AND `
	lockAroundCode  statement = lockAround + `NOT k.note_login {for share of c, u, b}`
	lockAroundLogin statement = lockAround + `k.note_login {for share of c} {for no key update of u} {for share of b}`

	redeemCode statement = `UPDATE authorization_codes SET redeemed_at = {now}
		WHERE hash = ? AND client_id = ? AND redirect_uri = ? AND challenge = ? AND expires_at > {now}` + unredeemed + `
		RETURNING ` + codeColumns
	redeemedGrant statement = `SELECT grant_id FROM authorization_codes WHERE hash = ? AND client_id = ? AND redeemed_at IS NOT NULL`

	noteClient statement = `INSERT INTO session_clients (session_id, client_id) VALUES (?, ?) ON CONFLICT (session_id, client_id) DO NOTHING`
)

// unredeemed is the condition by which one of any number of contenders wins.
const unredeemed = ` AND redeemed_at IS NULL`

// RedeemCode implements oauth.Store. An event without a SubjectID gets the id of the grant.
func (d *DB) RedeemCode(ctx context.Context, r oauth.Redemption) (issuer.Grant, oauth.Code, error) {
	var grant issuer.Grant
	var code oauth.Code
	var verdict error
	err := d.transact(ctx, func(s session) (err error) {
		verdict = nil
		grant, code, err = s.redeem(ctx, redeemCode, r)
		if errors.Is(err, sql.ErrNoRows) { // who lost, lost to one that has committed
			verdict, err = s.refuse(ctx, r)
		}
		return err
	})
	if err == nil {
		err = verdict
	}
	if err != nil {
		return issuer.Grant{}, oauth.Code{}, translate(err, nil)
	}
	return grant, code, nil
}

// redeem makes the grant of the code; sql.ErrNoRows where it can't, and then nothing has changed.
func (s session) redeem(ctx context.Context, decide statement, r oauth.Redemption) (issuer.Grant, oauth.Code, error) {
	var notes bool
	err := s.get(ctx, &notes, lockAroundCode, r.Hash[:])
	if errors.Is(err, sql.ErrNoRows) {
		err = s.get(ctx, &notes, lockAroundLogin, r.Hash[:])
	}
	if err != nil {
		return issuer.Grant{}, oauth.Code{}, err
	}
	var row codeRow
	if err := s.get(ctx, &row, decide, r.Hash[:], r.ClientID, r.RedirectURI, r.Challenge); err != nil {
		return issuer.Grant{}, oauth.Code{}, err
	}
	code, err := row.code()
	if err != nil {
		return issuer.Grant{}, oauth.Code{}, err
	}
	grant, err := s.grantFor(ctx, code, r.Event)
	return grant, code, err
}

func (s session) grantFor(ctx context.Context, code oauth.Code, event audit.Event) (issuer.Grant, error) {
	g := code.Grant
	if g.NoteLogin {
		if _, err := s.exec(ctx, noteLogin, g.UserID, g.CredentialVersion); err != nil {
			return issuer.Grant{}, err
		}
	}
	row, err := s.createGrant(ctx, g)
	if err != nil { // the user is locked and was as it must be
		return issuer.Grant{}, translate(err, issuer.ErrUserChanged)
	}
	if _, err := s.exec(ctx, noteClient, g.SessionID, g.ClientID); err != nil {
		return issuer.Grant{}, err
	}
	grant := row.grant()
	if issuer.TellsMemberships(grant.Scope) {
		members, err := s.memberships(ctx, grant.UserID)
		if err != nil {
			return issuer.Grant{}, err
		}
		grant.User.Memberships = &members
	}
	return grant, s.record(ctx, inFull(about(event, g.ID), g.Grant))
}

// inFull adds to an event what only the code knew: the grant's row may be swept minutes later.
func inFull(event audit.Event, g issuer.Grant) audit.Event {
	details := map[string]string{"user": g.UserID, "session": g.SessionID, "resource": g.Audience, "scope": g.Scope}
	maps.Copy(details, event.Details)
	event.Details = details
	return event
}

// refuse tells whether the code was redeemed before, by the same client. Then its grant ends, and the caller commits that.
func (s session) refuse(ctx context.Context, r oauth.Redemption) (verdict, err error) {
	var grantID string
	err = s.get(ctx, &grantID, redeemedGrant, r.Hash[:], r.ClientID)
	if errors.Is(err, sql.ErrNoRows) {
		return oauth.ErrCodeInvalid, nil
	}
	if err != nil {
		return nil, err
	}
	ended, err := s.revoke(ctx, oneGrant(grantID), revocation{reason: issuer.CodeReused, presented: r.Revocation.PresentedJTI})
	if err == nil && ended > 0 {
		event := about(r.Revocation.Event, grantID)
		event.Reason = string(issuer.CodeReused)
		err = s.record(ctx, event)
	}
	return oauth.ErrCodeReused, err
}

// about fills in the grant, which whoever shows a code does not know.
func about(event audit.Event, grantID string) audit.Event {
	if event.SubjectID == "" {
		event.SubjectKind, event.SubjectID = "grant", grantID
	}
	return event
}
