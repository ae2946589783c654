package main

import (
	"bytes"
	"database/sql"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"filippo.io/age"

	"keyturn/keys"
	"keyturn/storage/storagetest"
)

// onBoth runs a test with an instance on SQLite and with one on PostgreSQL, each served once and
// stopped, with a connection to its database.
func onBoth(t *testing.T, test func(t *testing.T, i *instance, db *sql.DB)) {
	t.Helper()
	for name, open := range map[string]func(t *testing.T) (*instance, *sql.DB){
		"SQLite": func(t *testing.T) (*instance, *sql.DB) {
			i := newInstance(t)
			db, err := sql.Open("sqlite", filepath.Join(i.dir, "data", "keyturn.db"))
			must(t, err)
			return i, db
		},
		"PostgreSQL": func(t *testing.T) (*instance, *sql.DB) {
			database := storagetest.Postgres(t)
			db, err := sql.Open("postgres", database)
			must(t, err)
			return newInstance(t, "KEYTURN_DATABASE_URL="+database), db
		},
	} {
		t.Run(name, func(t *testing.T) {
			i, db := open(t)
			t.Cleanup(func() { db.Close() })
			i.serve(t)
			i.stop(t)
			test(t, i, db)
		})
	}
}

// TestForgedKeyRowsStopTheStart: a row that was altered, or sealed by somebody else, is never used.
func TestForgedKeyRowsStopTheStart(t *testing.T) {
	onBoth(t, func(t *testing.T, i *instance, db *sql.DB) {
		for _, forge := range []string{
			`UPDATE signing_keys SET verifies_until = verifies_until + 1 WHERE purpose = 'token' AND epoch = 1`,
			`UPDATE signing_keys SET purpose = 'token' WHERE purpose = 'refresh' AND epoch = 2`,
			`UPDATE signing_keys SET signs_from = 0 WHERE purpose = 'token' AND epoch = 2`,
			`UPDATE signing_keys SET revoked_at = NULL, tag = sealed WHERE purpose = 'token' AND epoch = 1`,
		} {
			kept := dumpKeys(t, db)
			if _, err := db.Exec(forge); err != nil {
				t.Fatal(err)
			}
			out, status := i.run(t, "", "serve")
			wantOneLine(t, out, status, "key")
			restoreKeys(t, db, kept)
		}
		i.serve(t)
	})
}

type keyRow struct {
	kid, purpose             string
	signsFrom, verifiesUntil int64
	revokedAt                sql.NullInt64
	sealed, tag              []byte
}

func dumpKeys(t *testing.T, db *sql.DB) []keyRow {
	t.Helper()
	rows, err := db.Query(`SELECT kid, purpose, signs_from, verifies_until, revoked_at, sealed, tag FROM signing_keys`)
	must(t, err)
	defer rows.Close()
	var all []keyRow
	for rows.Next() {
		var k keyRow
		must(t, rows.Scan(&k.kid, &k.purpose, &k.signsFrom, &k.verifiesUntil, &k.revokedAt, &k.sealed, &k.tag))
		all = append(all, k)
	}
	must(t, rows.Err())
	if len(all) < 4 {
		t.Fatalf("only %d keys", len(all))
	}
	return all
}

func restoreKeys(t *testing.T, db *sql.DB, all []keyRow) {
	t.Helper()
	for _, k := range all {
		_, err := db.Exec(`UPDATE signing_keys SET purpose = $1, signs_from = $2, verifies_until = $3, revoked_at = $4, tag = $5 WHERE kid = $6`,
			k.purpose, k.signsFrom, k.verifiesUntil, k.revokedAt, k.tag, k.kid)
		must(t, err)
	}
}

// TestDumpsHoldNoPrivateKey opens the sealed keys with the master identity and then looks for their
// bytes in the database itself.
func TestDumpsHoldNoPrivateKey(t *testing.T) {
	onBoth(t, func(t *testing.T, i *instance, db *sql.DB) {
		master, err := os.ReadFile(filepath.Join(i.dir, "data", "master.key"))
		must(t, err)
		identities, err := age.ParseIdentities(bytes.NewReader(master))
		must(t, err)
		dump := dumpDatabase(t, i)
		if len(dump) < 10_000 {
			t.Fatalf("the dump has only %d bytes", len(dump))
		}
		for _, k := range dumpKeys(t, db) {
			if !bytes.Contains(dump, []byte(k.kid)) {
				t.Fatalf("the dump lacks key %s; looking through it proves nothing", k.kid)
			}
			reader, err := age.Decrypt(bytes.NewReader(k.sealed), identities...)
			must(t, err)
			private, err := io.ReadAll(reader)
			must(t, err)
			secret := private[len(private)-32:] // of Ed25519 the seed, of RSA a piece of the last factor
			for form, text := range map[string][]byte{
				"raw": secret, "hex": []byte(hex.EncodeToString(secret)),
				"base64": []byte(base64.StdEncoding.EncodeToString(secret)[:40]), "base64url": []byte(base64.RawURLEncoding.EncodeToString(secret)[:40]),
			} {
				if bytes.Contains(dump, text) {
					t.Errorf("the database holds the private key %s in %s", k.kid, form)
				}
			}
		}
	})
}

// dumpDatabase is what a thief of a backup gets.
func dumpDatabase(t *testing.T, i *instance) []byte {
	t.Helper()
	for _, variable := range i.env {
		if database, ok := strings.CutPrefix(variable, "KEYTURN_DATABASE_URL="); ok {
			program, err := exec.LookPath("pg_dump")
			must(t, err)
			out, err := exec.Command(program, "--dbname", database).Output()
			must(t, err)
			return out
		}
	}
	var all []byte
	paths, err := filepath.Glob(filepath.Join(i.dir, "data", "keyturn.db*"))
	must(t, err)
	for _, path := range paths {
		text, err := os.ReadFile(path)
		must(t, err)
		all = append(all, text...)
	}
	return all
}

func TestNewerDatabaseStopsTheStart(t *testing.T) {
	onBoth(t, func(t *testing.T, i *instance, db *sql.DB) {
		if _, err := db.Exec(`INSERT INTO schema_version (version_id, is_applied) VALUES (9000, TRUE)`); err != nil {
			t.Fatal(err)
		}
		for _, args := range [][]string{{"serve"}, {"user", "list"}, {"migrate"}} {
			out, status := i.run(t, "", args...)
			wantOneLine(t, out, status, "KEYTURN_DATABASE_URL", "newer")
		}
	})
}

// TestResealChangesTheMaster walks the way of docs/operations.md: add, reseal, remove.
func TestResealChangesTheMaster(t *testing.T) {
	onBoth(t, func(t *testing.T, i *instance, db *sql.DB) {
		file := filepath.Join(i.dir, "data", "master.key")
		old, err := os.ReadFile(file)
		must(t, err)
		fresh := filepath.Join(i.dir, "fresh.key")
		i.must(t, "", "keys", "new-master", fresh)
		text, err := os.ReadFile(fresh)
		must(t, err)
		before := publishedBy(t, i)

		must(t, os.WriteFile(file, append(append([]byte{}, text...), old...), 0o600))
		i.must(t, "", "keys", "reseal")
		must(t, os.WriteFile(file, text, 0o600))
		if after := publishedBy(t, i); after != before {
			t.Errorf("the keys changed: %s, %s", before, after)
		}
		must(t, os.WriteFile(file, old, 0o600))
		out, status := i.run(t, "", "keys", "list")
		wantOneLine(t, out, status, "not the identity")
	})
}

func publishedBy(t *testing.T, i *instance) string {
	t.Helper()
	var list []keys.Key
	must(t, json.Unmarshal([]byte(i.must(t, "", "keys", "list", "--json")), &list))
	var kids []string
	for _, k := range list {
		kids = append(kids, k.KID)
	}
	return strings.Join(kids, " ")
}

// gate is a TCP proxy that can be shut: the database goes away and comes back.
type gate struct {
	listener net.Listener
	target   string
	mu       sync.Mutex
	shut     bool
	open     []net.Conn
}

func newGate(t *testing.T, target string) *gate {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	g := &gate{listener: listener, target: target}
	t.Cleanup(func() { listener.Close(); g.set(true) })
	go func() {
		for {
			c, err := listener.Accept()
			if err != nil {
				return
			}
			go g.pass(c)
		}
	}()
	return g
}

func (g *gate) pass(c net.Conn) {
	defer c.Close()
	network := "tcp"
	if strings.HasPrefix(g.target, "/") {
		network = "unix"
	}
	server, err := net.Dial(network, g.target)
	if err != nil {
		return
	}
	defer server.Close()
	g.mu.Lock()
	if g.shut {
		g.mu.Unlock()
		return
	}
	g.open = append(g.open, c, server)
	g.mu.Unlock()
	go io.Copy(server, c)
	io.Copy(c, server)
}

func (g *gate) set(shut bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.shut = shut
	if shut {
		for _, c := range g.open {
			c.Close()
		}
		g.open = nil
	}
}

// throughGate leads a database URL through a gate.
func throughGate(t *testing.T, database string) (string, *gate) {
	t.Helper()
	u, err := url.Parse(database)
	must(t, err)
	target := u.Host
	query := u.Query()
	if folder := query.Get("host"); strings.HasPrefix(folder, "/") {
		port := query.Get("port")
		if port == "" {
			port = "5432"
		}
		target = folder + "/.s.PGSQL." + port
		query.Del("host")
		query.Del("port")
	}
	g := newGate(t, target)
	u.Host, u.RawQuery = g.listener.Addr().String(), query.Encode()
	return u.String(), g
}

// TestDatabaseAway is section 6 of the design: what needs the database answers 503 with Retry-After and
// never "invalid"; the key set, discovery and checks of access tokens go on; all is well soon after.
func TestDatabaseAway(t *testing.T) {
	database, g := throughGate(t, storagetest.Postgres(t))
	i := newInstance(t, "KEYTURN_DATABASE_URL="+database)
	i.serve(t)
	i.addSpiderman(t)
	access, refresh := i.signIn(t)
	keySet := publishedKIDs(t, i.url)

	g.set(true)
	for _, r := range []struct {
		path   string
		fields map[string]any
	}{
		{"/api/token/", map[string]any{"username": demoUser, "password": demoPassword}},
		{"/api/token/", map[string]any{"username": demoUser, "password": "wrong"}},
		{"/api/token/refresh/", map[string]any{"refresh": refresh}},
		{"/api/token/blacklist/", map[string]any{"refresh": refresh}},
		{"/api/token/verify/", map[string]any{"token": refresh}},
	} {
		body, err := json.Marshal(r.fields)
		must(t, err)
		response, err := http.Post(i.url+r.path, "application/json", bytes.NewReader(body))
		must(t, err)
		response.Body.Close()
		if response.StatusCode != http.StatusServiceUnavailable || response.Header.Get("Retry-After") == "" {
			t.Errorf("%s: got %d, Retry-After %q", r.path, response.StatusCode, response.Header.Get("Retry-After"))
		}
	}
	if got := publishedKIDs(t, i.url); strings.Join(got, " ") != strings.Join(keySet, " ") {
		t.Errorf("the key set is %v", got)
	}
	for _, path := range []string{"/.well-known/openid-configuration", "/.well-known/oauth-authorization-server"} {
		if r, err := tryRequest(http.MethodGet, i.url+path, "", nil); err != nil || r.status != http.StatusOK {
			t.Errorf("%s: %v %d", path, err, r.status)
		}
	}
	if r := post(t, i.url+"/api/token/verify/", "", map[string]any{"token": access}); r.status != http.StatusOK {
		t.Errorf("verify of an access token: %d %s", r.status, r.text)
	}
	if r, err := tryRequest(http.MethodGet, i.ops+"/readyz", "", nil); err != nil || r.status != http.StatusServiceUnavailable {
		t.Errorf("readiness: %v %d", err, r.status)
	}

	g.set(false)
	eventually(t, 5*time.Second, "refresh works again", func() bool {
		r := i.refresh(t, refresh)
		return r.status == http.StatusOK
	})
}
