package admin_test

import (
	"context"
	"net/http"
	"slices"
	"testing"

	"keyturn/api/admin"
	"keyturn/audit/sentence"
)

func TestTasksAreListedWithWords(t *testing.T) {
	f := newFixture(t)
	reader := f.token("admin:read")
	if got := items(f.send(http.MethodGet, "/production", reader, "").want(http.StatusOK), "name"); len(got) != 0 {
		t.Errorf("tasks %v of a program that tells nothing", got)
	}
	s := *f.server
	s.Operations.Production = func(context.Context) []admin.Task {
		return []admin.Task{{Name: admin.TaskTLS, State: admin.Todo, Do: "KEYTURN_TRUSTED_PROXIES"}, {Name: admin.TaskMail, State: admin.Decide, Fact: sentence.Verbatim("keyturn@example.com")}}
	}
	f.handleWith(&s)
	out := f.send(http.MethodGet, "/production", reader, "").want(http.StatusOK)
	for member, want := range map[string][]string{
		"name": {"tls", "mail"}, "state": {"todo", "decide"}, "what": {admin.TaskTLS.Words(), admin.TaskMail.Words()},
		"do": {"KEYTURN_TRUSTED_PROXIES", ""}, "fact": {"", "keyturn@example.com"},
	} {
		if got := items(out, member); !slices.Equal(got, want) {
			t.Errorf("%s %q, want %q", member, got, want)
		}
	}
}
