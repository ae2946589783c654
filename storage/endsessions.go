package storage

import (
	"context"
	"errors"

	"keyturn/accounts"
	"keyturn/audit"
	"keyturn/issuer"
)

// Sessions are ended in two steps: they are marked first, under their locks in order of ids, and removed when
// all that hangs on them has been dealt with. A session that another transaction commits between the two
// steps is not marked, and left to live. Nobody else ever sees a mark.
const (
	markSessions statement = `UPDATE browser_sessions SET ended_at = {now} WHERE id IN (
		SELECT id FROM browser_sessions WHERE ended_at IS NULL AND `
	markInOrder statement = ` ORDER BY id {for update})`

	queueLogouts statement = `INSERT INTO logout_deliveries (id, client_id, user_id, session_id, attempts, due_at, created_at)
		SELECT c.session_id || '.' || c.client_id, c.client_id, b.user_id, c.session_id, 0, t.now, t.now
		FROM browser_sessions b JOIN session_clients c ON c.session_id = b.id CROSS JOIN (SELECT {now} AS now) t
		WHERE b.ended_at IS NOT NULL`
	// The rows of session_clients go with it.
	removeMarked statement = `DELETE FROM browser_sessions WHERE ended_at IS NOT NULL`

	removeInteractions statement = `DELETE FROM interactions WHERE id_hash IN (
		SELECT id_hash FROM interactions ORDER BY id_hash {for update})`
)

// inMarked are the codes and grants made in the selected sessions that are marked. The selection is told again
// for the planner's sake: it can't know how few are marked.
func inMarked(which selection) selection {
	return selection{`session_id IN (SELECT id FROM browser_sessions WHERE ended_at IS NOT NULL AND ` + which.where + `)`, which.args}
}

// endingWithMarked are the grants that end with these sessions: not those that were made to be used when the
// user is away (OIDC Back-Channel Logout section 2.7). LIKE would take _ for any character, and on SQLite
// take no notice of letter case.
func endingWithMarked(which selection) selection {
	in := inMarked(which)
	in.where += ` AND {postgres strpos}{sqlite instr}(' ' || scope || ' ', ' offline_access ') = 0`
	return in
}

// EndSessions implements accounts.SessionStore.
func (d *DB) EndSessions(ctx context.Context, sel accounts.SessionSelection, event audit.Event) (ended int64, err error) {
	which, err := selectedSessions(sel)
	if err != nil {
		return 0, err
	}
	err = d.transact(ctx, func(s session) error {
		if ended, err = s.endSessions(ctx, which); err != nil || ended == 0 {
			return err
		}
		return s.record(ctx, event)
	})
	if err != nil {
		return 0, translate(err, nil)
	}
	return ended, nil
}

func selectedSessions(sel accounts.SessionSelection) (selection, error) {
	switch {
	case sel == (accounts.SessionSelection{All: true}):
		return everything, nil
	case sel.ID != "" && sel == (accounts.SessionSelection{ID: sel.ID}):
		return oneSession(sel.ID), nil
	case sel.UserID != "" && sel == (accounts.SessionSelection{UserID: sel.UserID}):
		return ofUser(sel.UserID), nil
	}
	return selection{}, errors.New("storage: a selection of sessions needs exactly one field")
}

func oneSession(id string) selection { return selection{`id = ?`, []any{id}} }

// endSessions ends the selected sessions and what was made in them, and returns how many they were.
func (s session) endSessions(ctx context.Context, which selection) (int64, error) {
	marked, err := s.markSessions(ctx, which)
	if err != nil || marked == 0 {
		return 0, err
	}
	if _, err := s.revoke(ctx, endingWithMarked(which), revocation{reason: issuer.SessionEnded}); err != nil {
		return 0, err
	}
	if _, err := s.removeCodes(ctx, inMarked(which)); err != nil {
		return 0, err
	}
	return marked, s.closeSessions(ctx)
}

// markSessions marks the selected sessions; closeSessions must follow in the same transaction.
func (s session) markSessions(ctx context.Context, which selection) (int64, error) {
	return s.exec(ctx, markSessions+which.where+markInOrder, which.args...)
}

// closeSessions removes the marked sessions and queues a logout token for each client that took part. Grants
// and codes are the caller's to end before.
func (s session) closeSessions(ctx context.Context) error {
	if _, err := s.exec(ctx, queueLogouts); err != nil {
		return err
	}
	_, err := s.exec(ctx, removeMarked)
	return err
}

// endBelow ends the selected grants and codes, and with them browser sessions, none for the zero selection. It returns
// how many grants these were, and how many of the others.
func (s session) endBelow(ctx context.Context, which selection, why revocation, sessions selection) (grants, others int64, err error) {
	count := func(n int64, err error) error {
		others += n
		return err
	}
	if !sessions.none() {
		if err := count(s.markSessions(ctx, sessions)); err != nil {
			return 0, 0, err
		}
	}
	if grants, err = s.revoke(ctx, which, why); err != nil {
		return 0, 0, err
	}
	if err := count(s.removeCodes(ctx, which)); err != nil || sessions.none() {
		return grants, others, err
	}
	return grants, others, s.closeSessions(ctx)
}

// endEverything is endBelow for everybody, interactions too.
func (s session) endEverything(ctx context.Context, why revocation) (grants, others int64, err error) {
	if grants, others, err = s.endBelow(ctx, everything, why, everything); err != nil {
		return 0, 0, err
	}
	interactions, err := s.exec(ctx, removeInteractions)
	return grants, others + interactions, err
}
