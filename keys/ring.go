package keys

import (
	"bytes"
	"context"
	"crypto"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync/atomic"
	"time"

	"keyturn/keys/reading"
)

// storeTimeout bounds one read or change of the keys.
const storeTimeout = 5 * time.Second

// Errors of reading.
var (
	// ErrStale says that the keys were last read longer ago than MaxStaleness; it wraps ErrUnavailable.
	ErrStale = fmt.Errorf("keys: last read too long ago: %w", ErrUnavailable)
	// ErrKeysVanished says that the database holds no keys though it did before: somebody emptied it or
	// put another one in its place. The keys read last stay in use. It wraps ErrUnavailable.
	ErrKeysVanished = fmt.Errorf("keys: the database holds no keys any more though it did before: %w", ErrUnavailable)
	// ErrForeignMaster says that not one key of the database was written under this master identity: it is
	// the wrong identity, and not the rows that are to be mended.
	ErrForeignMaster = errors.New("keys: this is not the identity that the database's keys are sealed to")
	errNotRead       = fmt.Errorf("keys: not read yet: %w", ErrUnavailable)
)

// Ring holds the keys of one instance: an immutable snapshot of what was last read from the store,
// opened and checked. Its methods may be called at once from any number of goroutines; the fields are
// set before the first call and not changed.
type Ring struct {
	Store  Store
	Master *Master
	// Policy returns what is wanted now; its algorithms change as resources and clients name others.
	Policy func() Policy
	Now    func() time.Time
	Log    *slog.Logger
	// MaxStaleness is how long keys are used for signing and verifying without having been read again.
	// The JWKS is served without limit.
	MaxStaleness time.Duration
	// Alarm is told of every *BadRow, and of a database that lost its keys, when a reading meets it and
	// the reading before did not; nil logs them.
	Alarm func(text string)

	snapshot atomic.Pointer[snapshot]

	// reading makes reads follow one another, so that an older one never replaces a newer. It is held
	// for as long as the database takes: what signs, verifies or publishes looks at snapshot alone.
	reading reading.Turn
	// alarmed is what the last reading raised an alarm for; guarded by reading.
	alarmed []string
	// again is the one reading that unknown kids may cause each second.
	again reading.Shared
	// generate is generate but in tests.
	generate func(Algorithm) (crypto.Signer, error)
}

// snapshot is what one reading found. Nothing in it changes but the cached JWKS.
type snapshot struct {
	// readAt is when the reading began.
	readAt  time.Time
	keys    []Key
	records []Record
	opened  map[string]*openedKey
	// bad are the rows that failed their checks.
	bad  []*BadRow
	jwks atomic.Pointer[keySet]
}

type openedKey struct {
	Key
	*material
}

// Reload reads all keys from the store, checks each row's tag and opens it. The first time, any row
// that fails stops it with its *BadRow. Later the row is reported to Alarm and not used while the
// others are; where no row is good, the keys read last stay and the error is returned.
func (r *Ring) Reload(ctx context.Context) error {
	if err := r.take(ctx); err != nil {
		return err
	}
	defer r.reading.Leave()
	_, err := r.reload(ctx)
	return err
}

// take waits until no other reading runs; its error wraps ErrUnavailable, since what runs waits for the database.
func (r *Ring) take(ctx context.Context) error {
	if err := r.reading.Take(ctx); err != nil {
		return fmt.Errorf("wait for another reading of the keys: %w: %w", ErrUnavailable, err)
	}
	return nil
}

// reload is Reload; the caller holds reading.
func (r *Ring) reload(ctx context.Context) (*snapshot, error) {
	ctx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	last := r.snapshot.Load()
	next := &snapshot{readAt: r.Now(), opened: map[string]*openedKey{}}
	records, err := r.Store.Keys(ctx)
	if err != nil {
		return nil, fmt.Errorf("read keys: %w", err)
	}
	if len(records) == 0 && last != nil && len(last.keys) > 0 {
		r.alarm(ErrKeysVanished)
		return nil, ErrKeysVanished
	}
	var alarms []error
	for _, record := range records {
		pair, err := r.open(record, last)
		var bad *BadRow
		if errors.As(err, &bad) {
			next.bad, alarms = append(next.bad, bad), append(alarms, bad)
			continue
		}
		next.keys = append(next.keys, record.Key)
		next.records = append(next.records, record)
		next.opened[record.KID] = &openedKey{record.Key, pair}
	}
	if last == nil && len(next.bad) > 0 {
		if len(next.keys) == 0 && !slices.ContainsFunc(records, r.Master.authentic) {
			return nil, ErrForeignMaster
		}
		return nil, next.bad[0]
	}
	r.alarm(alarms...)
	r.tellChanges(last, next)
	if len(next.bad) > 0 && len(next.keys) == 0 {
		return nil, next.bad[0]
	}
	r.snapshot.Store(next)
	return next, nil
}

// tellChanges logs what a reading found to be another than before, whoever changed it.
func (r *Ring) tellChanges(last, next *snapshot) {
	if last == nil {
		return
	}
	for _, now := range next.records {
		i := slices.IndexFunc(last.records, func(l Record) bool { return l.KID == now.KID })
		if i < 0 || !bytes.Equal(last.records[i].Tag, now.Tag) {
			r.Log.Info("key changed", "kid", now.KID, "purpose", now.Purpose, "algorithm", now.Algorithm, "state", now.State(next.readAt))
		}
	}
	for _, was := range last.records {
		if next.opened[was.KID] == nil {
			r.Log.Info("key changed", "kid", was.KID, "purpose", was.Purpose, "algorithm", was.Algorithm, "state", "no longer used")
		}
	}
}

// open takes the opened key of the last snapshot where the row's sealed bytes are the same: the tag
// has to be checked at every reading, opening costs more.
func (r *Ring) open(record Record, last *snapshot) (*material, error) {
	if last != nil && r.Master.authentic(record) {
		i := slices.IndexFunc(last.records, func(l Record) bool { return l.KID == record.KID })
		if i >= 0 && last.records[i].lane() == record.lane() &&
			bytes.Equal(last.records[i].Sealed, record.Sealed) &&
			bytes.Equal(last.records[i].PublicJWK, record.PublicJWK) {
			return last.opened[record.KID].material, nil
		}
	}
	return r.Master.open(record)
}

// alarm raises what the reading before has not raised; the caller holds reading. A key table that stays
// bad is read each second, and one alarm is enough to wake somebody.
func (r *Ring) alarm(found ...error) {
	before := r.alarmed
	r.alarmed = nil
	for _, err := range found {
		text := err.Error()
		r.alarmed = append(r.alarmed, text)
		switch {
		case slices.Contains(before, text):
		case r.Alarm == nil:
			r.Log.Error("signing keys can't be trusted", "error", err)
		default:
			r.Alarm(text)
		}
	}
}

// LastRead returns when the keys were last read, zero if never.
func (r *Ring) LastRead() time.Time {
	if s := r.snapshot.Load(); s != nil {
		return s.readAt
	}
	return time.Time{}
}

// fresh returns the snapshot unless it is older than MaxStaleness.
func (r *Ring) fresh(now time.Time) (*snapshot, error) {
	s := r.snapshot.Load()
	switch {
	case s == nil:
		return nil, errNotRead
	case now.Sub(s.readAt) > r.MaxStaleness:
		return nil, ErrStale
	}
	return s, nil
}

// Bad returns the rows that failed their checks at the last reading; they are not used.
func (r *Ring) Bad() []*BadRow {
	if s := r.snapshot.Load(); s != nil {
		return s.bad
	}
	return nil
}

// Listed is a key and what it may do now.
type Listed struct {
	Key
	State State
}

// Keys lists all good keys as last read, ordered by purpose, algorithm and epoch.
func (r *Ring) Keys() []Listed {
	s, now := r.snapshot.Load(), r.Now()
	if s == nil {
		return nil
	}
	list := make([]Listed, len(s.keys))
	for i, k := range s.keys {
		list[i] = Listed{k, k.State(now)}
	}
	return list
}

// Plan tells what Maintain would do now with the keys as last read.
func (r *Ring) Plan() []Step {
	s := r.snapshot.Load()
	if s == nil {
		return nil
	}
	return Plan(s.keys, r.Policy(), r.Now())
}

// Foresee tells what Rotate would do now with the keys as last read, found out by the function that does it. Nothing is
// changed. Errors: those of the function Rotate.
func (r *Ring) Foresee(q Rotation) (Outcome, error) {
	s := r.snapshot.Load()
	if s == nil {
		return Outcome{}, errNotRead
	}
	if len(s.bad) > 0 {
		return Outcome{}, fmt.Errorf("change keys while a row is bad: %w", s.bad[0])
	}
	return Rotate(s.keys, q, r.Policy(), r.Now())
}
