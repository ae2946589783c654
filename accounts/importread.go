package accounts

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"
)

const (
	maxImportBytes = 64 << 20
	maxImportEntry = 64 << 10 // bytes of one user
	maxImportUsers = 100_000
	tooManyUsers   = "there are more than 100000 users"
)

// ReadImport reads users from JSON: one object a line, or an array of objects, each either
//
//	{"username", "email", "email_verified", "given_name", "family_name", "active", "admin",
//	 "password_hash", "external_id"}
//
// (also by Django's names first_name, last_name, is_active, is_superuser and password, which must be a
// hash: plain passwords are refused), or an entry of Django's dumpdata, {"model", "pk", "fields"}, of any
// model with the fields username and password; entries of other models are left out, and pk becomes the
// external id. Users are active unless it says otherwise. *ImportError tells all that is wrong, by line
// or element and field, and never repeats a hash.
func ReadImport(r io.Reader) ([]ImportUser, error) {
	data, err := io.ReadAll(io.LimitReader(r, maxImportBytes+1))
	if err != nil {
		return nil, fmt.Errorf("read import: %w", err)
	}
	reader := importReader{check: newImportCheck()}
	data = bytes.TrimPrefix(data, []byte("\ufeff"))
	switch {
	case len(data) > maxImportBytes:
		reader.check.add("", "", fmt.Sprintf("the file is larger than %d bytes", maxImportBytes))
	case !utf8.Valid(data):
		reader.check.add("", "", "the file is not valid UTF-8")
	case bytes.HasPrefix(bytes.TrimLeft(data, " \t\r\n"), []byte("[")):
		reader.array(data)
	default:
		reader.lines(data)
	}
	if err := reader.check.err(len(reader.users)); err != nil {
		return nil, err
	}
	return reader.users, nil
}

type importReader struct {
	check *importCheck
	users []ImportUser
}

func (r *importReader) lines(data []byte) {
	number := 0
	for line := range bytes.Lines(data) {
		number++
		if line = bytes.TrimSpace(line); len(line) == 0 {
			continue
		}
		if !r.entry(fmt.Sprintf("line %d", number), line) {
			return
		}
	}
}

func (r *importReader) array(data []byte) {
	decoder := json.NewDecoder(bytes.NewReader(data))
	if _, err := decoder.Token(); err != nil {
		r.check.add("", "", "the file is not JSON")
		return
	}
	number := 0
	for decoder.More() {
		number++
		where := fmt.Sprintf("element %d", number)
		var element json.RawMessage
		if err := decoder.Decode(&element); err != nil {
			r.check.add(where, "", "is not JSON")
			return
		}
		if !r.entry(where, element) {
			return
		}
	}
	if _, err := decoder.Token(); err != nil {
		r.check.add(fmt.Sprintf("after element %d", number), "", "the array does not end")
		return
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		r.check.add("", "", "something follows the array")
	}
}

// entry reads one user; false to stop.
func (r *importReader) entry(where string, text []byte) bool {
	if len(r.users) == maxImportUsers {
		r.check.add(where, "", tooManyUsers)
		return false
	}
	if len(text) > maxImportEntry {
		r.check.add(where, "", fmt.Sprintf("is larger than %d bytes", maxImportEntry))
		return !r.check.full()
	}
	values, twice, err := object(text)
	if err != nil {
		r.check.add(where, "", "is not a JSON object")
		return !r.check.full()
	}
	e := importEntry{where: where, values: values, check: r.check}
	e.refuseTwice(twice)
	user, ok := e.read()
	if ok {
		r.check.user(where, user)
		r.users = append(r.users, user)
	}
	return !r.check.full()
}

// object takes a JSON object apart. twice names the members that are given more than once: RFC 8259
// section 4 leaves their meaning open, and encoding/json takes the last.
func object(text []byte) (values map[string]json.RawMessage, twice []string, err error) {
	if err := json.Unmarshal(text, &values); err != nil || values == nil {
		return nil, nil, errNoObject
	}
	decoder, names := json.NewDecoder(bytes.NewReader(text)), make(map[string]int, len(values))
	if _, err := decoder.Token(); err != nil {
		return nil, nil, err
	}
	for decoder.More() {
		name, err := decoder.Token()
		if err != nil {
			return nil, nil, err
		}
		var value json.RawMessage
		if err := decoder.Decode(&value); err != nil {
			return nil, nil, err
		}
		text, _ := name.(string) // a name always is one
		if names[text]++; names[text] == 2 {
			twice = append(twice, text)
		}
	}
	return values, twice, nil
}

var errNoObject = errors.New("not a JSON object")

// importEntry takes the fields of one user; what is not of the type that it should be is a problem.
type importEntry struct {
	where  string
	values map[string]json.RawMessage
	check  *importCheck
	broken bool
}

// read returns the user; false where the entry is not one.
func (e *importEntry) read() (ImportUser, bool) {
	var user ImportUser
	if e.values["model"] != nil && e.values["fields"] != nil {
		key := e.values["pk"]
		if !e.open() {
			return ImportUser{}, false
		}
		user = e.user()
		user.ExternalID = e.key(key)
	} else {
		e.refuseUnknown()
		user = e.user()
		user.ExternalID = e.text("external_id")
	}
	return user, !e.broken
}

// open goes into a fixture's fields; false where it is of a model that has no users.
func (e *importEntry) open() bool {
	fields, twice, err := object(e.values["fields"])
	if err != nil {
		e.wrong("fields", "is not an object")
		return false
	}
	if fields["username"] == nil || fields["password"] == nil {
		return false
	}
	e.refuseTwice(twice)
	// A custom model's fields of our own names may mean anything; only Django's are taken.
	for _, ours := range []string{"email_verified", "given_name", "family_name", "active", "admin", "password_hash"} {
		delete(fields, ours)
	}
	e.values = fields
	return true
}

func (e *importEntry) user() ImportUser {
	user := ImportUser{
		Username:      e.text("username"),
		Email:         e.text("email"),
		EmailVerified: e.flag(false, "email_verified"),
		GivenName:     e.text("given_name", "first_name"),
		FamilyName:    e.text("family_name", "last_name"),
		Active:        e.flag(true, "active", "is_active"),
		Admin:         e.flag(false, "admin", "is_superuser"),
		PasswordHash:  e.text("password_hash", "password"),
	}
	if strings.HasPrefix(user.PasswordHash, "!") {
		user.PasswordHash = "" // Django's mark of an account without a usable password
	}
	return user
}

// importFields are the names that a plain entry may have. The last ones, Django's others, are left out.
var importFields = []string{
	"username", "email", "email_verified", "given_name", "first_name", "family_name", "last_name",
	"active", "is_active", "admin", "is_superuser", "password_hash", "password", "external_id",
	"last_login", "date_joined", "is_staff", "groups", "user_permissions",
}

// refuseUnknown finds misspelt fields: a user without the password they had would be a bad surprise.
func (e *importEntry) refuseUnknown() {
	for _, name := range slices.Sorted(maps.Keys(e.values)) {
		if !slices.Contains(importFields, name) {
			e.wrong(fmt.Sprintf("%.40q", name), "is not a field that we know")
		}
	}
}

func (e *importEntry) refuseTwice(names []string) {
	for _, name := range names {
		if !slices.Contains(importFields, name) && !slices.Contains([]string{"model", "pk", "fields"}, name) {
			name = fmt.Sprintf("%.40q", name)
		}
		e.wrong(name, "is given more than once")
	}
}

// take returns the value by whichever name it has; nil for none or null.
func (e *importEntry) take(names []string) (name string, value json.RawMessage) {
	for _, candidate := range names {
		v, given := e.values[candidate]
		if !given {
			continue
		}
		if name != "" {
			e.wrong(candidate, "and "+name+" are both given")
		}
		name, value = candidate, v
	}
	if string(value) == "null" {
		return name, nil
	}
	return name, value
}

func (e *importEntry) text(names ...string) string {
	name, value := e.take(names)
	if value == nil {
		return ""
	}
	var text string
	if err := json.Unmarshal(value, &text); err != nil {
		e.wrong(name, "is not a text")
	}
	return e.whole(name, text)
}

// whole refuses U+FFFD, which encoding/json puts in the place of an escaped half of a surrogate pair: a
// name must not be changed so.
func (e *importEntry) whole(name, text string) string {
	if strings.ContainsRune(text, utf8.RuneError) {
		e.wrong(name, "is not a valid text")
	}
	return text
}

func (e *importEntry) flag(missing bool, names ...string) bool {
	name, value := e.take(names)
	if value == nil {
		return missing
	}
	var flag bool
	if err := json.Unmarshal(value, &flag); err != nil {
		e.wrong(name, "is not true or false")
	}
	return flag
}

// key reads a primary key: a number or a text.
func (e *importEntry) key(value json.RawMessage) string {
	var key any
	decoder := json.NewDecoder(bytes.NewReader(value))
	decoder.UseNumber()
	if err := decoder.Decode(&key); err != nil {
		e.wrong("pk", "is missing")
		return ""
	}
	switch key := key.(type) {
	case json.Number:
		return key.String()
	case string:
		return e.whole("pk", key)
	}
	e.wrong("pk", "is not a number or a text")
	return ""
}

func (e *importEntry) wrong(field, problem string) {
	e.broken = true
	e.check.add(e.where, field, problem)
}
