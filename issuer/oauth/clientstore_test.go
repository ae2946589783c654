package oauth

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"keyturn/audit"
	"keyturn/issuer"
	"keyturn/keys"
)

// clientStore keeps clients in memory with the promises of Store, and faults to inject. Other methods of
// Store are not there.
type clientStore struct {
	Store
	mu      sync.Mutex
	rows    map[string]clientRow
	counter int64
	events  []audit.Event
	// reads are the counters after which Clients was asked.
	reads []int64
	// err fails every call; hangs lets reading last until its context ends.
	err   error
	hangs bool
}

// clientRow is a client and the counter at its last change.
type clientRow struct {
	Client
	changed int64
}

func (m *clientStore) set(f func()) {
	m.mu.Lock()
	defer m.mu.Unlock()
	f()
}

func (m *clientStore) readings() []int64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.reads)
}

func (m *clientStore) Clients(ctx context.Context, after int64) ([]Client, int64, error) {
	m.mu.Lock()
	m.reads = append(m.reads, after)
	hangs := m.hangs
	m.mu.Unlock()
	if hangs {
		<-ctx.Done()
		return nil, 0, errors.Join(keys.ErrUnavailable, ctx.Err())
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.err != nil {
		return nil, 0, m.err
	}
	var list []Client
	for _, row := range m.rows {
		if row.changed > after {
			list = append(list, row.Client)
		}
	}
	slices.SortFunc(list, func(a, b Client) int { return cmp.Compare(a.ID, b.ID) })
	return list, m.counter, nil
}

// change stores what edit makes of the row.
func (m *clientStore) change(ctx context.Context, id string, event audit.Event, edit func(*Client) error) (Client, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	row, found := m.rows[id]
	switch {
	case m.err != nil || ctx.Err() != nil:
		return Client{}, errors.Join(m.err, ctx.Err())
	case !found || row.AuthMethod == "":
		return Client{}, ErrClientNotFound
	}
	row.Secrets = slices.Clone(row.Secrets)
	if err := edit(&row.Client); err != nil {
		return Client{}, err
	}
	m.put(row.Client)
	m.events = append(m.events, event)
	return m.rows[id].Client, nil
}

func (m *clientStore) put(c Client) {
	m.counter++
	if m.rows == nil {
		m.rows = map[string]clientRow{}
	}
	c.UpdatedAt = time.UnixMicro(m.counter)
	m.rows[c.ID] = clientRow{c, m.counter}
}

func (m *clientStore) CreateClient(_ context.Context, c Client, event audit.Event) (Client, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.err != nil {
		return Client{}, m.err
	}
	if _, taken := m.rows[c.ID]; taken {
		return Client{}, ErrClientExists
	}
	m.put(c)
	m.events = append(m.events, event)
	return m.rows[c.ID].Client, nil
}

func (m *clientStore) UpdateClient(ctx context.Context, id string, n Metadata, event audit.Event) (Client, error) {
	return m.change(ctx, id, event, func(c *Client) error {
		c.Metadata = n
		for !n.AuthMethod.UsesSecret() && len(c.Secrets) > 0 {
			removed := event
			removed.Action, removed.Details = audit.ClientSecretRemoved, map[string]string{"secret": c.Secrets[0].ID}
			m.events = append(m.events, removed)
			c.Secrets = c.Secrets[1:]
		}
		return nil
	})
}

func (m *clientStore) SetClientEnabled(ctx context.Context, id string, enabled bool, event audit.Event) (int64, error) {
	_, err := m.change(ctx, id, event, func(c *Client) error { c.Enabled = enabled; return nil })
	return 3, err
}

func (m *clientStore) DeleteClient(ctx context.Context, id string, event audit.Event) (int64, error) {
	_, err := m.change(ctx, id, event, func(c *Client) error { *c = Client{ID: id}; return nil })
	return 4, err
}

func (m *clientStore) AddSecret(ctx context.Context, id string, s ClientSecret, event audit.Event) (Client, error) {
	return m.change(ctx, id, event, func(c *Client) error {
		if !c.AuthMethod.UsesSecret() {
			return issuer.ErrConflict
		}
		c.Secrets = append(c.Secrets, s)
		c.Secrets = c.Secrets[max(0, len(c.Secrets)-2):]
		return nil
	})
}

func (m *clientStore) RemoveSecret(ctx context.Context, id, secretID string, event audit.Event) (Client, error) {
	return m.change(ctx, id, event, func(c *Client) error {
		n := slices.IndexFunc(c.Secrets, func(s ClientSecret) bool { return s.ID == secretID })
		if n < 0 {
			return ErrSecretNotFound
		}
		c.Secrets = slices.Delete(c.Secrets, n, n+1)
		return nil
	})
}

var clientAdmin = audit.Actor{Kind: audit.Operator, ID: "root", Rights: audit.ManageAll}

// newRegistry is one over an empty store, read once, by the clock of the bubble.
func newRegistry(t testing.TB, ids ...string) (*Registry, *clientStore) {
	t.Helper()
	store := &clientStore{}
	for _, id := range ids {
		store.put(Client{ID: id, Enabled: true, Metadata: webClient()})
	}
	r := &Registry{Store: store, Now: time.Now, Settings: RegistrySettings{
		Issuer: "https://id.example.com", Audience: "api", MaxStaleness: 15 * time.Minute,
	}}
	if err := r.Load(t.Context()); err != nil {
		t.Fatal(err)
	}
	return r, store
}

// webClient is an ordinary web application.
func webClient() Metadata {
	return Metadata{
		AuthMethod: AuthBasic, RedirectURIs: []string{"https://app.example.com/callback"},
		GrantTypes: []GrantType{AuthorizationCode, RefreshTokenGrant}, Resources: []string{"api"},
	}
}
