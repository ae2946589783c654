package oauth_test

import (
	"context"
	"database/sql"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"testing"
	"time"

	"keyturn/api/apitest"
	"keyturn/issuer"
	"keyturn/issuer/oauth"
	"keyturn/storage/storagetest"
)

// staleness is the default of KEYTURN_MAX_STALENESS.
const staleness = 15 * time.Minute

// warm is a server with a service of each way to show a secret, which has got a token already.
type warm struct {
	*apitest.Server
	secrets map[string]string
}

func newWarm(t *testing.T, databaseURL string) warm {
	t.Helper()
	s := warm{
		apitest.New(t, func(c *apitest.Config) { c.DatabaseURL, c.MaxStaleness = databaseURL, staleness }),
		map[string]string{},
	}
	if err := s.Issuer.CreateResource(context.Background(), issuer.Resource{Identifier: "orders", Scopes: []string{"orders:read"}}, apitest.System); err != nil {
		t.Fatal(err)
	}
	if err := s.Issuer.LoadResources(context.Background()); err != nil {
		t.Fatal(err)
	}
	for id, method := range map[string]oauth.AuthMethod{"basic": oauth.AuthBasic, "poster": oauth.AuthPost} {
		s.secrets[id] = apitest.Register(t, s.Server, id, oauth.Metadata{
			AuthMethod: method, GrantTypes: []oauth.GrantType{oauth.ClientCredentials}, Resources: []string{"orders"}, Scopes: []string{"orders:read"},
		})
		if status, _, body := s.token(t, id, s.secrets[id]); status != http.StatusOK {
			t.Fatalf("%s: %d %s", id, status, body)
		}
	}
	return s
}

// token asks for one as the service is registered to.
func (s warm) token(t *testing.T, id, secret string) (status int, header http.Header, body string) {
	t.Helper()
	form := url.Values{"grant_type": {"client_credentials"}}
	shown := as(id, secret)
	if id == "poster" {
		form.Set("client_id", id)
		form.Set("client_secret", secret)
		shown = nil
	}
	answer, body := send(t, s.Server, "/oauth2/token", form, shown)
	return answer.StatusCode, answer.Header, body
}

// ask wants a token for each of n requests, by turns of the services.
func (s warm) ask(t *testing.T, n int, when string) {
	t.Helper()
	for k := range n {
		id := []string{"basic", "poster"}[k%2]
		if status, _, body := s.token(t, id, s.secrets[id]); status != http.StatusOK {
			t.Fatalf("%s, request %d, %s: %d %s", when, k, id, status, body)
		}
	}
}

// TestClientCredentialsWithoutSQL: a service that shows its secret gets its token without one statement, so
// that it costs its signature, and no database stands between services that ask each other.
func TestClientCredentialsWithoutSQL(t *testing.T) {
	t.Run("PostgreSQL has seen no statement", func(t *testing.T) {
		database := storagetest.Postgres(t)
		s := newWarm(t, database)
		seen := sessions(t, storagetest.Raw(t, database))
		s.ask(t, 1000, "with the database there")
		if got := sessions(t, storagetest.Raw(t, database)); !slices.Equal(got, seen) {
			t.Errorf("the sessions of the server were %v, and are %v", seen, got)
		}
		// What does ask is seen: one unknown client.
		if status, _, body := s.token(t, "nobody", "secret"); errorOf(body) != "invalid_client" {
			t.Errorf("an unknown client: %d %s", status, body)
		}
		if got := sessions(t, storagetest.Raw(t, database)); slices.Equal(got, seen) {
			t.Error("a statement leaves no trace; the test proves nothing")
		}
	})
	t.Run("with either database closed", func(t *testing.T) {
		onDatabases(t, func(t *testing.T, s warm) {
			if err := s.DB.Close(); err != nil {
				t.Fatal(err)
			}
			s.ask(t, 1000, "with the database closed")
		})
	})
}

// sessions tells of each session that others have at the database when it last began or ended a statement.
func sessions(t *testing.T, db *sql.DB) []string {
	t.Helper()
	defer db.Close()
	rows, err := db.Query(`SELECT pid || ' ' || state || ' ' || state_change FROM pg_stat_activity
		WHERE datname = current_database() AND backend_type = 'client backend' AND pid <> pg_backend_pid() ORDER BY pid`)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	var all []string
	for rows.Next() {
		var session string
		if err := rows.Scan(&session); err != nil {
			t.Fatal(err)
		}
		all = append(all, session)
	}
	if err := rows.Err(); err != nil || len(all) == 0 {
		t.Fatalf("%d sessions, %v", len(all), err)
	}
	return all
}

func onDatabases(t *testing.T, test func(t *testing.T, s warm)) {
	t.Helper()
	t.Run("SQLite", func(t *testing.T) { test(t, newWarm(t, "")) })
	t.Run("PostgreSQL", func(t *testing.T) { test(t, newWarm(t, storagetest.Postgres(t))) })
}

// TestClientsOutliveTheDatabase for MaxStaleness. What can't be told then is answered 503 and never invalid_client,
// by which a service would throw its good secret away.
func TestClientsOutliveTheDatabase(t *testing.T) {
	onDatabases(t, func(t *testing.T, s warm) {
		if err := s.DB.Close(); err != nil {
			t.Fatal(err)
		}
		unavailable := func(when, id, secret string) {
			t.Helper()
			status, header, body := s.token(t, id, secret)
			var members map[string]string // RFC 6749 section 5.2
			if err := json.Unmarshal([]byte(body), &members); err != nil {
				t.Errorf("%s: %v in %s", when, err, body)
			}
			if status != http.StatusServiceUnavailable || header.Get("Retry-After") == "" || header.Get("WWW-Authenticate") != "" ||
				header.Get("Cache-Control") != "no-store" || members["error"] != "temporarily_unavailable" || members["error_description"] == "" {
				t.Errorf("%s: %d %v %s", when, status, header, body)
			}
		}
		unavailable("an id that may have been registered meanwhile", "nobody", "secret")
		if status, _, body := s.token(t, "basic", "wrong"); status != http.StatusUnauthorized || errorOf(body) != "invalid_client" {
			t.Errorf("a wrong secret of a known client: %d %s", status, body)
		}
		s.Advance(staleness - time.Minute)
		s.ask(t, 2, "a minute before what is known is stale")
		s.Advance(time.Minute)
		for id, secret := range s.secrets {
			unavailable(id+", when what is known is stale", id, secret)
			unavailable(id+" with a wrong secret, when what is known is stale", id, "wrong")
		}
	})
}
