package tokenpair

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"unicode/utf8"
)

// object is a JSON body: its members, unparsed.
type object map[string]json.RawMessage

func (o object) text(field string) (string, string) {
	raw, given := o[field]
	if !given {
		return "", missing
	}
	switch raw[0] {
	case 'n':
		return "", isNull
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
	return &Failure{Status: http.StatusBadRequest, Body: detail("JSON parse error - " + what)}
}

func notAnObject(first json.Token) *Failure {
	kind := map[bool]string{true: "list"}[first == json.Delim('[')]
	switch v := first.(type) {
	case nil:
		return &Failure{Status: http.StatusBadRequest, Body: map[string][]string{"non_field_errors": {"No data provided"}}}
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
	return &Failure{Status: http.StatusBadRequest, Body: map[string][]string{
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
