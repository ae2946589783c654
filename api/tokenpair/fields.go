package tokenpair

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"unicode/utf8"
)

// maxBody bounds a request's body; the longest honest one holds a token of at most 16 kB.
const maxBody = 64 << 10

// readFields reads the wanted fields from a JSON, form or multipart body (contract section 1.1). All
// bad fields are reported in one *Failure; fields that are not wanted are ignored.
func readFields(r *http.Request, wanted []string) (map[string]string, error) {
	given, err := readBody(r)
	if err != nil {
		return nil, err
	}
	fields, bad := make(map[string]string, len(wanted)), map[string][]string{}
	for _, name := range wanted {
		value, problem := given.text(name)
		if problem == "" {
			problem = checkText(value)
		}
		if problem != "" {
			bad[name] = []string{problem}
		}
		fields[name] = value
	}
	if len(bad) > 0 {
		return nil, &Failure{http.StatusBadRequest, bad}
	}
	return fields, nil
}

func checkText(value string) string {
	switch {
	case strings.ContainsRune(value, 0):
		return "Null characters are not allowed."
	case !utf8.ValidString(value):
		return "Not a valid string."
	case strings.TrimSpace(value) == "":
		return "This field may not be blank."
	}
	return ""
}

// body is a parsed request body. text gives a field's value, or what is wrong with it.
type body interface {
	text(field string) (value, problem string)
}

func readBody(r *http.Request) (body, error) {
	raw, err := io.ReadAll(io.LimitReader(r.Body, maxBody+1))
	if err != nil {
		return nil, &Failure{http.StatusBadRequest, detail("Request body could not be read.")}
	}
	if len(raw) > maxBody {
		return nil, &BodyTooLarge
	}
	contentType := r.Header.Get("Content-Type")
	if len(raw) == 0 {
		return form{}, nil
	}
	kind, params, err := mime.ParseMediaType(contentType)
	if err != nil {
		kind = ""
	}
	switch kind {
	case "application/json":
		return parseJSON(raw)
	case "application/x-www-form-urlencoded":
		return parseForm(raw)
	case "multipart/form-data":
		return parseMultipart(raw, params["boundary"])
	}
	return nil, &Failure{http.StatusUnsupportedMediaType, detail(fmt.Sprintf("Unsupported media type %q in request.", printable(contentType)))}
}

// printable keeps an answer from carrying a caller's control characters or kilobytes back.
func printable(s string) string {
	if len(s) > 100 {
		s = s[:100]
	}
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r == utf8.RuneError {
			return -1
		}
		return r
	}, s)
}

// form is a body whose values are text already.
type form url.Values

func (f form) text(field string) (string, string) {
	switch values := f[field]; len(values) {
	case 0:
		return "", "This field is required."
	case 1:
		return values[0], ""
	default:
		return "", "This field was given more than once."
	}
}

func parseForm(raw []byte) (body, error) {
	values, err := url.ParseQuery(string(raw))
	if err != nil {
		return nil, &Failure{http.StatusBadRequest, detail("Form parse error - malformed escape or separator.")}
	}
	return form(values), nil
}

// object is a JSON body: its members, unparsed.
type object map[string]json.RawMessage

func (o object) text(field string) (string, string) {
	raw, given := o[field]
	if !given {
		return "", "This field is required."
	}
	switch raw[0] {
	case 'n':
		return "", "This field may not be null."
	case '"':
		if code, lone := loneSurrogate(raw); lone {
			return "", "Surrogate characters are not allowed: U+" + strings.ToUpper(code) + "."
		}
		var value string
		if err := json.Unmarshal(raw, &value); err != nil {
			return "", "Not a valid string."
		}
		return value, ""
	case '{', '[', 't', 'f':
		return "", "Not a valid string."
	}
	return string(raw), "" // a number is used as its decimal text
}

func parseJSON(raw []byte) (body, error) {
	if !utf8.Valid(raw) {
		return nil, parseError("invalid UTF-8")
	}
	if !json.Valid(raw) {
		return nil, parseError("malformed")
	}
	decoder := json.NewDecoder(bytes.NewReader(raw))
	decoder.UseNumber()
	first, err := decoder.Token()
	if err != nil {
		return nil, parseError("malformed")
	}
	if first != json.Delim('{') {
		return nil, notAnObject(first)
	}
	members := object{}
	for decoder.More() {
		name, err := decoder.Token()
		if err != nil {
			return nil, parseError("malformed")
		}
		var value json.RawMessage
		if err := decoder.Decode(&value); err != nil {
			return nil, parseError("malformed")
		}
		if _, twice := members[name.(string)]; twice {
			return nil, parseError("a member is given more than once")
		}
		members[name.(string)] = value
	}
	return members, nil
}

func parseError(what string) *Failure {
	return &Failure{http.StatusBadRequest, detail("JSON parse error - " + what)}
}

func notAnObject(first json.Token) *Failure {
	kind := map[bool]string{true: "list"}[first == json.Delim('[')]
	switch v := first.(type) {
	case nil:
		return &Failure{http.StatusBadRequest, map[string][]string{"non_field_errors": {"No data provided"}}}
	case string:
		kind = "str"
	case bool:
		kind = "bool"
	case json.Number:
		kind = "int"
		if strings.ContainsAny(v.String(), ".eE") {
			kind = "float"
		}
	}
	return &Failure{http.StatusBadRequest, map[string][]string{
		"non_field_errors": {"Invalid data. Expected a dictionary, but got " + kind + "."},
	}}
}

// loneSurrogate finds an escaped surrogate without its other half in a JSON string; encoding/json would
// silently put U+FFFD in its place, and a password must never be changed on its way.
func loneSurrogate(raw []byte) (code string, found bool) {
	for n := 0; n < len(raw)-1; n++ {
		if raw[n] != '\\' {
			continue
		}
		if raw[n+1] != 'u' {
			n++ // an escaped character, perhaps a backslash
			continue
		}
		high := unit(raw, n)
		switch {
		case high < 0xd800 || high > 0xdfff:
			n += 5
		case high < 0xdc00 && unit(raw, n+6) >= 0xdc00 && unit(raw, n+6) <= 0xdfff:
			n += 11
		default:
			return string(raw[n+2 : n+6]), true
		}
	}
	return "", false
}

// unit is the value of the \uXXXX at n, -1 where none stands there.
func unit(raw []byte, n int) int64 {
	if n+6 > len(raw) || raw[n] != '\\' || raw[n+1] != 'u' {
		return -1
	}
	value, err := strconv.ParseInt(string(raw[n+2:n+6]), 16, 32)
	if err != nil {
		return -1
	}
	return value
}

func parseMultipart(raw []byte, boundary string) (body, error) {
	malformed := &Failure{http.StatusBadRequest, detail("Multipart form parse error - malformed.")}
	if boundary == "" {
		return nil, malformed
	}
	fields := form{}
	reader := multipart.NewReader(bytes.NewReader(raw), boundary)
	for {
		part, err := reader.NextPart()
		if errors.Is(err, io.EOF) {
			return fields, nil
		}
		if err != nil {
			return nil, malformed
		}
		value, err := io.ReadAll(part)
		if err != nil {
			return nil, malformed
		}
		if part.FileName() != "" {
			value = []byte{0xff} // a file is no text; reported as such where the field is wanted
		}
		fields[part.FormName()] = append(fields[part.FormName()], string(value))
	}
}
