package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"keyturn/audit"
	"keyturn/storage/storagetest"
)

// sealed is an instance that has run and sealed what it recorded.
func sealedInstance(t *testing.T) (*instance, verification) {
	t.Helper()
	i := newInstance(t)
	i.serve(t)
	i.must(t, "underoos\n", "user", "create", "spiderman", "--password-stdin")
	var v verification
	eventually(t, 20*time.Second, "all is sealed", func() bool {
		v = verification{}
		must(t, json.Unmarshal([]byte(i.must(t, "", "audit", "verify", "--json")), &v))
		return v.Unsealed == 0 && v.Seals > 0
	})
	i.stop(t)
	return i, v
}

func TestAuditVerifyCommand(t *testing.T) {
	i, v := sealedInstance(t)
	if !v.OK || !v.TagsChecked || v.Events == 0 || v.Problems != 0 || len(v.Findings) != 0 {
		t.Errorf("got %+v", v)
	}
	if out := i.must(t, "", "audit", "verify", "--expect", v.Head); !strings.Contains(out, v.Head) || !strings.Contains(out, "as it was sealed") {
		t.Errorf("got %s", out)
	}
	for _, wrong := range []string{"1", "x:y", "0:" + strings.Repeat("0", 64), "1:" + strings.Repeat("0", 63)} {
		if out, status := i.run(t, "", "audit", "verify", "--expect", wrong); status != 1 || !strings.Contains(out, "--expect") {
			t.Errorf("--expect %s: status %d, %s", wrong, status, out)
		}
	}
	list := i.must(t, "", "audit", "list", "--action", "user.", "--since", "1h")
	if !strings.Contains(list, "user.created") || !strings.Contains(list, "user spiderman (") || strings.Contains(list, "key.created") {
		t.Errorf("the list:\n%s", list)
	}
	if out, status := i.run(t, "", "audit", "list", "--until", "soon"); status != 1 || !strings.Contains(out, "--until") {
		t.Errorf("--until soon: status %d, %s", status, out)
	}

	file := filepath.Join(i.dir, "export.jsonl")
	i.must(t, "", "audit", "export", "--file", file)
	i.must(t, "", "audit", "verify", "--file", file, "--expect", v.Head)
	if out, status := i.run(t, "", "audit", "export", "--file", file); status != 1 {
		t.Errorf("a file that is there: status %d, %s", status, out)
	}
	text, err := os.ReadFile(file)
	must(t, err)
	if piped := i.must(t, string(text), "audit", "verify", "--file", "-"); !strings.Contains(piped, v.Head) {
		t.Errorf("by a pipe: %s", piped)
	}

	database := "sqlite:" + filepath.Join(i.dir, "data", "keyturn.db")
	storagetest.Exec(t, database, `DROP TRIGGER audit_log_stays_unchanged`)
	storagetest.Exec(t, database, `UPDATE audit_log SET subject_id = 'venom' WHERE action = 'user.created'`)
	out, status := i.run(t, "", "audit", "verify", "--json")
	v = verification{}
	must(t, json.Unmarshal([]byte(out), &v))
	if status != 1 || v.OK || v.Problems != 1 || len(v.Findings) != 1 || v.Findings[0].Event == 0 || !strings.Contains(v.Findings[0].Problem, "was altered") {
		t.Errorf("an altered row: status %d, %+v", status, v)
	}
	if out, status := i.run(t, "", "audit", "verify"); status != 1 || !strings.Contains(out, "THE LOG WAS CHANGED") {
		t.Errorf("an altered row: status %d, %s", status, out)
	}
}

// TestVerifyingAFileNeedsNoDatabase: an auditor has the file and a head that was noted, and no master identity.
func TestVerifyingAFileNeedsNoDatabase(t *testing.T) {
	i, v := sealedInstance(t)
	file := filepath.Join(i.dir, "export.jsonl")
	i.must(t, "", "audit", "export", "--file", file)
	elsewhere := newInstance(t)
	out := elsewhere.must(t, "", "audit", "verify", "--file", file, "--expect", v.Head)
	if !strings.Contains(out, "tags of the seals were not checked") {
		t.Errorf("got %s", out)
	}
	if found, err := filepath.Glob(filepath.Join(elsewhere.dir, "data", "*")); err != nil || len(found) > 0 {
		t.Errorf("it made %v", found)
	}
}

func TestAgo(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	for text, want := range map[string]time.Time{
		"": {}, "24h": now.Add(-24 * time.Hour), "2026-01-01": time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), "2026-01-01T12:00:00Z": time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC),
	} {
		if got, err := ago("since", text, now); err != nil || !got.Equal(want) {
			t.Errorf("%q: got %s, %v, want %s", text, got, err, want)
		}
	}
}

// TestVerifyTellsOfTooManyFindings: they are counted, not all told.
func TestVerifyTellsOfTooManyFindings(t *testing.T) {
	var out strings.Builder
	(&verification{Problems: 3, Findings: []audit.Finding{{Problem: "event 1 is missing"}}}).print(&out)
	if text := out.String(); !strings.Contains(text, "event 1 is missing\nand 2 more\n") || !strings.Contains(text, "(3 findings)") {
		t.Errorf("got %s", text)
	}
}
