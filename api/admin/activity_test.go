package admin_test

import (
	"net/http"
	"net/url"
	"testing"
	"time"
)

func TestActivityIsCountedInSteps(t *testing.T) {
	f := newFixture(t)
	start := time.Now().UTC().Truncate(time.Hour).Add(90 * time.Minute) // later than the keys
	f.now = func() time.Time { return start }
	reader := f.token("admin:read")
	f.user("spiderman", false)
	f.signIn("spiderman", password)
	f.signIn("spiderman", password)
	f.tokenPair("", `{"username": "spiderman", "password": "wrong"}`)
	steps := func(query string) []any {
		return f.send(http.MethodGet, "/activity"+query, reader, "").want(http.StatusOK)["items"].([]any)
	}
	counts := func(step any) [2]float64 {
		s := step.(map[string]any)
		return [2]float64{s["sign_ins"].(float64), s["refusals"].(float64)}
	}
	day := steps("")
	if len(day) != 24 || counts(day[23]) != [2]float64{2, 1} || counts(day[22]) != [2]float64{} {
		t.Errorf("the last day: %v", day)
	}
	if from := day[23].(map[string]any)["from"]; from != start.Truncate(time.Hour).Format("2006-01-02T15:04:05.000000Z07:00") {
		t.Errorf("the last step begins at %v", from)
	}
	at := func(d time.Duration) string { return url.QueryEscape(start.Add(d).Format(time.RFC3339)) }
	if got := steps("?step=10m&since=" + at(-20*time.Minute) + "&until=" + at(time.Minute)); len(got) != 3 || counts(got[2]) != [2]float64{2, 1} {
		t.Errorf("in steps of ten minutes: %v", got)
	}
}

func TestActivityIsBounded(t *testing.T) {
	f := newFixture(t)
	reader := f.token("admin:read")
	for query, param := range map[string]string{
		"step=x": "step", "step=30s": "step", "step=90s": "step", "step=169h": "step", "step=-1h": "step", "step=2562047h": "step",
		"since=yesterday": "since", "until=x": "until",
		"since=2026-01-02T00:00:00Z&until=2026-01-01T00:00:00Z": "until", "since=2026-01-01T00:00:00Z&until=2026-01-01T00:00:00Z": "until",
		"step=1m&since=2026-01-01T00:00:00Z&until=2026-01-01T16:40:01Z":   "step",
		"step=168h&since=1970-01-01T00:00:00Z&until=9999-12-31T00:00:00Z": "step",
	} {
		f.send(http.MethodGet, "/activity?"+query, reader, "").wantParam(param)
	}
	most := f.send(http.MethodGet, "/activity?step=1m&since=2026-01-01T00:00:59Z&until=2026-01-01T16:40:00Z", reader, "").want(http.StatusOK)["items"].([]any)
	// Refusals are counted by the minute, so the first step begins with one.
	if from := most[0].(map[string]any)["from"]; len(most) != 1000 || from != "2026-01-01T00:00:00.000000Z" {
		t.Errorf("%d steps from %v, want 1000 from the minute on", len(most), from)
	}
	f.send(http.MethodGet, "/activity?since=9999-12-31T22:00:00Z&until=9999-12-31T23:00:00Z", reader, "").want(http.StatusOK)
}
