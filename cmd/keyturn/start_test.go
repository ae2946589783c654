package main

import (
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"keyturn/accounts"
)

// TestServeWithNoConfiguration is the first minute: SQLite in the data folder, keys, a master identity, and the link
// that makes the first administrator.
func TestServeWithNoConfiguration(t *testing.T) {
	i := newInstance(t)
	i.serve(t)
	eventually(t, 5*time.Second, "the first steps are told", func() bool {
		return strings.Contains(i.log.String(), "/link/first_run?token=") && strings.Contains(i.log.String(), "master.key")
	})
	for _, file := range []string{"keyturn.db", "master.key"} {
		info, err := os.Stat(filepath.Join(i.dir, "data", file))
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode().Perm() != 0o600 {
			t.Errorf("%s has mode %o", file, info.Mode().Perm())
		}
	}
}

func TestDefaultAddresses(t *testing.T) {
	config, err := loadConfig(source{readFile: noFile})
	must(t, err)
	if config.Listen != "127.0.0.1:8080" || config.OpsListen != "127.0.0.1:9090" || config.Issuer != "http://127.0.0.1:8080" ||
		config.databaseURL() != "sqlite:keyturn-data/keyturn.db" {
		t.Errorf("got %+v", config)
	}
}

// TestRefusedStarts: each is one line that names what to change, and leaves nothing half done.
func TestRefusedStarts(t *testing.T) {
	t.Run("occupied port", func(t *testing.T) {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		must(t, err)
		defer l.Close()
		i := newInstance(t, "KEYTURN_LISTEN="+l.Addr().String(), "KEYTURN_ISSUER=http://localhost:1")
		out, status := i.run(t, "", "serve")
		wantOneLine(t, out, status, "KEYTURN_LISTEN", "in use")
		if _, err := os.Stat(filepath.Join(i.dir, "data")); err == nil {
			t.Error("a data folder was made all the same")
		}
	})
	t.Run("both ports occupied", func(t *testing.T) {
		public, err := net.Listen("tcp", "127.0.0.1:0")
		must(t, err)
		defer public.Close()
		ops, err := net.Listen("tcp", "127.0.0.1:0")
		must(t, err)
		defer ops.Close()
		i := newInstance(t, "KEYTURN_LISTEN="+public.Addr().String(), "KEYTURN_OPS_LISTEN="+ops.Addr().String())
		out, status := i.run(t, "", "serve")
		if status != 1 || strings.Count(out, "is in use by another program") != 2 || !strings.Contains(out, public.Addr().String()) ||
			!strings.Contains(out, ops.Addr().String()) || !strings.Contains(out, "KEYTURN_OPS_LISTEN=127.0.0.1:") {
			t.Errorf("status %d: %s", status, out)
		}
	})
	t.Run("a folder that can't be written", func(t *testing.T) {
		i := newInstance(t)
		file := filepath.Join(i.dir, "file")
		must(t, os.WriteFile(file, nil, 0o600)) // a file where a folder is wanted stops root, too
		i.env = append(i.env, "KEYTURN_DATA_DIR="+filepath.Join(file, "data"))
		out, status := i.run(t, "", "serve")
		wantOneLine(t, out, status, "KEYTURN_DATA_DIR")
	})
	t.Run("not a database", func(t *testing.T) {
		i := newInstance(t)
		file := filepath.Join(i.dir, "text")
		must(t, os.WriteFile(file, []byte(strings.Repeat("this is no database\n", 100)), 0o600))
		i.env = append(i.env, "KEYTURN_DATABASE_URL=sqlite:"+file)
		out, status := i.run(t, "", "serve")
		wantOneLine(t, out, status, "KEYTURN_DATABASE_URL")
	})
	t.Run("PostgreSQL away", func(t *testing.T) {
		i := newInstance(t, "KEYTURN_DATABASE_URL=postgres://keyturn:topsecret@"+freeAddress(t)+"/keyturn?sslmode=disable")
		out, status := i.run(t, "", "serve")
		wantOneLine(t, out, status, "KEYTURN_DATABASE_URL")
		if strings.Contains(out, "topsecret") {
			t.Error("the password was printed")
		}
	})
	t.Run("an old schema and no migrating", func(t *testing.T) {
		i := newInstance(t, "KEYTURN_MIGRATE=false")
		out, status := i.run(t, "", "serve")
		wantOneLine(t, out, status, "KEYTURN_DATABASE_URL", "keyturn migrate")
	})
	t.Run("malformed master identity", func(t *testing.T) {
		i := newInstance(t)
		file := filepath.Join(i.dir, "master")
		must(t, os.WriteFile(file, []byte("AGE-SECRET-KEY-1NOTONE\n"), 0o600))
		i.env = append(i.env, "KEYTURN_MASTER_KEY_FILE="+file)
		out, status := i.run(t, "", "serve")
		wantOneLine(t, out, status, "KEYTURN_MASTER_KEY_FILE")
		if strings.Contains(out, "NOTONE") {
			t.Error("the identity was printed")
		}
	})
	t.Run("master identity file that does not exist", func(t *testing.T) {
		i := newInstance(t, "KEYTURN_MASTER_KEY_FILE=/nonexistent/master.key")
		out, status := i.run(t, "", "serve")
		wantOneLine(t, out, status, "KEYTURN_MASTER_KEY_FILE")
	})
}

// TestCommandsMakeNoDatabase: a command that is run in another folder finds no provider there and makes none. Each
// of them says where it looked, and what to do.
func TestCommandsMakeNoDatabase(t *testing.T) {
	i := newInstance(t)
	for _, command := range [][]string{
		{"client", "create", "shop", "--redirect-uri", "https://shop.example.com/callback"}, {"user", "list"}, {"keys", "list"},
	} {
		out, status := i.run(t, "", command...)
		wantOneLine(t, out, status, filepath.Join(i.dir, "data", "keyturn.db"), "KEYTURN_DATA_DIR", "--data-dir", "keyturn serve", "keyturn migrate")
	}
	file := filepath.Join(i.dir, "other.db")
	out, status := i.run(t, "", "user", "list", "--database-url", "sqlite:"+file)
	wantOneLine(t, out, status, file, "KEYTURN_DATABASE_URL")
	left, err := os.ReadDir(i.dir)
	must(t, err)
	if len(left) != 0 {
		t.Errorf("%v was made", left)
	}
	i.must(t, "", "migrate")
	i.must(t, "", "user", "list")
}

// TestLostMasterIdentity: a lost or foreign identity stops the start and never leads to new keys.
func TestLostMasterIdentity(t *testing.T) {
	i := newInstance(t)
	i.serve(t)
	before := i.must(t, "", "keys", "list", "--json")
	i.stop(t)
	master := filepath.Join(i.dir, "data", "master.key")
	kept, err := os.ReadFile(master)
	must(t, err)

	must(t, os.Remove(master))
	for _, command := range [][]string{{"serve"}, {"keys", "list"}, {"admin", "token"}} {
		out, status := i.run(t, "", command...)
		wantOneLine(t, out, status, "KEYTURN_MASTER_KEY_FILE", "never made in its place")
	}
	if _, err := os.Stat(master); err == nil {
		t.Fatal("a new master identity was made")
	}

	i.must(t, "", "keys", "new-master", master)
	out, status := i.run(t, "", "serve")
	wantOneLine(t, out, status, "not the identity")

	must(t, os.WriteFile(master, kept, 0o600))
	if after := i.must(t, "", "keys", "list", "--json"); after != before {
		t.Errorf("the keys changed:\n%s\n%s", before, after)
	}
}

func TestNewMasterNeverOverwrites(t *testing.T) {
	i := newInstance(t)
	file := filepath.Join(i.dir, "master")
	i.must(t, "", "keys", "new-master", file)
	kept, err := os.ReadFile(file)
	must(t, err)
	if _, status := i.run(t, "", "keys", "new-master", file); status != 1 {
		t.Errorf("exit status %d", status)
	}
	if now, _ := os.ReadFile(file); string(now) != string(kept) {
		t.Error("the file was overwritten")
	}
}

// TestDoctorChangesNothing: looking at a machine where nothing is yet leaves nothing there.
func TestDoctorChangesNothing(t *testing.T) {
	i := newInstance(t)
	out, status := i.run(t, "", "doctor")
	if status != 1 || !strings.Contains(out, "there is none yet") {
		t.Errorf("exit status %d:\n%s", status, out)
	}
	if _, err := os.Stat(filepath.Join(i.dir, "data")); err == nil {
		t.Error("doctor made the data folder")
	}
	i.serve(t)
	if out := i.must(t, "", "doctor"); strings.Contains(out, "failed") || strings.Contains(out, "warning") {
		t.Errorf("a healthy server:\n%s", out)
	}
	for _, file := range []string{"keyturn.db", "master.key"} {
		path := filepath.Join(i.dir, "data", file)
		must(t, os.Chmod(path, 0o644))
		if out := i.must(t, "", "doctor"); !strings.Contains(out, path+" has mode 0644") {
			t.Errorf("%s is readable by all, and doctor says:\n%s", file, out)
		}
		must(t, os.Chmod(path, 0o600))
	}
}

// TestDoctorTellsOfPasskeys: an issuer that is an address has none (WebAuthn Level 3 section 5.1.3), and no page says
// why none is offered.
func TestDoctorTellsOfPasskeys(t *testing.T) {
	for issuer, off := range map[string]bool{"http://127.0.0.1:8080": true, "http://[::1]:8080": true, "http://localhost:8080": false, "https://id.example.com": false} {
		a := &app{config: &Config{Issuer: issuer}, factors: &accounts.Factors{Issuer: issuer}}
		if got := a.checkPasskeys(); got.Status != "ok" || strings.Contains(got.Detail.String(), "host name") != off {
			t.Errorf("%s: %+v", issuer, got)
		}
	}
}

// TestWelcomeTellsWhereThingsAre: whoever starts a server by hand is told the addresses that people open.
func TestWelcomeTellsWhereThingsAre(t *testing.T) {
	i := newInstance(t, "KEYTURN_LOG_FORMAT=text")
	i.serve(t)
	eventually(t, 5*time.Second, "the addresses are told", func() bool {
		said := i.log.String()
		return strings.Contains(said, "account: "+i.url+"/account\n") && strings.Contains(said, "console: "+i.url+"/admin\n")
	})
}
