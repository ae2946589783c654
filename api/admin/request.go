package admin

import (
	"encoding/json"
	"io"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"

	"keyturn/audit"
	"keyturn/keys"
)

const (
	// maxBody bounds every body but an import's.
	maxBody   = 64 << 10
	maxImport = 16 << 20
)

// read reads the body of a change, a JSON object that may have the given members and no others. No body
// is an empty object. The time of the change begins with it.
func (r *request) read(into members) error {
	raw, err := r.body(maxBody, "application/json")
	if err != nil {
		return err
	}
	r.begin(changeTime)
	if len(raw) == 0 {
		return nil
	}
	return into.decode(raw)
}

// body reads all of the body. It is refused unread where its header says enough.
func (r *request) body(limit int64, types ...string) ([]byte, error) {
	in := r.gin.Request
	if in.ContentLength > limit {
		return nil, &tooLarge
	}
	kind, _, err := mime.ParseMediaType(in.Header.Get("Content-Type"))
	wrongType := err != nil || !slices.Contains(types, kind)
	if in.ContentLength > 0 && wrongType {
		return nil, notOfType(types)
	}
	raw, err := io.ReadAll(io.LimitReader(in.Body, limit+1))
	switch {
	case err != nil:
		return nil, invalid("", "The body could not be read.")
	case int64(len(raw)) > limit:
		return nil, &tooLarge
	case len(raw) > 0 && wrongType:
		return nil, notOfType(types)
	}
	return raw, nil
}

// reason reads the body of a change that takes nothing but the operator's words for the audit log.
func (r *request) reason() (string, error) {
	var text string
	if err := r.read(members{"reason": &text}); err != nil {
		return "", err
	}
	return text, checkReason(text)
}

func checkReason(text string) error {
	if !audit.IsReason(text) {
		return invalid("reason", "must be one line of at most "+strconv.Itoa(audit.MaxReason)+" characters, each of which can be seen")
	}
	return nil
}

// id is the id in the path, or notFound where it can't be one, so that the store is never asked for it.
func (r *request) id(notFound error) (string, error) {
	id := r.gin.Param("id")
	if !keys.IsID(id) {
		return "", notFound
	}
	return id, nil
}

// queryValues are the parameters of a query string, each given at most once.
type queryValues map[string]string

// query reads a query string, which may hold only the named parameters, each at most once.
func query(raw string, names []string) (queryValues, error) {
	values, err := url.ParseQuery(raw)
	if err != nil {
		return nil, invalid("", "The query string is malformed.")
	}
	out := queryValues{}
	for name, given := range values {
		if !slices.Contains(names, name) {
			return nil, invalid(shortened(name), "is not a parameter that this route knows")
		}
		if len(given) > 1 {
			return nil, invalid(name, "is given more than once")
		}
		if problem := brokenText(given[0]); problem != "" {
			return nil, invalid(name, problem)
		}
		out[name] = given[0]
	}
	return out, nil
}

// id is the id of a thing, empty where it is not given.
func (q queryValues) id(name string) (string, error) {
	id, given := q[name]
	if given && !keys.IsID(id) {
		return "", invalid(name, "is not an id")
	}
	return id, nil
}

// limit is a page size, 1 to 1000, 100 by default.
func (q queryValues) limit() (int, error) {
	text, given := q["limit"]
	if !given {
		return 100, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 || n > 1000 {
		return 0, invalid("limit", "must be a number from 1 to 1000")
	}
	return n, nil
}

// maxTime is the last second that a time in a query may name: the end of the year 9999.
const maxTime = 253402300799

// time is a moment, RFC 3339; the zero time where it is not given.
func (q queryValues) time(name string) (time.Time, error) {
	text, given := q[name]
	if !given {
		return time.Time{}, nil
	}
	t, err := time.Parse(time.RFC3339Nano, text)
	if err != nil || t.Unix() < 0 {
		return time.Time{}, invalid(name, "must be a time such as 2026-01-31T12:00:00Z")
	}
	return t, nil
}

// duration is a length of time as Go writes it, otherwise where it is not given.
func (q queryValues) duration(name string, otherwise time.Duration) (time.Duration, error) {
	text, given := q[name]
	if !given {
		return otherwise, nil
	}
	d, err := time.ParseDuration(text)
	if err != nil {
		return 0, invalid(name, "must be a duration like 5m or 1h30m")
	}
	return d, nil
}

// flag is a parameter that is true or false, false by default.
func (q queryValues) flag(name string) (bool, error) {
	switch text, given := q[name]; {
	case !given, text == "false":
		return false, nil
	case text == "true":
		return true, nil
	}
	return false, invalid(name, "must be true or false")
}

// write answers with v.
func (r *request) write(status int, v any) error {
	text, err := json.Marshal(v)
	if err != nil {
		return err
	}
	r.gin.Data(status, "application/json", text)
	return nil
}

// Ended is the answer to what ends sign-ins.
type Ended struct {
	Ended int64 `json:"ended"`
}

// ended answers how many grants a change has ended.
func (r *request) ended(n int64) error { return r.write(http.StatusOK, Ended{n}) }

func (r *request) done() error {
	r.gin.Status(http.StatusNoContent)
	r.gin.Writer.WriteHeaderNow()
	return nil
}
