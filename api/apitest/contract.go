package apitest

import (
	"bytes"
	"encoding/json"
	"mime"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"keyturn/api/openapi"
)

// Contract is the document of an API as tests hold requests and answers against it: its objects may have no members
// but those that it names, which callers must not count on.
type Contract struct {
	Doc *openapi.Document
	// prefix is what the paths of the document stand below.
	prefix   string
	compiler *jsonschema.Compiler
	mu       sync.Mutex
	schemas  map[string]*jsonschema.Schema
}

// NewContract is the contract of an API whose paths stand below prefix.
func NewContract(doc *openapi.Document, prefix string) *Contract {
	text, err := json.Marshal(doc)
	if err != nil {
		panic(err)
	}
	plain, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		panic(err)
	}
	forbidOthers(plain)
	c := &Contract{Doc: doc, prefix: prefix, compiler: jsonschema.NewCompiler(), schemas: map[string]*jsonschema.Schema{}}
	c.compiler.AssertFormat()
	if err := c.compiler.AddResource("openapi.json", plain); err != nil {
		panic(err)
	}
	return c
}

// forbidOthers forbids members that are not named.
func forbidOthers(value any) {
	switch value := value.(type) {
	case []any:
		for _, item := range value {
			forbidOthers(item)
		}
	case map[string]any:
		_, names := value["properties"].(map[string]any)
		if _, says := value["additionalProperties"]; names && !says && value["type"] == "object" {
			value["additionalProperties"] = false
		}
		for _, item := range value {
			forbidOthers(item)
		}
	}
}

// Schema is the one at a JSON pointer.
func (c *Contract) Schema(at ...string) (*jsonschema.Schema, error) {
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

// Operation finds what the document says of a request, nil for a path or method that it does not know.
func (c *Contract) Operation(r *http.Request) (path, method string, found *openapi.Operation) {
	under, ours := strings.CutPrefix(r.URL.EscapedPath(), c.prefix)
	given := strings.Split(under, "/")
	variables := len(given) + 1
	for _, item := range c.Doc.Paths {
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

// Violations are what the document does not say of a request and its answer. Requests that are not fulfilled may
// break it.
func (c *Contract) Violations(r *http.Request, sent []byte, status int, header http.Header, got []byte) []string {
	path, method, o := c.Operation(r)
	if o == nil {
		return nil
	}
	var all []string
	if status < http.StatusBadRequest {
		all = append(c.ofQuery(r, o), c.ofRequest(r, sent, path, method, o)...)
	}
	return append(all, c.ofAnswer(path, method, o, status, header, got)...)
}

func (c *Contract) ofQuery(r *http.Request, o *openapi.Operation) (all []string) {
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

func (c *Contract) ofRequest(r *http.Request, sent []byte, path, method string, o *openapi.Operation) []string {
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

func (c *Contract) ofAnswer(path, method string, o *openapi.Operation, status int, header http.Header, got []byte) []string {
	name := strconv.Itoa(status)
	response, known := o.Responses.Get(name)
	if !known {
		return []string{"the status " + name + " is not in the document"}
	}
	at := []string{"paths", path, method, "responses", name}
	if component, refers := strings.CutPrefix(response.Ref, "#/components/responses/"); refers {
		at = []string{"components", "responses", component}
		response, _ = c.Doc.Components.Responses.Get(component)
	}
	var all []string
	for _, h := range response.Headers {
		if h.Value.Required && header.Get(h.Name) == "" {
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

func (c *Contract) judge(text []byte, what string, at ...string) []string {
	schema, err := c.Schema(at...)
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

// Faults are what is wrong with the document itself: each schema is one by the draft that OpenAPI 3.1 uses (OpenAPI
// Specification 3.1.1 section 4.8.24), and each example fits its own. It tells how many of both it looked at.
func (c *Contract) Faults() (schemas, examples int, problems []string) {
	meta, err := jsonschema.NewCompiler().Compile("https://json-schema.org/draft/2020-12/schema")
	if err != nil {
		return 0, 0, []string{err.Error()}
	}
	text, err := json.Marshal(c.Doc)
	if err != nil {
		return 0, 0, []string{err.Error()}
	}
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		return 0, 0, []string{err.Error()}
	}
	var walk func(value any, at []string)
	walk = func(value any, at []string) {
		if list, ok := value.([]any); ok {
			for _, item := range list {
				walk(item, nil) // parameters, which have no examples
			}
		}
		object, _ := value.(map[string]any)
		if schema, there := object["schema"]; there {
			schemas++
			if err := meta.Validate(schema); err != nil {
				problems = append(problems, strings.Join(at, "/")+": "+err.Error())
			}
			if example, there := object["example"]; there {
				examples++
				compiled, err := c.Schema(append(at, "schema")...)
				if err == nil {
					err = compiled.Validate(example)
				}
				if err != nil {
					problems = append(problems, "the example at "+strings.Join(at, "/")+": "+err.Error())
				}
			}
		}
		for name, member := range object {
			walk(member, append(slices.Clone(at), name))
		}
	}
	walk(value, nil)
	for _, s := range c.Doc.Components.Schemas {
		if _, err := c.Schema("components", "schemas", s.Name); err != nil {
			problems = append(problems, err.Error())
		}
	}
	return schemas, examples, problems
}
