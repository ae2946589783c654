package admin_test

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"keyturn/audit"
)

// kidOf reads a token's header.
func kidOf(t *testing.T, token string) string {
	t.Helper()
	header, _, _ := strings.Cut(token, ".")
	text, err := base64.RawURLEncoding.DecodeString(header)
	if err != nil {
		t.Fatal(err)
	}
	var h struct {
		KID string `json:"kid"`
	}
	if err := json.Unmarshal(text, &h); err != nil {
		t.Fatal(err)
	}
	return h.KID
}

// keyStates are the states of all keys by kid.
func (f *fixture) keyStates(token string) map[string]string {
	f.Helper()
	list := f.send(http.MethodGet, "/keys", token, "").want(http.StatusOK)
	states := map[string]string{}
	kids, all := items(list, "kid"), items(list, "state")
	for i, kid := range kids {
		states[kid] = all[i]
	}
	return states
}

func (f *fixture) inJWKS(kid string) bool {
	f.Helper()
	r, err := http.NewRequest(http.MethodGet, "https://id.example.com/.well-known/jwks.json", nil)
	if err != nil {
		f.Fatal(err)
	}
	return strings.Contains(f.serve(r).Body.String(), kid)
}

func TestRotationTurnsTheKeyOfNewTokens(t *testing.T) {
	f := newFixture(t)
	f.user("spiderman", false)
	token := f.token("admin:keys")
	before := f.signIn("spiderman", password)
	old := kidOf(t, before.Access)

	// DESIGN section 3: the waiting key has not had its lead.
	f.send(http.MethodPost, "/keys/rotate", token, `{"mode": "immediate", "algorithm": "EdDSA"}`).want(http.StatusConflict)
	if kid := kidOf(t, f.signIn("spiderman", password).Access); kid != old {
		t.Fatalf("the refused rotation turned the key to %s", kid)
	}

	out := f.send(http.MethodPost, "/keys/rotate", token, `{"mode": "immediate", "algorithm": "EdDSA", "force": true, "reason": "drill"}`).want(http.StatusOK)
	now := kidOf(t, f.signIn("spiderman", password).Access)
	if now == old {
		t.Error("new tokens are signed by the old key")
	}
	var touched []string
	for _, step := range out["steps"].([]any) {
		touched = append(touched, step.(map[string]any)["kid"].(string))
	}
	if !slices.Contains(touched, now) || !slices.Contains(touched, old) {
		t.Errorf("steps touch %v, want %s and %s among them", touched, now, old)
	}
	if len(out["notes"].([]any)) == 0 {
		t.Error("no note tells the cost of a key that signs before its lead is over")
	}
	from, safe := f.instant(out["signs_from"]), f.instant(out["safe_by"])
	if want := from.Add(5*time.Minute + 10*time.Second); !safe.Equal(want) { // max-age and a fetch
		t.Errorf("safe by %s, want %s", safe, want)
	}
	states := f.keyStates(token)
	if states[old] != "retiring" || states[now] != "signing" || !f.inJWKS(old) || !f.inJWKS(now) {
		t.Errorf("old key is %s, new one %s; both must verify", states[old], states[now])
	}
	events, err := f.db.AuditEvents(t.Context(), audit.Query{SubjectKind: "key", SubjectID: now, Limit: 1})
	if err != nil || len(events) != 1 || events[0].Reason != "drill" || events[0].Actor.ID != "keyturn-cli" || events[0].Actor.RequestID == "" {
		t.Errorf("audited as %+v (%v)", events, err)
	}
}

// instant reads a time as all answers write them.
func (f *fixture) instant(v any) time.Time {
	f.Helper()
	text, _ := v.(string)
	at, err := time.Parse("2006-01-02T15:04:05.000000Z", text)
	if err != nil {
		f.Errorf("%v is no UTC time with microseconds", v)
	}
	return at
}

func TestEmptyRotationIsGracefulForAllAlgorithms(t *testing.T) {
	f := newFixture(t)
	f.user("spiderman", false)
	token := f.token("admin:keys")
	old := kidOf(t, f.signIn("spiderman", password).Access)
	out := f.send(http.MethodPost, "/keys/rotate", token, "").want(http.StatusOK)
	lanes := map[string]bool{}
	for _, s := range out["steps"].([]any) {
		if step := s.(map[string]any); step["action"] == "create" {
			lanes[step["purpose"].(string)+" "+step["algorithm"].(string)] = true
		}
	}
	for _, lane := range []string{"token RS256", "token EdDSA", "refresh EdDSA"} {
		if !lanes[lane] {
			t.Errorf("no new key for %s: %v", lane, lanes)
		}
	}
	if lead := time.Until(f.instant(out["signs_from"])); lead < 23*time.Hour || lead > 24*time.Hour {
		t.Errorf("signs in %s, want the lead of 24h", lead)
	}
	if kid := kidOf(t, f.signIn("spiderman", password).Access); kid != old {
		t.Error("a graceful rotation turned the key at once")
	}
	for range 8 {
		if a := f.send(http.MethodPost, "/keys/rotate", token, `{"algorithm": "EdDSA"}`); a.Code != http.StatusOK {
			a.want(http.StatusConflict) // eight keys wait
			return
		}
	}
	t.Error("any number of keys may wait")
}

func TestRevokedKeyLeavesAtOnce(t *testing.T) {
	f := newFixture(t)
	f.user("spiderman", false)
	token := f.token("admin")
	tokens := f.signIn("spiderman", password)
	old := kidOf(t, tokens.Access)
	out := f.send(http.MethodPost, "/keys/"+old+"/revoke", token, `{"reason": "found on a disk"}`).want(http.StatusOK)
	if len(out["notes"].([]any)) == 0 {
		t.Error("no note tells of verifiers that cache for longer")
	}
	if f.inJWKS(old) {
		t.Error("the revoked key is still published")
	}
	f.send(http.MethodGet, "/keys", token, "").want(http.StatusUnauthorized) // the key had signed this token too
	token = f.token("admin")
	if state := f.keyStates(token)[old]; state != "revoked" {
		t.Errorf("state %q, want revoked", state)
	}
	if !f.refreshes(tokens) {
		t.Error("the grant ended with a token key")
	}
	f.send(http.MethodPost, "/keys/"+old+"/revoke", token, "").want(http.StatusNotFound)
}

// A compromised refresh key takes the refresh tokens that it signed with it, and no access token.
func TestRevokedRefreshKeyEndsItsTokens(t *testing.T) {
	f := newFixture(t)
	f.user("spiderman", false)
	token := f.token("admin")
	tokens := f.signIn("spiderman", password)
	body := `{"mode": "compromised", "kid": "` + kidOf(t, tokens.Refresh) + `"}`
	f.send(http.MethodPost, "/keys/rotate", token, body).want(http.StatusOK)
	if f.refreshes(tokens) {
		t.Error("a refresh token of a revoked key was taken")
	}
	if !f.refreshes(f.signIn("spiderman", password)) {
		t.Error("a new refresh token is refused")
	}
}

func TestPlanTellsWhatComesWhen(t *testing.T) {
	f := newFixture(t)
	token := f.token("admin:read")
	plan := f.send(http.MethodGet, "/keys/plan", token, "").want(http.StatusOK)
	if steps := plan["steps"].([]any); len(steps) != 0 {
		t.Errorf("%d steps right after the start, want none: %v", len(steps), steps)
	}
	states := f.keyStates(token)
	lanes := plan["lanes"].([]any)
	if len(lanes) != 3 {
		t.Errorf("%d lanes, want 3: %v", len(lanes), lanes)
	}
	for _, l := range lanes {
		lane := l.(map[string]any)
		if states[lane["signing_kid"].(string)] != "signing" || states[lane["next_kid"].(string)] != "published" {
			t.Errorf("lane %v, states %v", lane, states)
		}
		if in := time.Until(f.instant(lane["turns_at"])); in < 719*time.Hour || in > 720*time.Hour {
			t.Errorf("turns in %s, want 720h", in)
		}
	}
	var last time.Time
	kinds := map[string]int{}
	for _, e := range plan["events"].([]any) {
		event := e.(map[string]any)
		at := f.instant(event["at"])
		if at.Before(last) {
			t.Error("events are not in the order of time")
		}
		last = at
		kinds[event["event"].(string)]++
	}
	if kinds["signs"] != 3 || kinds["stops_signing"] != 6 || kinds["gone"] != 6 {
		t.Errorf("events %v, want 3 turns, and 6 ends of two kinds", kinds)
	}

	f.now = func() time.Time { return time.Now().Add(720*time.Hour + time.Minute) } // every waiting key signs now
	plan = f.send(http.MethodGet, "/keys/plan", f.token("admin:read"), "").want(http.StatusOK)
	created := 0
	for _, s := range plan["steps"].([]any) {
		if step := s.(map[string]any); step["action"] == "create" && step["kid"] == nil && step["why"] != "" {
			created++
		}
	}
	if created != 3 {
		t.Errorf("%d new keys planned, want 3: %v", created, plan["steps"])
	}
}

// What is foreseen is what is done, and foreseeing does nothing.
func TestRotationIsForeseen(t *testing.T) {
	f := newFixture(t)
	reader, turn := f.token("admin:read"), f.token("admin:keys")
	kids := func() []string { return items(f.send(http.MethodGet, "/keys", reader, "").want(http.StatusOK), "kid") }
	before := kids()
	foreseen := f.send(http.MethodGet, "/keys/rotation?mode=graceful&purpose=token", reader, "").want(http.StatusOK)
	if got := kids(); !slices.Equal(got, before) {
		t.Fatalf("keys %v, before %v", got, before)
	}
	done := f.send(http.MethodPost, "/keys/rotate", turn, `{"mode": "graceful", "purpose": "token"}`).want(http.StatusOK)
	if len(foreseen["steps"].([]any)) == 0 || len(foreseen["steps"].([]any)) != len(done["steps"].([]any)) {
		t.Errorf("foreseen %v, done %v", foreseen["steps"], done["steps"])
	}
	f.send(http.MethodGet, "/keys/rotation?mode=compromised&kid="+before[0], reader, "").want(http.StatusOK)
	f.send(http.MethodGet, "/keys/rotation?mode=compromised&kid=none", reader, "").want(http.StatusNotFound)
	f.send(http.MethodGet, "/keys/rotation?mode=immediate", reader, "").want(http.StatusConflict)
	f.send(http.MethodGet, "/keys/rotation?mode=immediate&force=true", reader, "").want(http.StatusOK)
	f.send(http.MethodGet, "/keys/rotation?mode=sideways", reader, "").wantParam("mode")
	f.send(http.MethodGet, "/keys/rotation?force=yes", reader, "").wantParam("force")
	f.send(http.MethodGet, "/keys/rotation?mode=compromised&all=1", reader, "").wantParam("all")
}
