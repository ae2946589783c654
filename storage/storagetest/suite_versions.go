package storagetest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"keyturn/accounts"
	"keyturn/audit"
	"keyturn/issuer"
	"keyturn/issuer/oauth"
	"keyturn/keys"
	"keyturn/storage"
)

// versioned is one kind of thing that is changed by who has seen it.
type versioned struct {
	name string
	// make makes one and gives its id.
	make func() string
	// version reads the one of that id.
	version func(id string) (audit.Version, error)
	// changes are the ways to change it, each to something else for another n. Those that remove it come last.
	changes []func(ctx context.Context, id string, n int, event audit.Event) error
	removed error
}

func kindsOfVersioned(t *testing.T, db *storage.DB) []versioned {
	ctx := t.Context()
	user := func(id string) (audit.Version, error) {
		u, err := db.UserByID(ctx, id)
		return u.Version(), err
	}
	group := func(id string) (audit.Version, error) {
		g, err := db.GroupByID(ctx, id)
		return g.Version(), err
	}
	client := func(id string) (audit.Version, error) {
		list, _, err := db.Clients(ctx, 0)
		for _, c := range list {
			if c.ID == id && c.AuthMethod != "" {
				return c.Version(), err
			}
		}
		return "", errors.Join(err, oauth.ErrClientNotFound)
	}
	resource := func(identifier string) (audit.Version, error) {
		list, err := db.Resources(ctx)
		for _, r := range list {
			if r.Identifier == identifier {
				return r.Version(), err
			}
		}
		return "", errors.Join(err, issuer.ErrResourceNotFound)
	}
	about := func(event audit.Event, id string) audit.Event {
		event.SubjectID = id
		return event
	}
	lifetime := func(n int) time.Duration { return time.Duration(n+1) * time.Second }
	return []versioned{
		{"user", func() string { return User(t, db).ID }, user, []func(context.Context, string, int, audit.Event) error{
			func(ctx context.Context, id string, n int, e audit.Event) error {
				_, err := db.UpdateUser(ctx, id, accounts.Change{GivenName: new(fmt.Sprint("name ", n))}, e)
				return err
			},
			func(ctx context.Context, id string, n int, e audit.Event) error {
				_, err := db.SetPassword(ctx, id, fmt.Sprint("hash ", n), e)
				return err
			},
			func(ctx context.Context, id string, _ int, e audit.Event) error {
				_, err := db.Deactivate(ctx, id, e)
				return err
			},
			func(ctx context.Context, id string, _ int, e audit.Event) error { return db.Activate(ctx, id, e) },
			func(ctx context.Context, id string, _ int, e audit.Event) error {
				_, err := db.DeleteUser(ctx, id, e)
				return err
			},
		}, accounts.ErrUserNotFound},
		{"group", func() string { return Group(t, db).ID }, group, []func(context.Context, string, int, audit.Event) error{
			func(ctx context.Context, id string, n int, e audit.Event) error {
				_, err := db.UpdateGroup(ctx, id, accounts.GroupChange{Description: new(fmt.Sprint("text ", n))}, e)
				return err
			},
			func(ctx context.Context, id string, n int, e audit.Event) error {
				return db.AddRole(ctx, id, accounts.Role{Resource: "api", Name: fmt.Sprint("role-", n)}, e)
			},
			func(ctx context.Context, id string, n int, e audit.Event) error { return db.DeleteGroup(ctx, id, e) },
		}, accounts.ErrGroupNotFound},
		{"client", func() string {
			id := "client-" + uuid.NewString()[:8]
			_, err := db.CreateClient(ctx, oauth.Client{ID: id, Enabled: true, Metadata: oauth.Metadata{AuthMethod: oauth.AuthBasic}}, Event(audit.ClientCreated))
			must(t, err)
			return id
		}, client, []func(context.Context, string, int, audit.Event) error{
			func(ctx context.Context, id string, n int, e audit.Event) error {
				_, err := db.UpdateClient(ctx, id, oauth.Metadata{AuthMethod: oauth.AuthBasic, Name: fmt.Sprint("name ", n)}, e)
				return err
			},
			func(ctx context.Context, id string, n int, e audit.Event) error {
				_, err := db.AddSecret(ctx, id, oauth.ClientSecret{ID: fmt.Sprint("secret-", n), Hash: keys.NewSecret().Hash()}, e)
				return err
			},
			func(ctx context.Context, id string, _ int, e audit.Event) error {
				_, err := db.SetClientEnabled(ctx, id, false, e)
				return err
			},
			func(ctx context.Context, id string, _ int, e audit.Event) error {
				_, err := db.DeleteClient(ctx, id, e)
				return err
			},
		}, oauth.ErrClientNotFound},
		{"resource", func() string {
			identifier := "https://" + uuid.NewString() + ".example.com"
			must(t, db.CreateResource(ctx, issuer.Resource{Identifier: identifier}, about(Event(audit.ResourceCreated), identifier)))
			return identifier
		}, resource, []func(context.Context, string, int, audit.Event) error{
			func(ctx context.Context, id string, n int, e audit.Event) error {
				return db.UpdateResource(ctx, issuer.Resource{Identifier: id, AccessLifetime: lifetime(n)}, about(e, id))
			},
			func(ctx context.Context, id string, _ int, e audit.Event) error {
				return db.DeleteResource(ctx, id, about(e, id))
			},
		}, issuer.ErrResourceNotFound},
	}
}

// seeing is an event whose actor decided by those versions.
func seeing(versions string) audit.Event {
	event := Event(audit.UserUpdated)
	event.Actor.Seen = versions
	return event
}

// Whoever decided by an older state changes nothing (RFC 9110 section 13.1.1 is made of this), and each change makes
// another state, though the clock stands still.
func testVersions(t *testing.T, open OpenFunc) {
	clock := NewClock()
	db, ctx := open(t, storage.Options{DatabaseNow: clock.Now}), t.Context()
	User(t, db) // somebody stays
	for _, kind := range kindsOfVersioned(t, db) {
		id := kind.make()
		stale := "elsewhere"
		for n, change := range kind.changes {
			before, err := kind.version(id)
			must(t, err)
			is(t, fmt.Sprintf("%s: change %d by an older state", kind.name, n), change(ctx, id, n, seeing(stale)), audit.ErrChanged)
			now, err := kind.version(id)
			must(t, err)
			equal(t, kind.name+" after what was refused", now, before)
			must(t, change(ctx, id, n, seeing("x "+string(before)+" y")))
			now, err = kind.version(id)
			if n == len(kind.changes)-1 {
				is(t, kind.name+" after its removal", err, kind.removed)
				continue
			}
			must(t, err)
			if now == before {
				t.Errorf("%s: change %d left the version", kind.name, n)
			}
			stale = string(before)
		}
		is(t, kind.name+" that is gone", kind.changes[0](ctx, id, 0, seeing(stale)), kind.removed)
	}
}

// Of two who change what they saw in the same state one is too late.
func testVersionRaces(t *testing.T, open OpenFunc) {
	db, ctx := open(t, storage.Options{}), t.Context()
	User(t, db)
	const contenders, rounds = 4, 10
	must(t, atOnce(contenders, func(int) error { return db.Ping(ctx) })) // a warm pool
	for _, kind := range kindsOfVersioned(t, db) {
		id := kind.make()
		for round := range rounds {
			version, err := kind.version(id)
			must(t, err)
			var mu sync.Mutex
			won := 0
			must(t, atOnce(contenders, func(i int) error {
				err := kind.changes[0](ctx, id, round*contenders+i, seeing(string(version)))
				if errors.Is(err, audit.ErrChanged) {
					return nil
				}
				mu.Lock()
				defer mu.Unlock()
				won++
				return err
			}))
			if won != 1 {
				t.Fatalf("%s, round %d: %d of %d changed it, want 1", kind.name, round, won, contenders)
			}
		}
	}
}
