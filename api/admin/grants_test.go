package admin_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"keyturn/audit"
)

func TestGrantsAreListedAndRevoked(t *testing.T) {
	f := newFixture(t)
	reader, people := f.token("admin:read"), f.token("admin:users")
	id := f.user("spiderman", false)
	f.user("other", false)
	other := f.signIn("other", password)
	var pairs []pair
	for range 5 {
		pairs = append(pairs, f.signIn("spiderman", password))
	}
	if !f.refreshes(pairs[0]) {
		t.Fatal("can't refresh")
	}
	var ids []string
	next := ""
	for more := true; more; {
		list := f.send(http.MethodGet, "/users/"+id+"/grants?limit=2&after="+next, reader, "").want(http.StatusOK)
		ids = append(ids, items(list, "id")...)
		next, more = list["next"].(string)
	}
	if len(ids) != 5 || len(slices.Compact(slices.Sorted(slices.Values(ids)))) != 5 {
		t.Fatalf("grants %v, want five different ones", ids)
	}
	oldest := f.send(http.MethodGet, "/grants/"+ids[4], reader, "").want(http.StatusOK) // newest come first
	for member, want := range map[string]any{
		"id": ids[4], "user_id": id, "client_id": "token-pair", "audience": "api", "generation": 2.0, "revoked_at": nil, "reason": nil,
	} {
		if oldest[member] != want {
			t.Errorf("%s is %v, want %v", member, oldest[member], want)
		}
	}
	if !f.instant(oldest["rotated_at"]).After(f.instant(oldest["created_at"])) {
		t.Error("rotated_at is not after created_at")
	}
	f.instant(oldest["expires_at"])

	a := f.send(http.MethodDelete, "/grants/"+ids[0], people, `{"reason": "lost phone"}`)
	if ended := a.want(http.StatusOK)["ended"]; ended != 1.0 {
		t.Errorf("ended %v, want 1", ended)
	}
	if f.refreshes(pairs[4]) || !f.refreshes(pairs[3]) {
		t.Error("another grant than the named one ended")
	}
	if ended := f.send(http.MethodDelete, "/grants/"+ids[0], people, "").want(http.StatusOK)["ended"]; ended != 0.0 {
		t.Errorf("again: ended %v, want 0", ended)
	}
	live := items(f.send(http.MethodGet, "/users/"+id+"/grants?live=true", reader, "").want(http.StatusOK), "id")
	if !slices.Equal(live, ids[1:]) {
		t.Errorf("live grants %v, want %v", live, ids[1:])
	}
	gone := f.send(http.MethodGet, "/grants/"+ids[0], reader, "").want(http.StatusOK)
	if gone["reason"] != "admin" {
		t.Errorf("reason %v, want admin", gone["reason"])
	}
	f.instant(gone["revoked_at"])
	events, err := f.db.AuditEvents(t.Context(), audit.Query{SubjectKind: "grant", SubjectID: ids[0], Limit: 1})
	if err != nil || len(events) != 1 || events[0].Reason != "lost phone" {
		t.Errorf("audited as %+v (%v)", events, err)
	}

	if ended := f.send(http.MethodDelete, "/users/"+id+"/grants", people, "").want(http.StatusOK)["ended"]; ended != 4.0 {
		t.Errorf("ended %v, want 4", ended)
	}
	for i, p := range pairs {
		if f.refreshes(p) {
			t.Errorf("grant %d refreshes", i)
		}
	}
	if !f.refreshes(other) {
		t.Error("another user's grant ended")
	}
}

func TestRevokedTokensAreListed(t *testing.T) {
	f := newFixture(t)
	reader, people := f.token("admin:read"), f.token("admin:users")
	ids := map[string]string{}
	for _, name := range []string{"spiderman", "other"} {
		ids[name] = f.user(name, false)
		for range 3 {
			f.signIn(name, password)
		}
	}
	grant := items(f.send(http.MethodGet, "/users/"+ids["spiderman"]+"/grants", reader, "").want(http.StatusOK), "id")[0]
	f.send(http.MethodDelete, "/grants/"+grant, people, "").want(http.StatusOK)
	f.send(http.MethodPost, "/users/"+ids["spiderman"]+"/deactivate", people, "").want(http.StatusOK)
	f.send(http.MethodDelete, "/users/"+ids["other"], people, "").want(http.StatusOK)

	for query, want := range map[string][]string{
		"":                             {"admin", "user_deactivated", "user_deactivated", "user_deleted", "user_deleted", "user_deleted"},
		"&user_id=" + ids["spiderman"]: {"admin", "user_deactivated", "user_deactivated"},
		"&user_id=" + ids["other"]:     {"user_deleted", "user_deleted", "user_deleted"},
		"&user_id=nobody":              {},
	} {
		reasons, tokens, next := []string{}, map[string]bool{}, ""
		for more := true; more; {
			list := f.send(http.MethodGet, "/revoked-tokens?limit=2&after="+next+query, reader, "").want(http.StatusOK)
			reasons = append(reasons, items(list, "reason")...)
			for _, jti := range items(list, "jti") {
				tokens[jti] = true
			}
			for _, member := range []string{"revoked_at", "until"} {
				for _, at := range items(list, member) {
					f.instant(at)
				}
			}
			next, more = list["next"].(string)
		}
		slices.Sort(reasons)
		if !slices.Equal(reasons, want) || len(tokens) != len(want) {
			t.Errorf("with %q: %v of %d tokens, want %v", query, reasons, len(tokens), want)
		}
	}
	list := f.send(http.MethodGet, "/revoked-tokens?limit=1000", reader, "").want(http.StatusOK)
	if jtis := items(list, "jti"); !slices.Contains(jtis, fmt.Sprintf("%s.1", grant)) {
		t.Errorf("%v lack the first token of grant %s", jtis, grant)
	}
}

// hangUp is a body whose sender is gone once it has been read.
type hangUp struct {
	io.Reader
	gone context.CancelFunc
}

func (h hangUp) Read(p []byte) (int, error) {
	n, err := h.Reader.Read(p)
	if err != nil {
		h.gone()
	}
	return n, err
}

// DESIGN section 2: what revokes runs to its end though the caller has hung up.
func TestRevocationOutlivesTheCaller(t *testing.T) {
	f := newFixture(t)
	id := f.user("spiderman", false)
	tokens := f.signIn("spiderman", password)
	ctx, cancel := context.WithCancel(t.Context())
	r := httptest.NewRequestWithContext(ctx, http.MethodDelete, "https://id.example.com/admin/v1/users/"+id+"/grants", hangUp{strings.NewReader(`{}`), cancel})
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Authorization", "Bearer "+f.token("admin"))
	f.serve(r).want(http.StatusOK)
	if ctx.Err() == nil {
		t.Fatal("the caller did not hang up")
	}
	if f.refreshes(tokens) {
		t.Error("the grant lives on")
	}
}

func TestGrantsOfEverybodyAreListed(t *testing.T) {
	f := newFixture(t)
	reader := f.token("admin:read")
	spider, gwen := f.user("spiderman", false), f.user("gwen", false)
	f.signIn("spiderman", password)
	f.signIn("gwen", password)
	list := func(query string) []string {
		return items(f.send(http.MethodGet, "/grants"+query, reader, "").want(http.StatusOK), "user_id")
	}
	for query, want := range map[string][]string{
		"": {gwen, spider}, "?user_id=" + spider: {spider}, "?client_id=token-pair": {gwen, spider}, "?client_id=shop": {}, "?live=true&user_id=" + gwen: {gwen},
	} {
		if got := list(query); !slices.Equal(got, want) {
			t.Errorf("%s: %v, want %v", query, got, want)
		}
	}
	page := f.send(http.MethodGet, "/grants?limit=1", reader, "").want(http.StatusOK)
	if got := list("?after=" + page["next"].(string)); !slices.Equal(got, []string{spider}) {
		t.Errorf("the second page: %v", got)
	}
	first := page["items"].([]any)[0].(map[string]any)
	for _, member := range []string{"auth_time", "amr", "session_id", "refresh_expires_at"} {
		if text, _ := first[member].(string); text == "" {
			t.Errorf("no %s in %v", member, first)
		}
	}
	for _, query := range []string{"user_id=x%20y", "client_id=x%20y", "after=%20", "live=1", "user_id="} {
		param, _, _ := strings.Cut(query, "=")
		f.send(http.MethodGet, "/grants?"+query, reader, "").wantParam(param)
	}
}
