package main

import (
	"bytes"
	"context"
	"strings"
	"testing"
	"time"

	"github.com/spf13/pflag"

	"keyturn/audit"
	"keyturn/storage/storagetest"
)

// keeper is one on a database of its own.
func keeper(t *testing.T, environ ...string) (*auditKeeper, *bytes.Buffer) {
	t.Helper()
	flags := pflag.NewFlagSet("", pflag.ContinueOnError)
	addFlags(flags)
	environ = append(environ, "KEYTURN_DATA_DIR="+t.TempDir(), "KEYTURN_LOG_FORMAT=text")
	config, err := loadConfig(source{environ: environ, flags: flags, readFile: noFile})
	must(t, err)
	var out bytes.Buffer
	a, err := openApp(t.Context(), config, newLog(&out, config), mayUpgrade)
	must(t, err)
	t.Cleanup(func() { a.Close() })
	must(t, a.start(t.Context()))
	return &auditKeeper{app: a}, &out
}

func TestKeeperSeals(t *testing.T) {
	k, _ := keeper(t)
	must(t, k.turn(t.Context()))
	must(t, k.db.RecordEvent(t.Context(), audit.Event{Action: audit.UserUpdated}))
	if c := k.checkAudit(t.Context()); c.Status != "ok" {
		t.Errorf("a fresh event: %+v", c)
	}
	must(t, k.turn(t.Context()))
	if tail := k.auditTail.Load(); tail == nil || tail.Events != 0 || k.tailAge(time.Now()) != 0 {
		t.Errorf("the tail is %+v after a turn", tail)
	}
	must(t, k.turn(t.Context()))
	if k.seen.Number == 0 || k.alarms.Load() != 0 {
		t.Errorf("seen %+v, %d alarms", k.seen, k.alarms.Load())
	}
}

// TestKeeperSeesARewrittenLog: whoever holds the master identity and writes to the database can make the chain
// anew, but not what a running server remembers.
func TestKeeperSeesARewrittenLog(t *testing.T) {
	k, out := keeper(t)
	must(t, k.turn(t.Context()))
	must(t, k.turn(t.Context()))
	storagetest.Exec(t, k.config.databaseURL(), `DELETE FROM audit_seals`)
	storagetest.Exec(t, k.config.databaseURL(), `INSERT INTO audit_unsealed (id) SELECT id FROM audit_log`)
	storagetest.Seal(t, k.db, 1, k.keys.Master)
	for range 2 {
		must(t, k.turn(t.Context()))
	}
	if k.alarms.Load() != 1 || !strings.Contains(out.String(), "rewritten") || !strings.Contains(out.String(), k.seen.Hash.String()) {
		t.Errorf("%d alarms, want one: %s", k.alarms.Load(), out)
	}
}

func TestKeeperSealsNothingUponAForgedSeal(t *testing.T) {
	k, out := keeper(t)
	must(t, k.turn(t.Context()))
	storagetest.Exec(t, k.config.databaseURL(), `UPDATE audit_seals SET at = at - 1`)
	must(t, k.db.RecordEvent(t.Context(), audit.Event{Action: audit.UserUpdated}))
	for range 2 {
		must(t, k.turn(t.Context()))
	}
	if k.alarms.Load() != 1 || !strings.Contains(out.String(), "can't be sealed") {
		t.Errorf("%d alarms, want one: %s", k.alarms.Load(), out)
	}
	if age := k.tailAge(time.Now().Add(time.Hour)); age < time.Hour {
		t.Errorf("the tail is %s old in an hour", age)
	}
}

func TestReadinessWarnsOfAStalledSealer(t *testing.T) {
	k, _ := keeper(t)
	must(t, k.turn(t.Context()))
	storagetest.Exec(t, k.config.databaseURL(), `INSERT INTO audit_log (at, action, actor_kind, actor_id, address, request_id, subject_kind, subject_id, reason, details)
		VALUES (1, 'user.updated', 'operator', 'root', '', '', 'user', 'u', '', '')`)
	if c := k.checkAudit(t.Context()); c.Status != "warning" {
		t.Errorf("got %+v, want a warning", c)
	}
}

func TestKeeperPrunesAsTheRetentionSays(t *testing.T) {
	for retention, want := range map[string]bool{"24h": true, "0": false} {
		k, _ := keeper(t, "KEYTURN_AUDIT_RETENTION="+retention)
		must(t, k.seal(t.Context()))
		storagetest.Exec(t, k.config.databaseURL(), `UPDATE audit_seals SET at = 1`)
		storagetest.Exec(t, k.config.databaseURL(), `DROP TRIGGER audit_log_stays`)
		must(t, k.prune(context.WithoutCancel(t.Context())))
		first, err := k.db.OldestSeal(t.Context())
		must(t, err)
		if first.PrunedAt.IsZero() == want {
			t.Errorf("retention %s: the oldest seal is %+v", retention, first)
		}
	}
}
