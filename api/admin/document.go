package admin

import (
	"encoding/json"
	"net/http"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"keyturn/accounts"
	"keyturn/api/openapi"
	"keyturn/audit/sentence"
	"keyturn/issuer"
	"keyturn/issuer/oauth"
	"keyturn/keys"
)

// documentVersion is that of the API, which is not the program's: it is raised with each addition, and its first
// number with what breaks callers, which would then be another path.
const documentVersion = "1.2"

// Document describes the API at base, its absolute URL, in OpenAPI 3.1: the table of routes and the descriptions
// beside the handlers.
func Document(base string) *openapi.Document {
	b := builder{described: descriptions(), types: newTypes(base)}
	doc := &openapi.Document{
		OpenAPI: openapi.Version,
		Info: openapi.Info{
			Title: "Keyturn admin API", Version: documentVersion,
			Description: "JSON over HTTP for administrators and their programs. Unknown members and parameters are refused. Times are RFC 3339 in UTC, durations Go's text (5m0s).",
		},
		Servers: []openapi.Server{{URL: base}},
		Tags:    tags,
	}
	for _, r := range (&Handlers{}).Routes() {
		doc.Paths = withOperation(doc.Paths, documentPath(r.Path), strings.ToLower(r.Method), b.operation(r))
	}
	doc.Components = b.components()
	return doc
}

// Description is what says what the API at base does, for programs and for people.
func Description(base string) ([]openapi.Served, error) {
	return openapi.Publish(Document(base), Kinds())
}

// documentPath is a path of the table as OpenAPI writes it.
func documentPath(path string) string {
	parts := strings.Split(path, "/")
	for i, part := range parts {
		if name, variable := strings.CutPrefix(part, ":"); variable {
			parts[i] = "{" + name + "}"
		}
	}
	return strings.Join(parts, "/")
}

func withOperation(paths openapi.Ordered[*openapi.PathItem], path, method string, o *openapi.Operation) openapi.Ordered[*openapi.PathItem] {
	item, known := paths.Get(path)
	if !known {
		item = &openapi.PathItem{}
		paths = append(paths, openapi.Member[*openapi.PathItem]{Name: path, Value: item})
	}
	*item = append(*item, openapi.Member[*openapi.Operation]{Name: method, Value: o})
	return paths
}

// builder makes the operations of the document.
type builder struct {
	described map[string]description
	types     *openapi.Types
	// problems are the statuses that some operation refers to.
	problems []int
}

// operation is a route in the document. A route without its description has no answers, which the test refuses.
func (b *builder) operation(r Route) *openapi.Operation {
	d := b.described[r.Method+" "+r.Path]
	o := &openapi.Operation{
		Tags: []string{d.Tag}, ID: d.ID, Summary: d.Summary, Description: d.Text,
		Parameters: b.parameters(r, d), Security: []map[string][]string{{"bearer": {r.Scope}}},
	}
	if d.Body != nil {
		o.Body = b.body(d.Body)
	}
	o.Responses = append(o.Responses, openapi.Member[openapi.Response]{Name: strconv.Itoa(d.status()), Value: b.success(r, d)})
	if d.Tagged && r.Method == http.MethodGet {
		o.Responses = append(o.Responses, openapi.Member[openapi.Response]{Name: "304", Value: openapi.Response{Description: "It is as it was: If-None-Match names its entity tag."}})
	}
	for _, status := range d.problems(r) {
		if !slices.Contains(b.problems, status) {
			b.problems = append(b.problems, status)
		}
		o.Responses = append(o.Responses, openapi.Member[openapi.Response]{
			Name: strconv.Itoa(status), Value: openapi.Response{Ref: "#/components/responses/" + responseName(status)},
		})
	}
	return o
}

// parameters are those of the path, the query string and the conditional headers.
func (b *builder) parameters(r Route, d description) []openapi.Parameter {
	var all []openapi.Parameter
	for part := range strings.SplitSeq(r.Path, "/") {
		if name, variable := strings.CutPrefix(part, ":"); variable {
			all = append(all, openapi.Parameter{Name: name, In: "path", Required: true, Description: pathNotes[name], Schema: &openapi.Schema{Type: "string"}})
		}
	}
	for _, name := range strings.Fields(r.Query) {
		p, own := queryParameters[r.Method+" "+r.Path+" "+name]
		if !own {
			p = queryParameters[name]
		}
		p.Name, p.In = name, "query"
		all = append(all, p)
	}
	switch {
	case !d.Tagged:
	case r.Method == http.MethodGet:
		all = append(all, openapi.Parameter{Name: "If-None-Match", In: "header", Description: "The ETag of an answer: 304 where it still is that.", Schema: &openapi.Schema{Type: "string"}})
	case r.Method != http.MethodPost:
		all = append(all, openapi.Parameter{Name: "If-Match", In: "header", Description: "The ETag that the change was decided by: 412, and no change, where it is another now.", Schema: &openapi.Schema{Type: "string"}})
	}
	return all
}

func (b *builder) body(of *bodyOf) *openapi.RequestBody {
	schema := of.Schema
	if schema == nil {
		schema = b.bodySchema(of)
	}
	types := of.Types
	if len(types) == 0 {
		types = []string{"application/json"}
	}
	body := &openapi.RequestBody{Required: of.Must != ""}
	for i, kind := range types {
		media := &openapi.MediaType{Schema: schema}
		if i == 0 {
			media.Example = json.RawMessage(of.Example)
		}
		body.Content = append(body.Content, openapi.Member[*openapi.MediaType]{Name: kind, Value: media})
	}
	return body
}

func (b *builder) bodySchema(of *bodyOf) *openapi.Schema {
	schema := &openapi.Schema{Type: "object", Others: false, Required: strings.Fields(of.Must)}
	var view openapi.Ordered[*openapi.Schema]
	if of.View != nil {
		b.types.Of(of.View)
		named, _ := b.types.Named().Get(reflect.TypeOf(of.View).Name())
		view = named.Properties
	}
	for _, name := range append(strings.Fields(of.Must), strings.Fields(of.May)...) {
		value, known := bodyMembers[name]
		if !known {
			member, there := view.Get(name)
			if !there {
				panic("admin: no schema for the member " + name + " of a body")
			}
			value = *member
		}
		schema.Properties = append(schema.Properties, openapi.Member[*openapi.Schema]{Name: name, Value: &value})
	}
	return schema
}

// success is the answer to a request that is fulfilled.
func (b *builder) success(r Route, d description) openapi.Response {
	answer := openapi.Response{Description: http.StatusText(d.status())}
	if d.status() == http.StatusCreated && d.Tagged {
		answer.Headers = append(answer.Headers, openapi.Member[openapi.Header]{Name: "Location", Value: openapi.Header{Description: "The URL of what was made.", Required: true, Schema: &openapi.Schema{Type: "string", Format: "uri"}}})
	}
	if d.Tagged && d.Answer != nil && r.Method != http.MethodPut && r.Method != http.MethodDelete {
		answer.Headers = append(answer.Headers, openapi.Member[openapi.Header]{Name: "ETag", Value: openapi.Header{Description: "The entity tag of what is answered.", Required: r.Path != "/resources", Schema: &openapi.Schema{Type: "string"}}})
	}
	switch {
	case d.Lines != nil:
		lines := &openapi.MediaType{Schema: &openapi.Schema{Description: "One line."}, Example: d.Lines[0]}
		for _, line := range d.Lines {
			lines.Schema.AnyOf = append(lines.Schema.AnyOf, b.types.Of(line))
		}
		answer.Content = openapi.Ordered[*openapi.MediaType]{{Name: "application/x-ndjson", Value: lines}}
	case d.Answer != nil:
		answer.Content = openapi.Ordered[*openapi.MediaType]{{Name: "application/json", Value: &openapi.MediaType{Schema: b.types.Of(d.Answer), Example: d.Answer}}}
	}
	return answer
}

// components are what the operations refer to.
func (b *builder) components() openapi.Components {
	problem := b.types.Of(problemView{})
	slices.Sort(b.problems)
	c := openapi.Components{SecuritySchemes: openapi.Ordered[openapi.SecurityScheme]{{Name: "bearer", Value: openapi.SecurityScheme{
		Type: "http", Scheme: "bearer", BearerFormat: "JWT",
		Description: "An access token for this API. An operation names the scope that it needs; " + issuer.ScopeAdmin + " covers all, and every admin scope reads.",
	}}}}
	for _, status := range b.problems {
		answer := openapi.Response{
			Description: problemNotes[status],
			Content:     openapi.Ordered[*openapi.MediaType]{{Name: problemType, Value: &openapi.MediaType{Schema: problem}}},
		}
		switch status {
		case http.StatusUnauthorized, http.StatusForbidden:
			answer.Headers = openapi.Ordered[openapi.Header]{{Name: "WWW-Authenticate", Value: openapi.Header{Description: "RFC 6750 section 3.", Schema: &openapi.Schema{Type: "string"}}}}
		case http.StatusServiceUnavailable:
			answer.Headers = openapi.Ordered[openapi.Header]{{Name: "Retry-After", Value: openapi.Header{Description: "Seconds.", Required: true, Schema: &openapi.Schema{Type: "string"}}}}
		}
		c.Responses = append(c.Responses, openapi.Member[openapi.Response]{Name: responseName(status), Value: answer})
	}
	c.Schemas = b.types.Named()
	return c
}

// responseName is what the problems of a status are called among the components.
func responseName(status int) string { return strings.ReplaceAll(http.StatusText(status), " ", "") }

// oneOf is a schema of the given values.
func oneOf[T ~string](values ...T) openapi.Schema {
	s := openapi.Schema{Type: "string"}
	for _, v := range values {
		s.Enum = append(s.Enum, string(v))
	}
	return s
}

// newTypes knows what reflection can't tell of the types in answers.
func newTypes(base string) *openapi.Types {
	var problems []problemURI
	for _, k := range Kinds() {
		problems = append(problems, problemURI(base+DocsPath+"#"+k.Name))
	}
	return &openapi.Types{
		Known: map[reflect.Type]openapi.Schema{
			reflect.TypeFor[Instant]():           {Type: "string", Format: "date-time"},
			reflect.TypeFor[sentence.Sentence](): {Type: "string"},
			reflect.TypeFor[problemURI]():        oneOf(problems...),
			reflect.TypeFor[json.RawMessage]():   {Type: "object"},
			reflect.TypeFor[oauth.Lifetime]():    {Type: "string", Description: "A duration, such as 5m0s."},
			reflect.TypeFor[oauth.AuthMethod]():  oneOf(oauth.AuthBasic, oauth.AuthPost, oauth.AuthPrivateKeyJWT, oauth.AuthNone),
			reflect.TypeFor[oauth.GrantType]():   oneOf(oauth.AuthorizationCode, oauth.RefreshTokenGrant, oauth.ClientCredentials),
			reflect.TypeFor[accounts.Level]():    oneOf(accounts.TwoFactors, accounts.PhishingResistant),
			reflect.TypeFor[keys.Algorithm]():    oneOf(issuer.Algorithms...),
			reflect.TypeFor[keys.Purpose]():      oneOf(keys.Token, keys.Refresh),
			reflect.TypeFor[keys.State]():        oneOf(keys.Published, keys.Signing, keys.Retiring, keys.Gone, keys.Revoked),
			reflect.TypeFor[keys.Action]():       oneOf(keys.Create, keys.Reschedule, keys.Revoke, keys.Delete),
			reflect.TypeFor[keys.Turning]():      oneOf(keys.Signs, keys.StopsSigning, keys.Goes),
			reflect.TypeFor[TaskName]():          oneOf(TaskNames()...),
			reflect.TypeFor[TaskState]():         oneOf(Done, Todo, Decide),
		},
		Names: map[reflect.Type]string{reflect.TypeFor[problemView](): "Problem"},
		Notes: notes,
	}
}
