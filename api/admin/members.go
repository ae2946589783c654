package admin

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"

	"keyturn/accounts"
	"keyturn/issuer/oauth"
	"keyturn/keys"
)

// members are those that a JSON object may have, each with a pointer to what takes its value, of one of the
// types that take names; a pointer to a pointer stays nil where the member is absent.
type members map[string]any

// decode reads a JSON object. Names count to the letter (encoding/json would take "Admin" for "admin",
// and the last of two). An unknown member, one given twice, null, a value of another type, text that
// can't be stored, and anything behind the object are refused with the member's name.
func (m members) decode(raw []byte) error {
	if !utf8.Valid(raw) {
		return invalid("", "The body is not UTF-8.")
	}
	decoder := json.NewDecoder(bytes.NewReader(raw))
	if first, err := decoder.Token(); err != nil || first != json.Delim('{') {
		return invalid("", "The body is not a JSON object.")
	}
	seen := map[string]bool{}
	for decoder.More() {
		token, err := decoder.Token()
		name, ok := token.(string)
		if err != nil || !ok {
			return errNotJSON
		}
		var value json.RawMessage
		if err := decoder.Decode(&value); err != nil {
			return errNotJSON
		}
		switch target, known := m[name]; {
		case !known:
			return invalid(shortened(name), m.unknown())
		case seen[name]: // RFC 8259 section 4 leaves the meaning open, and what is open is used against us
			return invalid(name, "is given more than once")
		default:
			if err := take(name, value, target); err != nil {
				return err
			}
		}
		seen[name] = true
	}
	if _, err := decoder.Token(); err != nil {
		return errNotJSON
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return invalid("", "Something stands behind the JSON object.")
	}
	return nil
}

// unknown says that a member is none of these, and what they are: TestBodiesAreWhatHandlersRead holds the document
// against that.
func (m members) unknown() string {
	if len(m) == 0 {
		return "is not a member that this route knows"
	}
	return "is not a member that this route knows; it knows " + strings.Join(slices.Sorted(maps.Keys(m)), ", ")
}

// within names the object that the member of a problem belongs to.
func within(name string, err error) error {
	if own, ok := errors.AsType[*Problem](err); ok {
		return invalid(strings.Trim(name+"."+own.Param, "."), own.Detail)
	}
	return err
}

var errNotJSON = invalid("", "The body is not valid JSON.")

// take puts one value into its place.
func take(name string, value json.RawMessage, target any) error {
	var wanted string
	switch target.(type) {
	case *string, **string, *keys.Algorithm, *oauth.AuthMethod, *accounts.Level:
		wanted = "a text"
	case *bool, **bool:
		wanted = "true or false"
	case *[]string, *[]oauth.GrantType:
		wanted = "a list of texts"
	case *oauth.Lifetime, **oauth.Lifetime:
		wanted = "a duration like 5m or 1h30m"
	case **int64:
		wanted = "a whole number"
	case *json.RawMessage:
		wanted = "an object"
	default:
		panic("admin: no rule for the type of member " + name)
	}
	if string(value) == "null" {
		return invalid(name, "must not be null")
	}
	_, whole := target.(*json.RawMessage)
	if err := json.Unmarshal(value, target); err != nil || whole && value[0] != '{' {
		return invalid(name, "must be "+wanted)
	}
	for _, text := range texts(target) {
		if problem := brokenText(text); problem != "" {
			return invalid(name, problem)
		}
	}
	return nil
}

// texts are what was read into target.
func texts(target any) []string {
	switch target := target.(type) {
	case *string:
		return []string{*target}
	case **string:
		return []string{**target}
	case *[]string:
		return *target
	}
	return nil
}

// brokenText says what keeps text from being stored as it was meant. U+FFFD is what decoders put in the
// place of broken text (an escaped half of a surrogate pair, for one); a password must not be changed so.
func brokenText(text string) string {
	switch {
	case strings.ContainsRune(text, 0):
		return "must not hold NUL"
	case !utf8.ValidString(text), strings.ContainsRune(text, utf8.RuneError):
		return "is not a valid text"
	}
	return ""
}

// shortened keeps an answer from carrying kilobytes of a caller's back.
func shortened(name string) string {
	const longest = 64
	n := 0
	for i := range name {
		if n++; n > longest {
			return name[:i] + "…"
		}
	}
	return name
}
