package oauth

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"keyturn/issuer/fetch"
	"keyturn/keys"
)

const (
	// maxKeysFresh is the longest that a key set counts as fresh, whatever its server says.
	maxKeysFresh = 24 * time.Hour
	// maxKeysStale is how long keys serve beyond that while the client's server does not answer.
	maxKeysStale = 24 * time.Hour
	// keysPause is the least time between two fetches of one client's keys, whatever its server says and
	// whatever kids are shown meanwhile; keysRetry while there are none.
	keysPause, keysRetry = time.Minute, 10 * time.Second
	// keysTimeout bounds a fetch, beside the fetcher's own limit.
	keysTimeout = 10 * time.Second
)

// errNoClientKeys says that there is nothing to check a client's signature with.
var errNoClientKeys = errors.New("no keys of the client")

// ClientKeys finds the public keys of clients: those that they registered (jwks), or those that their
// server publishes (jwks_uri), which are fetched when they are needed and kept while they are fresh. It is
// safe for concurrent use.
type ClientKeys struct {
	// Fetch gets key sets.
	Fetch interface {
		Get(ctx context.Context, url string, accept ...string) (fetch.Response, error)
	}
	Now func() time.Time
	Log *slog.Logger

	mu   sync.Mutex               // guards sets
	sets map[string]*publishedSet // by client id
}

// Verify checks a token that the client signed. An unknown kid, a signature without kid that no key fits, and
// keys that are not fresh any more make it fetch the keys again, at most once a minute; text that is no token
// causes no fetch, nor does a bad signature by a key that is fresh.
// Errors are for the log: what the keys say (keys.ErrInvalidToken, keys.ErrUnknownKey), or that there are none.
func (k *ClientKeys) Verify(ctx context.Context, c *Client, raw string) (keys.ForeignToken, error) {
	if len(c.JWKS) > 0 {
		set, err := keys.ParseForeignKeys(c.JWKS)
		if err != nil {
			return keys.ForeignToken{}, fmt.Errorf("%w: %w", errNoClientKeys, err)
		}
		return set.Verify(raw)
	}
	if c.JWKSURI == "" {
		return keys.ForeignToken{}, errNoClientKeys
	}
	return k.published(c).verify(ctx, k, raw)
}

// published returns the client's entry, a new one where it has moved its keys.
func (k *ClientKeys) published(c *Client) *publishedSet {
	k.mu.Lock()
	defer k.mu.Unlock()
	if s := k.sets[c.ID]; s != nil && s.uri == c.JWKSURI {
		return s
	}
	if k.sets == nil {
		k.sets = make(map[string]*publishedSet)
	}
	s := &publishedSet{clientID: c.ID, uri: c.JWKSURI}
	k.sets[c.ID] = s
	return s
}

// publishedSet is what is known of the keys at one client's jwks_uri.
type publishedSet struct {
	clientID, uri string

	mu sync.Mutex // guards everything below
	// held is nil before the first success, and after an answer that can't be used.
	held *keys.ForeignKeys
	// freshUntil is what the last success allows.
	freshUntil time.Time
	// err is the last fetch's; none starts before nextAt.
	err    error
	nextAt time.Time
	// flight is closed when the fetch that runs is over; nil without one.
	flight chan struct{}
}

// verify tries the keys that are held, and once more those that a fetch brings where these are stale, also for
// a bad signature, since keys turn under their kid too, or don't know the token. In an outage good tokens don't
// wait.
func (s *publishedSet) verify(ctx context.Context, k *ClientKeys, raw string) (keys.ForeignToken, error) {
	held, fresh := s.current(k.Now())
	token, err := held.Verify(raw)
	_, badSignature := errors.AsType[*keys.BadSignature](err)
	noToken := errors.Is(err, keys.ErrInvalidToken) && !badSignature
	if noToken || fresh && (err == nil || badSignature) {
		return token, err
	}
	flight, failing := s.refresh(ctx, k, k.Now())
	if err == nil && failing {
		return token, nil
	}
	if flight != nil {
		select {
		case <-flight:
		case <-ctx.Done():
			return token, s.explain(err)
		}
	}
	// Without a flight too: one that another caller waited for may have ended meanwhile.
	if latest, _ := s.current(k.Now()); latest != held {
		token, err = latest.Verify(raw)
	}
	return token, s.explain(err)
}

// current returns the keys that serve at now, nil for none, and whether they are fresh.
func (s *publishedSet) current(now time.Time) (held *keys.ForeignKeys, fresh bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !now.Before(s.freshUntil.Add(maxKeysStale)) {
		return nil, false
	}
	return s.held, now.Before(s.freshUntil)
}

// explain adds to an unknown key that the keys could not be had.
func (s *publishedSet) explain(err error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err == nil || s.err == nil {
		return err
	}
	return fmt.Errorf("%w: %w: %w", err, errNoClientKeys, s.err)
}

// refresh returns the fetch that runs, or starts one, or returns nil where the last was a moment ago; and
// whether the last one failed.
func (s *publishedSet) refresh(ctx context.Context, k *ClientKeys, now time.Time) (flight <-chan struct{}, failing bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.flight == nil {
		if now.Before(s.nextAt) {
			return nil, s.err != nil
		}
		s.flight = make(chan struct{})
		go s.fly(context.WithoutCancel(ctx), k) // for everybody: no single caller's end stops it
	}
	return s.flight, s.err != nil
}

// fly fetches the keys once.
func (s *publishedSet) fly(ctx context.Context, k *ClientKeys) {
	ctx, cancel := context.WithTimeout(ctx, keysTimeout)
	defer cancel()
	began := k.Now()
	answer, err := k.Fetch.Get(ctx, s.uri, "application/jwk-set+json", "application/json")
	var set *keys.ForeignKeys
	answered := err == nil
	if answered {
		set, err = keys.ParseForeignKeys(answer.Body)
	}
	if err != nil {
		k.Log.Warn("client keys not read", "client", s.clientID, "error", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.err = err
	if answered {
		// An answer counts even if no key is in it: its owner may have taken a stolen one away.
		s.held, s.freshUntil = set, began.Add(min(answer.MaxAge, maxKeysFresh))
	}
	pause := keysPause
	if s.held == nil {
		pause = keysRetry
	}
	s.nextAt = k.Now().Add(pause)
	close(s.flight)
	s.flight = nil
}
