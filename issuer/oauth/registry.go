package oauth

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"keyturn/keys"
	"keyturn/keys/reading"
)

// Errors of finding a client.
var (
	// ErrUnknownClient says that no client of this id is registered.
	ErrUnknownClient = errors.New("oauth: no client of this id")
	// ErrClientDisabled says that the client was turned off.
	ErrClientDisabled = errors.New("oauth: the client is turned off")
	// ErrClientsStale says that the clients were last known to be fresh longer than MaxStaleness ago, or were
	// never read; it wraps keys.ErrUnavailable.
	ErrClientsStale = fmt.Errorf("oauth: clients last read too long ago: %w", keys.ErrUnavailable)
)

const (
	// storeTimeout bounds one reading of the clients, and one change.
	storeTimeout = 5 * time.Second
	// missedPolls is the gap between two readings after which everything is read again: the counter may have
	// gone back and forth meanwhile (a failover that lost commits), so that it tells nothing.
	missedPolls = 5 * time.Second
)

// RegistrySettings are what the rules for clients depend on.
type RegistrySettings struct {
	// Issuer is the iss claim, a URL without trailing slash.
	Issuer string
	// Audience is the resource of clients that name none when they are created.
	Audience string
	// MaxStaleness is how long clients are known without having been read again.
	MaxStaleness time.Duration
}

// Registry holds every client in memory, as the database last said: no token request asks the database
// for its client. The fields are set before the first call and not changed; its methods may be called at
// once from any number of goroutines. The clients that it hands out are shared: nobody changes them.
type Registry struct {
	Store    Store
	Settings RegistrySettings
	Now      func() time.Time
	// Log is told of changes that can't be read back; nil for slog.Default.
	Log *slog.Logger

	known atomic.Pointer[roll]
	// reading makes readings follow one another, so that an older one never replaces a newer.
	reading reading.Turn
	// again is the one reading that unknown ids may cause each second.
	again reading.Shared
}

// roll is what is known of the clients at one moment. Nothing in it changes.
type roll struct {
	// readAt is when the last reading began, or the last poll that found nothing changed.
	readAt time.Time
	// counter is what the changes counter was by then.
	counter int64
	byID    map[string]*Client
	// byOrder are all clients in the order of their ids.
	byOrder []*Client

	origins         map[string]bool
	algorithms      []keys.Algorithm
	access, refresh time.Duration
}

// Load reads the clients. It is to be called once before the first Find.
func (r *Registry) Load(ctx context.Context) error { return r.read(ctx, notPolled) }

// Follow is called at each poll of the changes counter, with its value as just read; a poll that fails is
// not told. It reads what changed since, and notes that the clients are as fresh as this moment.
func (r *Registry) Follow(ctx context.Context, counter int64) error { return r.read(ctx, counter) }

// notPolled stands for a counter that nobody has looked at.
const notPolled = -1

// read reads the clients that changed since the last reading, unless the counter as polled says that none
// has. All are read where nothing was known, where polls were missed, and where the counter went back.
func (r *Registry) read(ctx context.Context, polled int64) error {
	ctx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	if err := r.reading.Take(ctx); err != nil {
		return fmt.Errorf("wait for another reading of the clients: %w: %w", keys.ErrUnavailable, err)
	}
	defer r.reading.Leave()
	last, now := r.known.Load(), r.Now()
	if last == nil || now.Sub(last.readAt).Abs() > missedPolls {
		last = &roll{}
	} else if polled == last.counter {
		fresh := *last
		fresh.readAt = now
		r.known.Store(&fresh)
		return nil
	}
	changed, counter, err := r.Store.Clients(ctx, last.counter)
	if err == nil && counter < last.counter {
		last = &roll{}
		changed, counter, err = r.Store.Clients(ctx, 0)
	}
	if err != nil {
		return fmt.Errorf("read clients: %w", err)
	}
	r.known.Store(newRoll(last.byID, changed, counter, now))
	return nil
}

// newRoll is before with the changed clients in their places.
func newRoll(before map[string]*Client, changed []Client, counter int64, now time.Time) *roll {
	next := &roll{
		readAt: now, counter: counter,
		byID: make(map[string]*Client, len(before)+len(changed)), origins: map[string]bool{},
	}
	maps.Copy(next.byID, before)
	for n := range changed {
		if c := &changed[n]; c.AuthMethod == "" { // deleted
			delete(next.byID, c.ID)
		} else {
			next.byID[c.ID] = c
		}
	}
	next.byOrder = slices.SortedFunc(maps.Values(next.byID), func(a, b *Client) int { return strings.Compare(a.ID, b.ID) })
	for _, c := range next.byOrder {
		// Those that are off count here: their access tokens may still live, and they may be turned on again.
		next.access = max(next.access, time.Duration(c.AccessLifetime))
		next.refresh = max(next.refresh, time.Duration(c.RefreshLifetime))
		if c.Enabled {
			next.note(c)
		}
	}
	slices.Sort(next.algorithms)
	next.algorithms = slices.Compact(next.algorithms)
	return next
}

// note takes in what an enabled client asks of the whole provider.
func (l *roll) note(c *Client) {
	for _, origin := range c.CORSOrigins {
		l.origins[origin] = true
	}
	for _, algorithm := range []keys.Algorithm{c.IDTokenAlgorithm, c.UserInfoAlgorithm} {
		if algorithm != "" {
			l.algorithms = append(l.algorithms, algorithm)
		}
	}
}

// Find returns the enabled client of the id. ErrUnknownClient where there is none, ErrClientDisabled where
// it is off, and an error that wraps keys.ErrUnavailable where the clients were last known to be fresh
// longer than MaxStaleness ago, or an unknown id can't be looked up. For an unknown id the store is read
// again, once a second at most: another instance may have created the client a moment ago.
func (r *Registry) Find(ctx context.Context, id string) (*Client, error) {
	c, err := r.fresh(id)
	if c == nil && err == nil {
		c, err = r.findAgain(ctx, id)
	}
	switch {
	case err != nil:
		return nil, err
	case !c.Enabled:
		return nil, ErrClientDisabled
	}
	return c, nil
}

// fresh looks the client up in what is known, if that is fresh enough; nil for an unknown id.
func (r *Registry) fresh(id string) (*Client, error) {
	known := r.known.Load()
	if known == nil || r.Now().Sub(known.readAt) > r.Settings.MaxStaleness {
		return nil, ErrClientsStale
	}
	return known.byID[id], nil
}

// readAgain reads what changed unless that was last over less than a second ago, and returns how it went. Nobody waits
// for it for longer than a reading may take.
func (r *Registry) readAgain(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	return r.again.Do(ctx, r.Now, func(ctx context.Context) error { return r.read(ctx, notPolled) })
}

func (r *Registry) findAgain(ctx context.Context, id string) (*Client, error) {
	if !idProblem(id).IsZero() {
		return nil, ErrUnknownClient // such an id is nobody's, and costs no reading
	}
	if err := r.readAgain(ctx); err != nil {
		return nil, fmt.Errorf("read clients for an unknown id: %w: %w", keys.ErrUnavailable, err)
	}
	c, err := r.fresh(id)
	if c == nil && err == nil {
		err = ErrUnknownClient
	}
	return c, err
}

// AllowsOrigin tells whether an enabled client names the origin: a CORS preflight does not say which
// client it is for.
func (r *Registry) AllowsOrigin(origin string) bool {
	known := r.known.Load()
	return known != nil && known.origins[origin]
}

// Algorithms are those that enabled clients name for ID tokens and UserInfo: keys must exist for them.
func (r *Registry) Algorithms() []keys.Algorithm {
	if known := r.known.Load(); known != nil {
		return slices.Clone(known.algorithms)
	}
	return nil
}

// LongestLifetimes returns the longest lifetimes of access and refresh tokens that a client names; 0
// where none does.
func (r *Registry) LongestLifetimes() (access, refresh time.Duration) {
	if known := r.known.Load(); known != nil {
		return known.access, known.refresh
	}
	return 0, 0
}

func (r *Registry) log() *slog.Logger {
	if r.Log == nil {
		return slog.Default()
	}
	return r.Log
}
