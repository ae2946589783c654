package admin_test

import (
	"bytes"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"

	"keyturn/api/admin"
	"keyturn/api/apitest"
)

// base is where the API of these tests says that it is.
const base = "https://id.example.com/admin/v1"

var theContract = sync.OnceValue(func() *apitest.Contract { return apitest.NewContract(admin.Document(base), admin.Prefix) })

// hold serves a request and fails the test where the document does not say what was taken and answered.
func (f *fixture) hold(a answer, r *http.Request) {
	f.Helper()
	var sent bytes.Buffer
	body := r.Body
	r.Body = struct {
		io.Reader
		io.Closer
	}{io.TeeReader(body, &sent), body}
	f.handler.ServeHTTP(a, r)
	for _, problem := range theContract().Violations(r, sent.Bytes(), a.Code, a.Header(), a.Body.Bytes()) {
		f.Errorf("%s %s, %d: %s", r.Method, r.URL.Path, a.Code, problem)
	}
}

// The contract is worth nothing if it lets everything through.
func TestContractRefuses(t *testing.T) {
	c := theContract()
	problem := http.Header{"Content-Type": {"application/problem+json"}}
	plain := http.Header{"Content-Type": {"application/json"}}
	for _, test := range []struct {
		name, method, url, body string
		status                  int
		header                  http.Header
		answer, want            string
	}{
		{"a status", "GET", "/keys", "", 404, problem, `{}`, "status 404"},
		{"a member of an answer", "DELETE", "/users/1/grants", "", 200, plain, `{"ended": 1, "more": 1}`, "additional properties 'more'"},
		{"a missing member", "DELETE", "/users/1/grants", "", 200, plain, `{}`, "missing property 'ended'"},
		{"a member's type", "DELETE", "/users/1/grants", "", 200, plain, `{"ended": "1"}`, "got string"},
		{"a member of a body", "DELETE", "/users/1/grants", `{"why": "x"}`, 200, plain, `{"ended": 1}`, "additional properties 'why'"},
		{"a parameter", "DELETE", "/users/1/grants?all=1", "", 200, plain, `{"ended": 1}`, "parameter all"},
		{"a body", "POST", "/users/1/activate", `{"x": 1}`, 204, nil, ``, "a body was taken"},
		{"a missing body", "PUT", "/users/1/password", "", 200, plain, `{"ended": 1}`, "no body was taken"},
		{"a type", "DELETE", "/users/1/grants", "", 200, http.Header{"Content-Type": {"text/plain"}}, `{"ended": 1}`, "type text/plain"},
		{"an answer without content", "POST", "/users/1/activate", "", 204, plain, `{}`, "type application/json"},
		{"a problem's member", "GET", "/keys", "", 400, problem, `{"type": "x", "title": "x", "status": 400, "instance": "x", "request_id": "x", "more": 1}`, "additional properties 'more'"},
		{"a date", "GET", "/keys", "", 200, plain, `{"items": [{"kid": "x", "algorithm": "EdDSA", "purpose": "token", "epoch": 1, "state": "gone", "published_at": "today", "signs_from": "today", "signs_until": "today", "verifies_until": "today"}]}`, "date-time"},
		{"an enumeration", "GET", "/keys", "", 200, plain, `{"items": [{"kid": "x", "algorithm": "none", "purpose": "token", "epoch": 1, "state": "gone"}]}`, "/items/0/algorithm"},
		{"a condition", "DELETE", "/users/1/grants", "", 200, http.Header{"Content-Type": {"application/json"}, "ETag": {`"x"`}}, `{"ended": 1}`, "ETag"},
	} {
		r, err := http.NewRequest(test.method, base+test.url, nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", "application/json")
		header := test.header
		if header.Get("Etag") == "" && header["ETag"] != nil {
			header.Set("ETag", header["ETag"][0])
		}
		got := strings.Join(c.Violations(r, []byte(test.body), test.status, header, []byte(test.answer)), "\n")
		if !strings.Contains(got, test.want) {
			t.Errorf("%s: %q, want one with %q", test.name, got, test.want)
		}
	}
}
