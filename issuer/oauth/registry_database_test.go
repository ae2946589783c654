package oauth_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"keyturn/audit"
	"keyturn/issuer/oauth"
	"keyturn/keys"
	"keyturn/storage"
	"keyturn/storage/storagetest"
)

// onDatabases runs a test on an empty database of each kind.
func onDatabases(t *testing.T, test func(t *testing.T, db *storage.DB)) {
	t.Helper()
	for kind, url := range map[string]func(testing.TB) string{"PostgreSQL": storagetest.Postgres, "SQLite": storagetest.SQLite} {
		t.Run(kind, func(t *testing.T) { test(t, storagetest.Open(t, url(t), storage.Options{})) })
	}
}

var administrator = audit.Actor{Kind: audit.Operator, ID: "root", Rights: audit.ManageAll}

// shut is a store that stops to give clients.
type shut struct {
	oauth.Store
	closed atomic.Bool
}

func (s *shut) Clients(ctx context.Context, after int64) ([]oauth.Client, int64, error) {
	if s.closed.Load() {
		return nil, 0, keys.ErrUnavailable
	}
	return s.Store.Clients(ctx, after)
}

func registryOver(t *testing.T, db *storage.DB) *oauth.Registry {
	t.Helper()
	r := &oauth.Registry{Store: &shut{Store: db}, Now: time.Now, Settings: oauth.RegistrySettings{
		Issuer: "https://id.example.com", Audience: "api", MaxStaleness: 15 * time.Minute,
	}}
	if err := r.Load(t.Context()); err != nil {
		t.Fatal(err)
	}
	return r
}

func newClient(id string) oauth.NewClient {
	return oauth.NewClient{ID: id, Metadata: oauth.Metadata{RedirectURIs: []string{"https://app.example.com/cb"}}}
}

// TestAnotherInstanceFindsANewClient: at the first request that names it.
func TestAnotherInstanceFindsANewClient(t *testing.T) {
	onDatabases(t, func(t *testing.T, db *storage.DB) {
		here, there := registryOver(t, db), registryOver(t, db)
		_, secret, err := here.Create(t.Context(), newClient("app"), administrator)
		if err != nil {
			t.Fatal(err)
		}
		c, err := there.Find(t.Context(), "app")
		if err != nil || len(c.Secrets) != 1 || !c.Secrets[0].Hash.Matches(secret) || c.DisplayName() != "app" {
			t.Errorf("got %+v, %v", c, err)
		}
		if _, err := here.SetEnabled(t.Context(), "app", false, administrator); err != nil {
			t.Fatal(err)
		}
		if _, err := here.Find(t.Context(), "app"); !errors.Is(err, oauth.ErrClientDisabled) {
			t.Errorf("where it was turned off: %v", err)
		}
		follow(t, there, db)
		if _, err := there.Find(t.Context(), "app"); !errors.Is(err, oauth.ErrClientDisabled) {
			t.Errorf("after the next poll: %v", err)
		}
	})
}

func follow(t testing.TB, r *oauth.Registry, db *storage.DB) {
	t.Helper()
	counter, err := db.Changes(t.Context())
	if err != nil {
		t.Error(err)
		return
	}
	if err := r.Follow(t.Context(), counter); err != nil {
		t.Error(err)
	}
}

// TestInstancesAgree: whatever administrators do on several instances at once, each knows after its next poll
// what one that starts then reads.
func TestInstancesAgree(t *testing.T) {
	onDatabases(t, func(t *testing.T, db *storage.DB) {
		instances := []*oauth.Registry{registryOver(t, db), registryOver(t, db), registryOver(t, db)}
		var writers, pollers sync.WaitGroup
		stop := make(chan struct{})
		for n, r := range instances {
			random := rand.New(rand.NewPCG(1, uint64(n)))
			writers.Go(func() {
				for range 40 {
					if err := changeSomething(t.Context(), r, random); err != nil {
						t.Error(err)
					}
				}
			})
			pollers.Go(func() {
				for {
					select {
					case <-stop:
						return
					default:
						follow(t, r, db)
					}
				}
			})
		}
		writers.Wait()
		close(stop)
		pollers.Wait()
		want := known(t, registryOver(t, db))
		for n, r := range instances {
			follow(t, r, db)
			if got := known(t, r); got != want {
				t.Errorf("instance %d knows\n%s\nwant\n%s", n, got, want)
			}
		}
	})
}

// changeSomething makes one change that may fail for a reason.
func changeSomething(ctx context.Context, r *oauth.Registry, random *rand.Rand) error {
	id := fmt.Sprintf("app-%d", random.IntN(8))
	var err error
	switch random.IntN(7) {
	case 0, 1:
		_, _, err = r.Create(ctx, newClient(id), administrator)
	case 2:
		m := r.Defaults(newClient(id).Metadata)
		m.Name = fmt.Sprint(random.IntN(1000))
		_, err = r.Update(ctx, id, m, administrator)
	case 3:
		_, err = r.SetEnabled(ctx, id, random.IntN(2) == 0, administrator)
	case 4:
		if random.IntN(4) == 0 {
			_, err = r.Delete(ctx, id, administrator)
		}
	case 5:
		_, _, err = r.RotateSecret(ctx, id, keys.Secret{}, administrator)
	case 6:
		if c, e := r.Get(ctx, id); e == nil && len(c.Secrets) > 0 {
			_, err = r.RemoveSecret(ctx, id, c.Secrets[0].ID, administrator)
		}
	}
	for _, allowed := range []error{oauth.ErrClientExists, oauth.ErrClientNotFound, oauth.ErrSecretNotFound} {
		if errors.Is(err, allowed) {
			return nil
		}
	}
	return err
}

// known is all that token requests are told of without another look into the store, as text.
func known(t *testing.T, r *oauth.Registry) string {
	t.Helper()
	r.Store.(*shut).closed.Store(true)
	text := ""
	for n := range 8 {
		c, err := r.Find(t.Context(), fmt.Sprintf("app-%d", n))
		member, _ := json.Marshal(c)
		if errors.Is(err, keys.ErrUnavailable) {
			err = oauth.ErrUnknownClient // which would be looked up
		}
		text += fmt.Sprintf("%s %v\n", member, err)
	}
	return text
}
