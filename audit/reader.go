package audit

import (
	"context"
	"io"
	"time"
)

// Store is what a Reader reads from.
type Store interface {
	Log
	AuditEvents(ctx context.Context, q Query) ([]Event, error)
	Refusals(ctx context.Context, q RefusalQuery) ([]RefusalCount, error)
	// Activity counts sign-ins and refusals from since on, in steps of whole minutes.
	Activity(ctx context.Context, since, until time.Time, step time.Duration) ([]Activity, error)
	// UsernamesOf are the names of those of the ids that are users.
	UsernamesOf(ctx context.Context, ids []string) (map[string]string, error)
	AuditTail(ctx context.Context) (Tail, error)
	// UnsealedAfter are the next events by id that no seal covers yet.
	UnsealedAfter(ctx context.Context, after int64, limit int) ([]Event, error)
	// Now is the database's time.
	Now(ctx context.Context) (time.Time, error)
}

// Reader shows the log to whoever has the right Read.
type Reader struct {
	Store  Store
	Issuer string
	// Retention is how long rows are kept, 0 for ever; RefusalAge how long counts of refusals are.
	Retention, RefusalAge time.Duration
}

// Events lists what happened, newest first.
func (r *Reader) Events(ctx context.Context, q Query, actor Actor) ([]Event, error) {
	if err := actor.Need(Read); err != nil {
		return nil, err
	}
	return r.Store.AuditEvents(ctx, q)
}

// Refusals lists refusals that changed nothing, newest first.
func (r *Reader) Refusals(ctx context.Context, q RefusalQuery, actor Actor) ([]RefusalCount, error) {
	if err := actor.Need(Read); err != nil {
		return nil, err
	}
	return r.Store.Refusals(ctx, q)
}

// Activity counts sign-ins and refusals in [since, until), in steps of whole minutes from since on.
func (r *Reader) Activity(ctx context.Context, since, until time.Time, step time.Duration, actor Actor) ([]Activity, error) {
	if err := actor.Need(Read); err != nil {
		return nil, err
	}
	return r.Store.Activity(ctx, since, until, step)
}

// Lines are the events as they look, with the names of the people in them.
func (r *Reader) Lines(ctx context.Context, events []Event, actor Actor) ([]EventLine, error) {
	if err := actor.Need(Read); err != nil {
		return nil, err
	}
	var ids []string
	for _, e := range events {
		if e.Actor.Kind == User {
			ids = append(ids, e.Actor.ID)
		}
		if e.SubjectKind == "user" {
			ids = append(ids, e.SubjectID)
		}
	}
	names, err := r.Store.UsernamesOf(ctx, ids)
	if err != nil {
		return nil, err
	}
	lines := make([]EventLine, len(events))
	for i, e := range events {
		lines[i] = e.Line(names)
	}
	return lines, nil
}

// Usernames are the names of today of people, by id; one who is gone has none.
func (r *Reader) Usernames(ctx context.Context, ids []string, actor Actor) (map[string]string, error) {
	if err := actor.Need(Read); err != nil {
		return nil, err
	}
	return r.Store.UsernamesOf(ctx, ids)
}

// Export writes the log as JSON lines from the seal after number after on, 0 for the whole. turn is called after each
// page that was written, so that a writer may flush and allow itself more time. ErrSealNotFound before anything is
// written.
func (r *Reader) Export(ctx context.Context, w io.Writer, after int64, turn func() error, actor Actor) error {
	if err := actor.Need(Read); err != nil {
		return err
	}
	now, err := r.Store.Now(ctx)
	if err != nil {
		return err
	}
	return export(ctx, r.Store, w, StartLine{Issuer: r.Issuer, ExportedAt: instant(now), RefusalsSince: instant(r.refusalsSince(now))}, after, turn)
}

// refusalsSince is a day after that whose refusals may leave.
func (r *Reader) refusalsSince(now time.Time) time.Time { return now.Add(24*time.Hour - r.RefusalAge) }

// Verify verifies the whole log with v, to which it adds what the settings say.
func (r *Reader) Verify(ctx context.Context, v *Verifier, progress func(Verified), actor Actor) (Tail, error) {
	if err := actor.Need(Read); err != nil {
		return Tail{}, err
	}
	now, err := r.Store.Now(ctx)
	if err != nil {
		return Tail{}, err
	}
	v.RefusalsSince, v.PrunedBefore = r.refusalsSince(now), time.UnixMicro(1)
	if r.Retention > 0 {
		v.PrunedBefore = now.Add(-r.Retention)
	}
	if err := v.Run(ctx, r.Store, progress); err != nil {
		return Tail{}, err
	}
	return r.Store.AuditTail(ctx)
}
