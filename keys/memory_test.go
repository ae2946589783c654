package keys

import (
	"bytes"
	"cmp"
	"context"
	"crypto"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"keyturn/audit"
)

// memory is a Store in memory with the promises of the interface, and faults to inject.
type memory struct {
	mu      sync.Mutex
	rows    []Record
	events  []audit.Event
	changes int64
	reads   int
	// err fails every call, conflicts the next calls of ApplyKeys.
	err       error
	conflicts int
}

func (m *memory) Keys(ctx context.Context) ([]Record, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.reads++
	if m.err != nil {
		return nil, m.err
	}
	rows := slices.Clone(m.rows)
	slices.SortFunc(rows, func(a, b Record) int {
		return cmp.Or(strings.Compare(string(a.Purpose), string(b.Purpose)),
			strings.Compare(string(a.Algorithm), string(b.Algorithm)), cmp.Compare(a.Epoch, b.Epoch))
	})
	return rows, nil
}

func (m *memory) ApplyKeys(ctx context.Context, changes []Change, events []audit.Event) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.err != nil {
		return m.err
	}
	if m.conflicts > 0 {
		m.conflicts--
		return ErrConflict
	}
	rows := slices.Clone(m.rows)
	for _, c := range changes {
		if c.Was == nil {
			if slices.ContainsFunc(rows, func(r Record) bool {
				return r.KID == c.Now.KID || r.lane() == c.Now.lane() && r.Epoch == c.Now.Epoch
			}) {
				return ErrConflict
			}
			rows = append(rows, stored(*c.Now))
			continue
		}
		i := slices.IndexFunc(rows, func(r Record) bool { return r.KID == c.Was.KID && bytes.Equal(r.Tag, c.Was.Tag) })
		if i < 0 {
			return ErrConflict
		}
		if c.Now == nil {
			rows = slices.Delete(rows, i, i+1)
			continue
		}
		rows[i] = stored(*c.Now)
	}
	m.rows = rows
	m.events = append(m.events, events...)
	m.changes++
	return nil
}

// stored is the record as a database would give it back: microseconds, UTC.
func stored(r Record) Record {
	for _, t := range []*time.Time{&r.PublishedAt, &r.SignsFrom, &r.SignsUntil, &r.VerifiesUntil, &r.RevokedAt} {
		if !t.IsZero() {
			*t = time.UnixMicro(t.UnixMicro()).UTC()
		}
	}
	return r
}

func (m *memory) Changes(context.Context) (int64, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.changes, m.err
}

// readings tells how often Keys was called.
func (m *memory) readings() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.reads
}

func (m *memory) set(f func()) {
	m.mu.Lock()
	defer m.mu.Unlock()
	f()
}

func (m *memory) find(kid string) *Record {
	i := slices.IndexFunc(m.rows, func(r Record) bool { return r.KID == kid })
	return &m.rows[i]
}

// clock is a settable time, read by any goroutine.
type clock struct {
	mu sync.Mutex
	t  time.Time
}

func (c *clock) now() time.Time { c.mu.Lock(); defer c.mu.Unlock(); return c.t }

func (c *clock) advance(d time.Duration) { c.mu.Lock(); defer c.mu.Unlock(); c.t = c.t.Add(d) }

var day0 = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func testPolicy(algorithms ...Algorithm) Policy {
	return Policy{
		Algorithms: algorithms, Rotation: 30 * 24 * time.Hour, Lead: 24 * time.Hour,
		TokenLifetime: time.Hour, RefreshLifetime: 24 * time.Hour, JWKSMaxAge: 300 * time.Second,
	}
}

// spareRSA hands each RSA key out once to each store: making them is most of what these tests cost.
var spareRSA struct {
	sync.Mutex
	keys []crypto.Signer
	used map[*memory]int
}

func generateFor(m *memory) func(Algorithm) (crypto.Signer, error) {
	return func(a Algorithm) (crypto.Signer, error) {
		if a != RS256 && a != PS256 {
			return generate(a)
		}
		s := &spareRSA
		s.Lock()
		defer s.Unlock()
		if s.used == nil {
			s.used = map[*memory]int{}
		}
		n := s.used[m]
		s.used[m]++
		if n == len(s.keys) {
			key, err := generate(RS256)
			if err != nil {
				return nil, err
			}
			s.keys = append(s.keys, key)
		}
		return s.keys[n], nil
	}
}

func newMaster(t testing.TB) *Master {
	t.Helper()
	_, m, err := GenerateMaster()
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// newRing is a ring over the store that is not started yet.
func newRing(store *memory, master *Master, now func() time.Time, p Policy) *Ring {
	return &Ring{
		Store: store, Master: master, Policy: func() Policy { return p }, Now: now,
		Log: slog.New(slog.DiscardHandler), MaxStaleness: 15 * time.Minute, generate: generateFor(store),
	}
}

// started is a ring of its own, started at day0.
func started(t testing.TB, p Policy) (*Ring, *memory, *clock) {
	t.Helper()
	store, c := &memory{}, &clock{t: day0}
	r := newRing(store, newMaster(t), c.now, p)
	if err := r.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	return r, store, c
}

// signing returns the key that signs now.
func signing(t testing.TB, r *Ring, purpose Purpose, a Algorithm) Key {
	t.Helper()
	for _, k := range r.Keys() {
		if k.Purpose == purpose && k.Algorithm == a && k.State == Signing {
			return k.Key
		}
	}
	t.Fatalf("no %s %s key signs", purpose, a)
	return Key{}
}

func accessToken(r *Ring, a Algorithm) (string, error) {
	now := r.Now()
	return r.Sign(SignRequest{
		Purpose: Token, Algorithm: a, Type: "at+jwt", At: now,
		Expires: now.Add(5 * time.Minute), Claims: []byte(`{"sub":"u"}`),
	})
}
