package tokenpair

import (
	"fmt"
	"io"
	"mime"
	"net/http"
	"strings"
	"unicode/utf8"
)

// maxBody bounds a request's body; the longest honest one holds a token of at most 16 kB.
const maxBody = 64 << 10

// readFields reads the wanted fields, and the optional ones that are there, from a JSON, form or multipart body
// (contract section 1.1). All bad fields are reported in one *Failure; other fields are ignored.
func readFields(r *http.Request, wanted, optional []string) (map[string]string, error) {
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
	for _, name := range optional {
		value, problem := given.text(name)
		if problem == "" {
			problem = checkText(value)
		}
		switch problem {
		case "":
			fields[name] = value
		case missing, isNull, blank: // front-ends send the field of a form that nobody filled in
		default:
			bad[name] = []string{problem}
		}
	}
	if len(bad) > 0 {
		return nil, &Failure{Status: http.StatusBadRequest, Body: bad}
	}
	return fields, nil
}

// What may be wrong with a field that need not be there.
const (
	missing = "This field is required."
	isNull  = "This field may not be null."
	blank   = "This field may not be blank."
)

func checkText(value string) string {
	switch {
	case strings.ContainsRune(value, 0):
		return "Null characters are not allowed."
	case !utf8.ValidString(value):
		return "Not a valid string."
	case strings.TrimSpace(value) == "":
		return blank
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
		return nil, &Failure{Status: http.StatusBadRequest, Body: detail("Request body could not be read.")}
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
	return nil, &Failure{Status: http.StatusUnsupportedMediaType, Body: detail(fmt.Sprintf("Unsupported media type %q in request.", printable(contentType)))}
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
