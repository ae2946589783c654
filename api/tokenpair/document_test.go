package tokenpair_test

import (
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"keyturn/api/apitest"
	"keyturn/api/openapi"
	"keyturn/api/tokenpair"
)

// theContract is the API's document, which send holds every request and answer of this package's tests against.
var theContract = sync.OnceValue(func() *apitest.Contract {
	return apitest.NewContract(tokenpair.Document("https://id.example.com"), "")
})

// sentBy is the body that a request had.
func sentBy(t *testing.T, r *http.Request) []byte {
	t.Helper()
	if r.GetBody == nil {
		return nil
	}
	body, err := r.GetBody()
	if err != nil {
		t.Fatal(err)
	}
	sent, err := io.ReadAll(body)
	if err != nil {
		t.Fatal(err)
	}
	return sent
}

// TestEveryEndpointIsDescribed: each stands in the document with words, and with the fields that it tells of itself.
func TestEveryEndpointIsDescribed(t *testing.T) {
	s, doc := apitest.New(t), theContract().Doc
	if got, want := len(doc.Paths), len((&tokenpair.Handlers{}).Endpoints()); got != want || len(tokenpair.Undescribed()) > 0 {
		t.Errorf("%d paths are described, want %d; of none: %v", got, want, tokenpair.Undescribed())
	}
	ids := map[string]bool{}
	for _, path := range doc.Paths {
		for _, o := range *path.Value {
			if o.Value.ID == "" || o.Value.Summary == "" || ids[o.Value.ID] {
				t.Errorf("%s %s has no words, or the operationId %q of another", o.Name, path.Name, o.Value.ID)
			}
			ids[o.Value.ID] = true
		}
		var told tokenpair.Fields
		a := send(t, request(t, http.MethodOptions, s.URL+path.Name, "", ""))
		if err := json.Unmarshal([]byte(a.text), &told); err != nil {
			t.Fatal(err)
		}
		post, _ := path.Value.Get("post")
		media, _ := post.Body.Content.Get("application/json")
		for name, field := range told.Actions[http.MethodPost] {
			if _, has := media.Schema.Properties.Get(name); !has || field.Required != slices.Contains(media.Schema.Required, name) {
				t.Errorf("%s: the field %s is %+v, and not so in the document", path.Name, name, field)
			}
		}
		if got := len(media.Schema.Properties); got != len(told.Actions[http.MethodPost]) {
			t.Errorf("%s: %d fields are described, want %v", path.Name, got, slices.Collect(maps.Keys(told.Actions[http.MethodPost])))
		}
		types := []string{}
		for _, m := range post.Body.Content {
			types = append(types, m.Name)
		}
		if !slices.Equal(types, told.Parses) {
			t.Errorf("%s: bodies of %v are described, want %v", path.Name, types, told.Parses)
		}
	}
}

func TestDocumentIsValid(t *testing.T) {
	schemas, examples, problems := theContract().Faults()
	for _, problem := range problems {
		t.Error(problem)
	}
	if schemas < 20 || examples < 12 {
		t.Errorf("%d schemas and %d examples were looked at", schemas, examples)
	}
}

func TestDocumentIsServed(t *testing.T) {
	s := apitest.New(t)
	get := func(path string, header ...string) answer {
		r := request(t, http.MethodGet, s.URL+tokenpair.Prefix+path, "", "")
		for n := 0; n < len(header); n += 2 {
			r.Header.Set(header[n], header[n+1])
		}
		return send(t, r)
	}
	want, err := json.Marshal(tokenpair.Document(s.URL))
	if err != nil {
		t.Fatal(err)
	}
	a := get(openapi.DocumentPath)
	if a.status != http.StatusOK || a.text != string(want) || a.header.Get("Content-Type") != "application/json" {
		t.Errorf("%d of the type %s", a.status, a.header.Get("Content-Type"))
	}
	// RFC 9110 section 13.1.2: the condition of If-None-Match is false, and the answer to GET is 304.
	if again := get(openapi.DocumentPath, "If-None-Match", a.header.Get("ETag")); again.status != http.StatusNotModified || again.text != "" {
		t.Errorf("the same again: %d %s", again.status, again.text)
	}
	page := get(openapi.PagePath)
	if page.status != http.StatusOK || page.header.Get("Content-Type") != "text/html; charset=utf-8" {
		t.Errorf("the page: %d of the type %s", page.status, page.header.Get("Content-Type"))
	}
	for id := range map[string]bool{"obtain": true, "refresh": true, "verify": true, "blacklist": true, "type-Pair": true, "type-FieldErrors": true} {
		if !strings.Contains(page.text, `id="`+id+`"`) {
			t.Errorf("%s is not on the page", id)
		}
	}
}

// The contract is worth nothing if it lets everything through.
func TestContractRefuses(t *testing.T) {
	plain := http.Header{"Content-Type": {"application/json"}}
	for _, test := range []struct {
		name, path, sent string
		status           int
		header           http.Header
		answer, want     string
	}{
		{"a status", "verify/", `{"token": "x"}`, 403, plain, `{"detail": "x"}`, "status 403"},
		{"a member of an answer", "verify/", `{"token": "x"}`, 200, plain, `{"detail": "x"}`, "additional properties 'detail'"},
		{"no access token", "", `{"username": "x", "password": "x"}`, 200, plain, `{"refresh": "x"}`, "missing property 'access'"},
		{"a missing field", "", `{"username": "x"}`, 200, plain, `{"access": "x"}`, "missing property 'password'"},
		{"another code", "refresh/", `{"refresh": "x"}`, 401, http.Header{"Content-Type": {"application/json"}, "Www-Authenticate": {"Bearer"}}, `{"code": "no_active_account", "detail": "x"}`, "value must be one of"},
		{"no challenge", "refresh/", `{"refresh": "x"}`, 401, plain, `{"detail": "x"}`, "WWW-Authenticate is missing"},
		{"no list", "", `{}`, 400, plain, `{"username": "This field is required."}`, "anyOf"},
		{"no time to wait", "", `{"username": "x", "password": "x"}`, 429, plain, `{"detail": "x"}`, "Retry-After is missing"},
	} {
		r := request(t, http.MethodPost, "https://id.example.com/api/token/"+test.path, "application/json", test.sent)
		if got := strings.Join(theContract().Violations(r, []byte(test.sent), test.status, test.header, []byte(test.answer)), "\n"); !strings.Contains(got, test.want) {
			t.Errorf("%s: %q, want one with %q", test.name, got, test.want)
		}
	}
}

// What is broken, and what is away for a while, is told as the document says, too.
func TestServerErrorsAreDescribed(t *testing.T) {
	s := apitest.New(t)
	s.AddUser(t, "spiderman")
	_, refresh := pair(t, s, "spiderman")
	try := func(want int) {
		t.Helper()
		for _, a := range []answer{
			post(t, s.URL+"/api/token/", map[string]any{"username": "spiderman", "password": apitest.Password}), refreshWith(t, s, refresh),
			post(t, s.URL+"/api/token/blacklist/", map[string]any{"refresh": refresh}),
		} {
			if a.status != want {
				t.Errorf("%d %s, want %d", a.status, a.text, want)
			}
		}
	}
	if err := s.DB.Close(); err != nil {
		t.Fatal(err)
	}
	try(http.StatusInternalServerError)
	s.Advance(366 * 24 * time.Hour)
	if a := refreshWith(t, s, refresh); a.status != http.StatusServiceUnavailable {
		t.Errorf("keys that are too old: %d %s", a.status, a.text)
	}
}
