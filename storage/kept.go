package storage

import (
	"context"

	"keyturn/accounts"
	"keyturn/audit"
)

// What a person takes away, the newest first and at most so many rows of each.
const (
	keptSessions statement = `SELECT id, auth_time, amr, created_at, seen_at, expires_at, address, user_agent
		FROM browser_sessions WHERE user_id = ? ORDER BY seen_at DESC, id LIMIT 10000`
	keptGrants statement = `SELECT id, client_id, audience, scope, created_at, rotated_at, expires_at, revoked_at, revoked_for
		FROM grants WHERE user_id = ? ORDER BY created_at DESC, id LIMIT 10000`
	keptConsents statement = `SELECT client_id, resource, scope, created_at FROM consents WHERE user_id = ?
		ORDER BY created_at DESC, client_id, resource, scope LIMIT 10000`
	keptAddresses statement = `SELECT address, known_since FROM known_addresses WHERE user_id = ? ORDER BY known_since DESC, address LIMIT 10000`
	// Each half in the order of its index; what the person did to the own account stands in both.
	keptEvents statement = `SELECT ` + eventColumns + ` FROM (
			SELECT * FROM (SELECT ` + eventColumns + ` FROM audit_log WHERE subject_id = ? AND subject_kind = 'user' ORDER BY at DESC, id DESC LIMIT 10000) concerning
			UNION SELECT * FROM (SELECT ` + eventColumns + ` FROM audit_log WHERE actor_id = ? AND actor_kind = 'user' ORDER BY at DESC, id DESC LIMIT 10000) done) kept
		ORDER BY id DESC LIMIT 10000`
	keptRefusals statement = `SELECT minute, account, address, reason, count FROM audit_refusals WHERE account = ?
		ORDER BY minute DESC, address, reason LIMIT 10000`
	keptLetters statement = `SELECT kind, recipient, created_at FROM letters WHERE user_id = ? ORDER BY created_at DESC, id LIMIT 10000`
	keptFactors statement = `SELECT 'passkey' AS kind, name, created_at, last_used_at FROM passkeys WHERE user_id = ?
		UNION ALL SELECT 'app', name, created_at, last_used_at FROM authenticator_apps WHERE user_id = ? AND confirmed_at IS NOT NULL
		ORDER BY created_at, name`
	keptGroups statement = `SELECT g.name FROM user_groups g JOIN group_members m ON m.group_id = g.id WHERE m.user_id = ? ORDER BY g.name`
)

// Kept implements accounts.SelfServiceStore.
func (d *DB) Kept(ctx context.Context, userID string, event audit.Event) (accounts.Kept, error) {
	var kept accounts.Kept
	err := d.transact(ctx, func(s session) error {
		kept = accounts.Kept{}
		for _, read := range []func(context.Context, *accounts.Kept, string) error{
			s.keepSessions, s.keepGrants, s.keepConsents, s.keepEvents, s.keepRefusals, s.keepFactors, s.keepOthers,
		} {
			if err := read(ctx, &kept, userID); err != nil {
				return err
			}
		}
		return s.record(ctx, event)
	})
	if err != nil {
		return accounts.Kept{}, translate(err, nil)
	}
	return kept, nil
}

func (s session) keepSessions(ctx context.Context, kept *accounts.Kept, userID string) error {
	var rows []browserSessionRow
	err := s.all(ctx, &rows, keptSessions, userID)
	for _, r := range rows {
		kept.Sessions = append(kept.Sessions, accounts.KeptSession{
			ID: r.ID, AuthTime: r.AuthTime.Time, AMR: r.AMR, CreatedAt: r.CreatedAt.Time, SeenAt: r.SeenAt.Time,
			ExpiresAt: r.ExpiresAt.Time, Address: r.Address, UserAgent: r.UserAgent,
		})
	}
	return err
}

func (s session) keepGrants(ctx context.Context, kept *accounts.Kept, userID string) error {
	var rows []grantRow
	err := s.all(ctx, &rows, keptGrants, userID)
	for _, r := range rows {
		kept.Grants = append(kept.Grants, accounts.KeptGrant{
			ID: r.ID, Client: r.ClientID, Audience: r.Audience, Scope: r.Scope, CreatedAt: r.CreatedAt.Time,
			RotatedAt: r.RotatedAt.Time, ExpiresAt: r.ExpiresAt.Time, RevokedAt: r.RevokedAt.Time, Reason: r.RevokedFor,
		})
	}
	return err
}

func (s session) keepConsents(ctx context.Context, kept *accounts.Kept, userID string) error {
	var rows []struct {
		consentRow
		CreatedAt micros `db:"created_at"`
	}
	err := s.all(ctx, &rows, keptConsents, userID)
	for _, r := range rows {
		kept.Consents = append(kept.Consents, accounts.KeptConsent{Client: r.ClientID, Resource: r.Resource, Scope: r.Scope, At: r.CreatedAt.Time})
	}
	return err
}

func (s session) keepEvents(ctx context.Context, kept *accounts.Kept, userID string) error {
	var rows []eventRow
	if err := s.all(ctx, &rows, keptEvents, userID, userID); err != nil {
		return err
	}
	for _, r := range rows {
		event, err := r.event()
		if err != nil {
			return err
		}
		kept.Events = append(kept.Events, accounts.KeptEventOf(event, userID))
	}
	return nil
}

func (s session) keepRefusals(ctx context.Context, kept *accounts.Kept, userID string) error {
	var rows []struct {
		Minute  micros `db:"minute"`
		Account string `db:"account"`
		Address string `db:"address"`
		Reason  string `db:"reason"`
		Count   int64  `db:"count"`
	}
	err := s.all(ctx, &rows, keptRefusals, userID)
	for _, r := range rows {
		kept.Refusals = append(kept.Refusals, accounts.KeptRefusal{Minute: r.Minute.Time, Address: r.Address, Reason: r.Reason, Count: r.Count})
	}
	return err
}

func (s session) keepFactors(ctx context.Context, kept *accounts.Kept, userID string) error {
	var rows []struct {
		Kind       string `db:"kind"`
		Name       string `db:"name"`
		CreatedAt  micros `db:"created_at"`
		LastUsedAt micros `db:"last_used_at"`
	}
	err := s.all(ctx, &rows, keptFactors, userID, userID)
	for _, r := range rows {
		kept.Factors = append(kept.Factors, accounts.KeptFactor{Kind: r.Kind, Name: r.Name, CreatedAt: r.CreatedAt.Time, LastUsedAt: r.LastUsedAt.Time})
	}
	return err
}

func (s session) keepOthers(ctx context.Context, kept *accounts.Kept, userID string) error {
	if err := s.all(ctx, &kept.Groups, keptGroups, userID); err != nil {
		return err
	}
	var addresses []struct {
		Address    string `db:"address"`
		KnownSince micros `db:"known_since"`
	}
	if err := s.all(ctx, &addresses, keptAddresses, userID); err != nil {
		return err
	}
	for _, r := range addresses {
		kept.Addresses = append(kept.Addresses, accounts.KeptAddress{Address: r.Address, Since: r.KnownSince.Time})
	}
	var letters []letterRow
	err := s.all(ctx, &letters, keptLetters, userID)
	for _, r := range letters {
		kept.Letters = append(kept.Letters, accounts.KeptLetter{Kind: accounts.LetterKind(r.Kind), To: r.Recipient, At: r.CreatedAt.Time})
	}
	return err
}
