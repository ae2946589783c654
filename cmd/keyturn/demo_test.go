package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
)

// fault answers some requests in place of the server; it returns nil for those that it lets through.
type fault func(r *http.Request, n int) *http.Response

type faulty struct {
	plant fault
	seen  map[string]int
}

func (f *faulty) RoundTrip(r *http.Request) (*http.Response, error) {
	if f.seen == nil {
		f.seen = map[string]int{}
	}
	f.seen[r.URL.Path]++
	if response := f.plant(r, f.seen[r.URL.Path]); response != nil {
		return response, nil
	}
	return http.DefaultTransport.RoundTrip(r)
}

func fake(status int, body string) *http.Response {
	return &http.Response{StatusCode: status, Status: http.StatusText(status), Header: http.Header{}, Body: io.NopCloser(strings.NewReader(body))}
}

func playDemo(t *testing.T, transport http.RoundTripper, args ...string) (string, error) {
	t.Helper()
	var out, errs bytes.Buffer
	root := newRoot(streams{strings.NewReader(""), &out, &errs})
	for _, c := range root.Commands() {
		if c.Name() == "demo" {
			root.RemoveCommand(c)
		}
	}
	root.AddCommand(demoCommand(transport))
	root.SetArgs(append([]string{"demo", "--once"}, args...))
	err := root.ExecuteContext(context.Background())
	return out.String() + errs.String(), err
}

func TestDemoComesOutRight(t *testing.T) {
	out, err := playDemo(t, http.DefaultTransport)
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if strings.Count(out, "✓") != 8 || strings.Contains(out, "✗") || !strings.Contains(out, "Hello Peter Parker") {
		t.Errorf("the play:\n%s", out)
	}
}

func TestDemoForPrograms(t *testing.T) {
	out, err := playDemo(t, http.DefaultTransport, "--json")
	if err != nil {
		t.Fatal(err)
	}
	var results []stepResult
	if err := json.Unmarshal([]byte(out), &results); err != nil || len(results) != 8 {
		t.Fatalf("%v in %s", err, out)
	}
}

// TestDemoNoticesFaults plants one fault in each step and wants that step to fail.
func TestDemoNoticesFaults(t *testing.T) {
	hello := func(nth int, answer *http.Response) fault {
		return func(r *http.Request, n int) *http.Response {
			if r.URL.Path == "/api/hello/" && n == nth {
				return answer
			}
			return nil
		}
	}
	at := func(path string, answer *http.Response) fault {
		return func(r *http.Request, _ int) *http.Response {
			if r.URL.Path == path {
				return answer
			}
			return nil
		}
	}
	for _, tt := range []struct {
		name  string
		step  string
		plant fault
	}{
		{"no pair", "step 1", at("/api/token/", fake(200, `{"access": ""}`))},
		{"sign-in broken", "step 1", at("/api/token/", fake(500, `{}`))},
		{"a resource server refuses", "step 2", hello(2, fake(401, `{}`))},
		{"another greeting", "step 2", hello(1, fake(200, `{"msg": "Hello Norman Osborn"}`))},
		{"the forged token is accepted", "step 3", hello(3, fake(200, `{"msg": "Hello Peter Parker"}`))},
		{"refresh refused", "step 4", at("/api/token/refresh/", fake(401, `{}`))},
		{"rotation refused", "step 5", at("/admin/v1/keys/rotate", fake(409, `{}`))},
		{"the key does not turn", "step 6", at("/admin/v1/keys/rotate", fake(200, `{}`))},
		{"the old token is refused", "step 6", hello(5, fake(401, `{}`))},
		{"the new token is refused", "step 6", hello(8, fake(401, `{}`))},
		{"revocation refused", "step 7", at("/api/token/blacklist/", fake(503, `{}`))},
		{"revocation without effect", "step 8", at("/api/token/blacklist/", fake(200, `{}`))},
	} {
		t.Run(tt.name, func(t *testing.T) {
			out, err := playDemo(t, &faulty{plant: tt.plant})
			if err == nil || !strings.HasPrefix(err.Error(), tt.step+",") {
				t.Errorf("got %v, want %s to fail\n%s", err, tt.step, out)
			}
		})
	}
}
