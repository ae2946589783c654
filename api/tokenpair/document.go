package tokenpair

import (
	"encoding/json"
	"net/http"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"keyturn/api/openapi"
)

// Prefix is what the paths of this API begin with; it is described below.
const Prefix = "/api"

// documentVersion is that of the API, which is not the program's: it is raised with each addition.
const documentVersion = "1.0"

// description is what the document says of an endpoint beyond its fields. TestEveryEndpointIsDescribed demands one for
// each, and the package's tests hold every request and answer against what is made of it.
type description struct {
	// id is the operationId of POST. It never changes: generated clients have methods of these names.
	id, summary, text string
	// example is a body that is taken.
	example string
	// answer is an example of what the handler writes.
	answer any
	// throttled tells that too many attempts are refused.
	throttled bool
}

// descriptions are those of the endpoints by path.
var descriptions = map[string]description{
	"/api/token/": {
		id: "obtain", summary: "Sign in, and get a pair of tokens", answer: Pair{Refresh: exampleToken, Access: exampleToken}, throttled: true,
		text:    `otp is the code of an authenticator app or a recovery code; without it somebody who has a second factor gets 401 with the code otp_required after the right password. Names and passwords that are wrong, and accounts that are off, get the same answer.`,
		example: `{"username": "spiderman", "password": "underoos"}`,
	},
	"/api/token/refresh/": {
		id: "refresh", summary: "Get another pair for a refresh token", answer: Pair{Refresh: exampleToken, Access: exampleToken},
		text:    `The refresh token is replaced, too, unless rotation is switched off here; then refresh is left out. Within a short grace the same token gets the same successor again; any later repeat ends the sign-in.`,
		example: `{"refresh": "` + exampleToken + `"}`,
	},
	"/api/token/verify/": {
		id: "verify", summary: "Ask whether a token is valid", answer: Nothing{},
		text:    `Access or refresh token; nothing is used up. A refresh token that was taken back or replaced is 400 with non_field_errors, any other that is not valid 401.`,
		example: `{"token": "` + exampleToken + `"}`,
	},
	"/api/token/blacklist/": {
		id: "blacklist", summary: "Sign out: take a refresh token back", answer: Nothing{},
		text:    `The refresh token is the authority; nothing else is needed. Access tokens live on until they expire.`,
		example: `{"refresh": "` + exampleToken + `"}`,
	},
}

// exampleToken stands for a signed JWT.
const exampleToken = "(a signed token)"

// fieldNotes describe the fields of requests, and of answers.
var fieldNotes = map[string]string{
	"username": "Blanks around it don't count.",
	"password": "As it is, blanks and all.",
	"otp":      "The code of an authenticator app, or a recovery code.",
	"refresh":  "A refresh token.",
	"token":    "An access or refresh token.",

	"Pair":         "What a sign-in gives.",
	"Pair.refresh": "Left out where rotation is off.",
	"Pair.access":  "For resource servers, as Authorization: Bearer.",
	"Detail":       "What is wrong with a request as a whole. The text is for people; programs go by status and code.",
}

// problemNotes say when each status of a refusal is answered.
var problemNotes = map[int]string{
	http.StatusBadRequest:            "Fields are missing or wrong, each with its texts; or the body can't be read, with a detail.",
	http.StatusUnauthorized:          "Name, password, code or token don't suffice; code says token_not_valid or otp_required where that is meant.",
	http.StatusNotAcceptable:         "Accept leaves out JSON.",
	http.StatusRequestEntityTooLarge: "A body may have 64 KiB.",
	http.StatusUnsupportedMediaType:  "The body is of another type, or of none.",
	http.StatusTooManyRequests:       "Too many attempts; Retry-After says when to try again.",
	http.StatusInternalServerError:   "Something is broken.",
	http.StatusServiceUnavailable:    "The database is away or too much is going on; Retry-After says when to try again.",
}

// Document describes the API of an issuer in OpenAPI 3.1.
func Document(issuer string) *openapi.Document {
	types := &openapi.Types{Known: map[reflect.Type]openapi.Schema{
		reflect.TypeFor[Nothing](): {Type: "object", Description: "An empty object.", Others: false},
		reflect.TypeFor[code]():    {Type: "string", Enum: []string{string(tokenNotValid), string(otpRequired)}},
	}, Notes: fieldNotes}
	doc := &openapi.Document{
		OpenAPI: openapi.Version,
		Info: openapi.Info{
			Title: "Keyturn token-pair API", Version: documentVersion,
			Description: "The HTTP contract of djangorestframework-simplejwt: username and password in, a pair of tokens out. JSON, form and multipart bodies are equals, unknown fields are ignored, and so are cookies and the Authorization header. The last slash of a path may be left out. Methods but POST and OPTIONS get 405.",
		},
		Servers: []openapi.Server{{URL: issuer}},
		Tags:    []openapi.Tag{{Name: "tokens"}},
	}
	for _, e := range (&Handlers{}).Endpoints() {
		d := descriptions[e.Path]
		item := openapi.PathItem{{Name: "post", Value: postOf(e, d, types)}, {Name: "options", Value: optionsOf(e, d, types)}}
		doc.Paths = append(doc.Paths, openapi.Member[*openapi.PathItem]{Name: e.Path, Value: &item})
	}
	doc.Components.Responses = refusals(types)
	doc.Components.Schemas = append(types.Named(), fieldErrors)
	return doc
}

// fieldErrors is the schema of what is wrong with fields, by their names.
var fieldErrors = openapi.Member[*openapi.Schema]{Name: "FieldErrors", Value: &openapi.Schema{
	Type: "object", Description: "What is wrong with each field, by name; non_field_errors is for all of them together.",
	Others: &openapi.Schema{Type: "array", Items: &openapi.Schema{Type: "string"}},
}}

func postOf(e Endpoint, d description, types *openapi.Types) *openapi.Operation {
	body := &openapi.Schema{Type: "object", Required: e.Fields, Others: true}
	for _, name := range slices.Concat(e.Fields, e.Optional) {
		body.Properties = append(body.Properties, openapi.Member[*openapi.Schema]{Name: name, Value: &openapi.Schema{Type: "string", Description: fieldNotes[name]}})
	}
	o := &openapi.Operation{
		Tags: []string{"tokens"}, ID: d.id, Summary: d.summary, Description: d.text, Security: []map[string][]string{},
		Body: &openapi.RequestBody{Required: true},
	}
	for n, kind := range mediaTypes {
		media := &openapi.MediaType{Schema: body}
		if n == 0 {
			media.Example = json.RawMessage(d.example)
		}
		o.Body.Content = append(o.Body.Content, openapi.Member[*openapi.MediaType]{Name: kind, Value: media})
	}
	o.Responses = openapi.Ordered[openapi.Response]{{Name: "200", Value: answerOf("OK", d.answer, types)}}
	for _, status := range d.refusals() {
		o.Responses = append(o.Responses, refusalAt(status))
	}
	return o
}

// refusals are the statuses that POST may answer beside success.
func (d description) refusals() []int {
	all := []int{http.StatusBadRequest, http.StatusUnauthorized, http.StatusNotAcceptable, http.StatusRequestEntityTooLarge, http.StatusUnsupportedMediaType}
	if d.throttled {
		all = append(all, http.StatusTooManyRequests)
	}
	return append(all, http.StatusInternalServerError, http.StatusServiceUnavailable)
}

func optionsOf(e Endpoint, d description, types *openapi.Types) *openapi.Operation {
	return &openapi.Operation{
		Tags: []string{"tokens"}, ID: d.id + "Fields", Summary: "Read which fields that takes", Description: "Or ask whether a page of another origin may (CORS), which is 204.",
		Security: []map[string][]string{},
		Responses: openapi.Ordered[openapi.Response]{
			{Name: "200", Value: answerOf("OK", e.fields(), types)},
			{Name: "204", Value: openapi.Response{Description: "What a page of the origin may send stands in the headers."}},
			refusalAt(http.StatusNotAcceptable),
		},
	}
}

func answerOf(words string, example any, types *openapi.Types) openapi.Response {
	return openapi.Response{Description: words, Content: openapi.Ordered[*openapi.MediaType]{
		{Name: "application/json", Value: &openapi.MediaType{Schema: types.Of(example), Example: example}},
	}}
}

// refusalName is what the answers of a status are called among the components.
func refusalName(status int) string { return strings.ReplaceAll(http.StatusText(status), " ", "") }

func refusalAt(status int) openapi.Member[openapi.Response] {
	return openapi.Member[openapi.Response]{Name: strconv.Itoa(status), Value: openapi.Response{Ref: "#/components/responses/" + refusalName(status)}}
}

// refusals are the answers that operations refer to.
func refusals(types *openapi.Types) openapi.Ordered[openapi.Response] {
	var all openapi.Ordered[openapi.Response]
	for _, status := range (description{throttled: true}).refusals() {
		schema := types.Of(Detail{})
		if status == http.StatusBadRequest {
			schema = &openapi.Schema{AnyOf: []*openapi.Schema{schema, {Ref: "#/components/schemas/" + fieldErrors.Name}}}
		}
		answer := openapi.Response{
			Description: problemNotes[status], Content: openapi.Ordered[*openapi.MediaType]{{Name: "application/json", Value: &openapi.MediaType{Schema: schema}}},
		}
		switch status {
		case http.StatusUnauthorized:
			answer.Headers = header("WWW-Authenticate", "RFC 6750 section 3.")
		case http.StatusTooManyRequests, http.StatusServiceUnavailable:
			answer.Headers = header("Retry-After", "Seconds.")
		}
		all = append(all, openapi.Member[openapi.Response]{Name: refusalName(status), Value: answer})
	}
	return all
}

func header(name, words string) openapi.Ordered[openapi.Header] {
	return openapi.Ordered[openapi.Header]{{Name: name, Value: openapi.Header{Description: words, Required: true, Schema: &openapi.Schema{Type: "string"}}}}
}

// Description is what says what the API of an issuer does, for programs and for people, below Prefix.
func Description(issuer string) ([]openapi.Served, error) {
	return openapi.Publish(Document(issuer), nil)
}
