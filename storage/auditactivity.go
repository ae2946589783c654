package storage

import (
	"context"
	"fmt"
	"time"

	"keyturn/audit"
)

// maxSteps bounds what one Activity answers.
const maxSteps = 10_000

const (
	signInsPerStep statement = `SELECT (at - CAST(? AS BIGINT)) / CAST(? AS BIGINT) AS step, COUNT(*) AS count FROM audit_log
		WHERE action = ? AND at >= ? AND at < ? GROUP BY step`
	refusalsPerStep statement = `SELECT (minute - CAST(? AS BIGINT)) / CAST(? AS BIGINT) AS step, CAST(SUM(count) AS BIGINT) AS count FROM audit_refusals
		WHERE minute >= ? AND minute < ? GROUP BY step`
)

// Activity counts sign-ins and refusals in [since, until), in steps of whole minutes from since on, each there even
// if nothing happened. Both are read from indexes alone. Refusals are counted by the minute: since should begin one.
func (d *DB) Activity(ctx context.Context, since, until time.Time, step time.Duration) ([]audit.Activity, error) {
	if step < time.Minute || step%time.Minute != 0 || !until.After(since) || until.Sub(since)/step >= maxSteps {
		return nil, fmt.Errorf("storage: activity from %s to %s in steps of %s", since, until, step)
	}
	out := make([]audit.Activity, (until.Sub(since)+step-1)/step)
	for i := range out {
		out[i].From = since.Add(time.Duration(i) * step)
	}
	type row struct {
		Step  int64 `db:"step"`
		Count int64 `db:"count"`
	}
	from, to, width := micros{since}.orZero(), micros{until}.orZero(), step.Microseconds()
	var signIns, refusals []row
	if err := d.reading().all(ctx, &signIns, signInsPerStep, from, width, string(audit.UserSignedIn), from, to); err != nil {
		return nil, translate(err, nil)
	}
	if err := d.reading().all(ctx, &refusals, refusalsPerStep, from, width, from, to); err != nil {
		return nil, translate(err, nil)
	}
	for _, r := range signIns {
		out[r.Step].SignIns = r.Count
	}
	for _, r := range refusals {
		out[r.Step].Refusals = r.Count
	}
	return out, nil
}
