package storage

import (
	"cmp"
	"context"
	"slices"

	"keyturn/audit"
	"keyturn/issuer"
	"keyturn/issuer/oauth"
)

type consentRow struct {
	ClientID string `db:"client_id"`
	Resource string `db:"resource"`
	Scope    string `db:"scope"`
}

const (
	selectConsented statement = `SELECT scope FROM consents WHERE user_id = ? AND client_id = ? AND resource = ?`
	selectConsents  statement = `SELECT client_id, resource, scope FROM consents WHERE user_id = ?`

	// The share locks make the end of the client or the user wait until this is committed, or this wait for it.
	lockForConsent statement = `SELECT u.id FROM clients c, users u WHERE c.id = ? AND c.enabled AND u.id = ? AND u.active {for share of c, u}`
	insertConsent  statement = `INSERT INTO consents (user_id, client_id, resource, scope, created_at) VALUES (?, ?, ?, ?, {now})
		ON CONFLICT (user_id, client_id, resource, scope) DO NOTHING`

	lockUserAlone  statement = `SELECT COUNT(*) FROM (SELECT id FROM users WHERE id = ? {for no key update}) u`
	removeConsents statement = `DELETE FROM consents WHERE (user_id, client_id, resource, scope) IN (
		SELECT user_id, client_id, resource, scope FROM consents WHERE `
	removeConsentsInOrder statement = ` ORDER BY user_id, client_id, resource, scope {for update})`
)

// Consented implements oauth.Store; the order is that of the scopes.
func (d *DB) Consented(ctx context.Context, userID, clientID, resource string) ([]string, error) {
	var scopes []string
	err := d.reading().all(ctx, &scopes, selectConsented, userID, clientID, resource)
	slices.Sort(scopes)
	return scopes, translate(err, nil)
}

// AddConsent implements oauth.Store; ErrSessionGone where the client or the user is not there any more.
func (d *DB) AddConsent(ctx context.Context, c oauth.Consent, event audit.Event) error {
	err := d.transact(ctx, func(s session) error {
		var user string
		if err := s.get(ctx, &user, lockForConsent, c.ClientID, c.UserID); err != nil {
			return err
		}
		for _, scope := range slices.Sorted(slices.Values(c.Scopes)) { // in one order, so that two at once don't meet crosswise
			if _, err := s.exec(ctx, insertConsent, c.UserID, c.ClientID, c.Resource, scope); err != nil {
				return err
			}
		}
		return s.record(ctx, event)
	})
	return translate(err, oauth.ErrSessionGone)
}

// RemoveConsent implements oauth.Store. Where there is nothing to take back nothing is written.
func (d *DB) RemoveConsent(ctx context.Context, userID, clientID string, event audit.Event) (ended int64, err error) {
	err = d.transact(ctx, func(s session) error {
		var users, codes, consents int64
		if err := s.get(ctx, &users, lockUserAlone, userID); err != nil { // redemptions are before this or after it
			return err
		}
		which := ofUserAndClient(userID, clientID)
		if ended, err = s.revoke(ctx, which, revocation{reason: issuer.ConsentRemoved}); err != nil {
			return err
		}
		if codes, err = s.removeCodes(ctx, which); err != nil {
			return err
		}
		if consents, err = s.removeConsents(ctx, which); err != nil || ended+codes+consents == 0 {
			return err
		}
		return s.record(ctx, event)
	})
	if err != nil {
		return 0, translate(err, nil)
	}
	return ended, nil
}

func (s session) removeConsents(ctx context.Context, which selection) (int64, error) {
	return s.exec(ctx, removeConsents+which.where+removeConsentsInOrder, which.args...)
}

// Consents implements oauth.Store; the order is that of the client ids, resources and scopes.
func (d *DB) Consents(ctx context.Context, userID string) ([]oauth.Consent, error) {
	var rows []consentRow
	if err := d.reading().all(ctx, &rows, selectConsents, userID); err != nil {
		return nil, translate(err, nil)
	}
	slices.SortFunc(rows, func(a, b consentRow) int {
		return cmp.Or(cmp.Compare(a.ClientID, b.ClientID), cmp.Compare(a.Resource, b.Resource), cmp.Compare(a.Scope, b.Scope))
	})
	var consents []oauth.Consent
	for _, row := range rows {
		if n := len(consents); n == 0 || consents[n-1].ClientID != row.ClientID || consents[n-1].Resource != row.Resource {
			consents = append(consents, oauth.Consent{UserID: userID, ClientID: row.ClientID, Resource: row.Resource})
		}
		last := &consents[len(consents)-1]
		last.Scopes = append(last.Scopes, row.Scope)
	}
	return consents, nil
}
