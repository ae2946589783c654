package admin_test

import (
	"bytes"
	"encoding/json"
	"io"
	"mime"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"keyturn/api/admin"
	"keyturn/api/openapi"
)

// base is where the API of these tests says that it is.
const base = "https://id.example.com/admin/v1"

// contract is the API's document as tests hold requests and answers against it: its objects may have no members
// but those that it names, which callers must not count on.
type contract struct {
	doc      *openapi.Document
	compiler *jsonschema.Compiler
	mu       sync.Mutex
	schemas  map[string]*jsonschema.Schema
}

var theContract = sync.OnceValue(func() *contract { return newContract(admin.Document(base)) })

func newContract(doc *openapi.Document) *contract {
	text, err := json.Marshal(doc)
	if err != nil {
		panic(err)
	}
	plain, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		panic(err)
	}
	close(plain)
	c := &contract{doc: doc, compiler: jsonschema.NewCompiler(), schemas: map[string]*jsonschema.Schema{}}
	c.compiler.AssertFormat()
	if err := c.compiler.AddResource("openapi.json", plain); err != nil {
		panic(err)
	}
	return c
}

// close forbids members that are not named.
func close(value any) {
	switch value := value.(type) {
	case []any:
		for _, item := range value {
			close(item)
		}
	case map[string]any:
		_, names := value["properties"].(map[string]any)
		if _, says := value["additionalProperties"]; names && !says && value["type"] == "object" {
			value["additionalProperties"] = false
		}
		for _, item := range value {
			close(item)
		}
	}
}

// schema is the one at a JSON pointer.
func (c *contract) schema(at ...string) (*jsonschema.Schema, error) {
	pointer := "openapi.json#"
	for _, part := range at {
		pointer += "/" + strings.NewReplacer("~", "~0", "/", "~1", "{", "%7B", "}", "%7D").Replace(part)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if known := c.schemas[pointer]; known != nil {
		return known, nil
	}
	schema, err := c.compiler.Compile(pointer)
	c.schemas[pointer] = schema
	return schema, err
}

// operation finds what the document says of a request, nil for a path or method that it does not know.
func (c *contract) operation(r *http.Request) (path, method string, found *openapi.Operation) {
	under, ours := strings.CutPrefix(r.URL.EscapedPath(), admin.Prefix)
	given := strings.Split(under, "/")
	variables := len(given) + 1
	for _, item := range c.doc.Paths {
		if n, fits := match(strings.Split(item.Name, "/"), given); ours && fits && n < variables {
			if o, knows := item.Value.Get(strings.ToLower(r.Method)); knows {
				path, method, found, variables = item.Name, strings.ToLower(r.Method), o, n
			}
		}
	}
	return path, method, found
}

// match tells whether a path is one of a template's, and by how many variables.
func match(template, given []string) (variables int, fits bool) {
	if len(template) != len(given) {
		return 0, false
	}
	for i, part := range template {
		switch {
		case strings.HasPrefix(part, "{") && given[i] != "":
			variables++
		case part != given[i]:
			return 0, false
		}
	}
	return variables, true
}

// violations are what the document does not say of a request and its answer. Requests that are not fulfilled may
// break it.
func (c *contract) violations(r *http.Request, sent []byte, status int, header http.Header, got []byte) []string {
	path, method, o := c.operation(r)
	if o == nil {
		return nil
	}
	var all []string
	if status < http.StatusBadRequest {
		all = append(c.ofQuery(r, o), c.ofRequest(r, sent, path, method, o)...)
	}
	return append(all, c.ofAnswer(path, method, o, status, header, got)...)
}

func (c *contract) ofQuery(r *http.Request, o *openapi.Operation) (all []string) {
	for name := range r.URL.Query() {
		if !slices.ContainsFunc(o.Parameters, func(p openapi.Parameter) bool { return p.In == "query" && p.Name == name }) {
			all = append(all, "the parameter "+name+" is not in the document")
		}
	}
	for _, p := range o.Parameters {
		if p.In == "query" && p.Required && !r.URL.Query().Has(p.Name) {
			all = append(all, "the parameter "+p.Name+" is required by the document alone")
		}
	}
	for _, name := range []string{"If-Match", "If-None-Match"} {
		if r.Header.Get(name) != "" && !slices.ContainsFunc(o.Parameters, func(p openapi.Parameter) bool { return p.In == "header" && p.Name == name }) {
			all = append(all, "the header "+name+" is not in the document")
		}
	}
	return all
}

func (c *contract) ofRequest(r *http.Request, sent []byte, path, method string, o *openapi.Operation) []string {
	kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	switch {
	case o.Body == nil && strings.Trim(string(sent), " {}\n") != "":
		return []string{"a body was taken, of which the document does not know"}
	case o.Body == nil:
		return nil
	case len(sent) == 0 && o.Body.Required:
		return []string{"no body was taken, which the document demands"}
	case len(sent) == 0:
		return nil
	}
	if _, knows := o.Body.Content.Get(kind); !knows {
		return []string{"a body of the type " + kind + " is not in the document"}
	}
	if media, _ := o.Body.Content.Get(kind); kind != "application/json" || media.Schema.Type == "" {
		return nil // an import, whose form is not described
	}
	return c.judge(sent, "the body of the request", "paths", path, method, "requestBody", "content", kind, "schema")
}

func (c *contract) ofAnswer(path, method string, o *openapi.Operation, status int, header http.Header, got []byte) []string {
	name := strconv.Itoa(status)
	response, known := o.Responses.Get(name)
	if !known {
		return []string{"the status " + name + " is not in the document"}
	}
	at := []string{"paths", path, method, "responses", name}
	if component, refers := strings.CutPrefix(response.Ref, "#/components/responses/"); refers {
		at = []string{"components", "responses", component}
		response, _ = c.doc.Components.Responses.Get(component)
	}
	var all []string
	for _, h := range response.Headers {
		if header.Get(h.Name) == "" && h.Name != "WWW-Authenticate" && path != "/resources" {
			all = append(all, "the header "+h.Name+" is missing")
		}
	}
	if _, tells := response.Headers.Get("ETag"); !tells && header.Get("ETag") != "" && status != http.StatusNotModified {
		all = append(all, "the header ETag is not in the document")
	}
	kind := header.Get("Content-Type")
	if _, tells := response.Content.Get(kind); !tells {
		if len(got) > 0 || len(response.Content) > 0 {
			all = append(all, "an answer of the type "+kind+" is not in the document")
		}
		return all
	}
	at = append(at, "content", kind, "schema")
	if kind != "application/x-ndjson" {
		return append(all, c.judge(got, "the answer", at...)...)
	}
	for line := range bytes.Lines(got) {
		all = append(all, c.judge(line, "a line of the answer", at...)...)
	}
	return all
}

func (c *contract) judge(text []byte, what string, at ...string) []string {
	schema, err := c.schema(at...)
	if err != nil {
		return []string{err.Error()}
	}
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err == nil {
		err = schema.Validate(value)
	}
	if err != nil {
		return []string{what + " is not what the document says: " + err.Error()}
	}
	return nil
}

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
	for _, problem := range theContract().violations(r, sent.Bytes(), a.Code, a.Header(), a.Body.Bytes()) {
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
		got := strings.Join(c.violations(r, []byte(test.body), test.status, header, []byte(test.answer)), "\n")
		if !strings.Contains(got, test.want) {
			t.Errorf("%s: %q, want one with %q", test.name, got, test.want)
		}
	}
}
