package accounts

import (
	"errors"
	"fmt"
	"maps"
	"reflect"
	"strings"
	"testing"

	"keyturn/audit"
)

const goodHash = "pbkdf2_sha256$1000$eTyTqK3lWkXlAnopRTSgbL$+GPUlKFGYmC8C8J/KtlYvNHjm+lLJHNtyXQp7wec8I8="

func TestReadImport(t *testing.T) {
	peter := ImportUser{
		Username: "spiderman", Email: "peter@example.com", EmailVerified: true, GivenName: "Peter", FamilyName: "Parker",
		Active: true, Admin: true, PasswordHash: goodHash, ExternalID: "7",
	}
	ours := `{"username":"spiderman","email":"peter@example.com","email_verified":true,"given_name":"Peter",` +
		`"family_name":"Parker","active":true,"admin":true,"password_hash":"` + goodHash + `","external_id":"7"}`
	djangos := `{"username":"spiderman","email":"peter@example.com","email_verified":true,"first_name":"Peter",` +
		`"last_name":"Parker","is_active":true,"is_superuser":true,"password":"` + goodHash + `","external_id":"7",` +
		`"last_login":null,"date_joined":"2020-01-01T00:00:00Z","is_staff":true,"groups":[],"user_permissions":[]}`
	second := ImportUser{Username: "second", Active: true}
	fixture := peter
	fixture.EmailVerified = false
	for name, c := range map[string]struct {
		file string
		want []ImportUser
	}{
		"lines":        {"\ufeff" + ours + "\r\n\n  {\"username\":\"second\"}", []ImportUser{peter, second}},
		"array":        {"\n [" + ours + `, {"username":"second","password":null,"active":null}]`, []ImportUser{peter, second}},
		"django names": {djangos, []ImportUser{peter}},
		"fixture": {`[{"model":"contenttypes.contenttype","pk":1,"fields":{"app_label":"auth","model":"user"}},
			{"model":"auth.user","pk":7,"fields":{"password":"` + goodHash + `","last_login":null,"is_superuser":true,
			"username":"spiderman","first_name":"Peter","last_name":"Parker","email":"peter@example.com","is_staff":true,
			"is_active":true,"date_joined":"2020-01-01T00:00:00Z","groups":[],"user_permissions":[]}},
			{"model":"people.member","pk":"0b1c","fields":{"username":"second","password":"!YfbaOeEu6Jt4WoVYJaT9HCRlT6X4RMu17zDylcCC","admin":3}}]`,
			[]ImportUser{fixture, {Username: "second", Active: true, ExternalID: "0b1c"}}},
		"a whole pair of surrogates": {`{"username":"\ud83d\udd77"}`, []ImportUser{{Username: "🕷", Active: true}}},
		"inactive":                   {`{"username":"second","is_active":false}`, []ImportUser{{Username: "second"}}},
	} {
		got, err := ReadImport(strings.NewReader(c.file))
		if err != nil || !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s: %+v, %v; want %+v", name, got, err, c.want)
		}
	}
}

func TestReadImportNamesWhatIsWrong(t *testing.T) {
	for file, want := range map[string]string{
		"":   "there is no user in it",
		"[]": "there is no user in it",
		`[{"model":"auth.group","pk":1,"fields":{"name":"x"}}]`:                               "there is no user in it",
		"{\"username\":\"a\"}\n\n{\"username\":":                                              "line 3: is not a JSON object",
		`{"username":"a","password":"underoos"}`:                                              "line 1: password_hash is refused: not a password hash of a known form",
		`{"username":"a","password":"$2b$31$l/tBLM9hYSxz8YiB09SKOekH3ddBHQ.2XT0JStbg1cDwFI"}`: "line 1: password_hash is refused",
		`[{"username":"a"},{"username":"b","is_active":"yes"}]`:                               "element 2: is_active is not true or false",
		`[{"username":"a"},{"username":7}]`:                                                   "element 2: username is not a text",
		`[{"username":"victim"},{"username":"Victim"}]`:                                       `element 2: username "Victim" differs only in letter case or look-alike form from "victim" at element 1`,
		`[{"username":"a"},{"username":"a"}]`:                                                 "element 2: username is the same as at element 1",
		`[{"username":"a","external_id":"1"},{"username":"b","external_id":"1"}]`:             "element 2: external_id is the same as at element 1",
		`[{"username":"a"}`:               "after element 1: the array does not end",
		`[{"username":"a"}] {}`:           "something follows the array",
		`[{"username":"a"},]`:             "element 2: is not JSON",
		`[7]`:                             "element 1: is not a JSON object",
		`null`:                            "line 1: is not a JSON object",
		`{}`:                              "line 1: username is empty",
		`{"username":"a","passwrod":"x"}`: `line 1: "passwrod" is not a field that we know`,
		`{"username":"a","first_name":"x","given_name":"y"}`:                                          "first_name and given_name are both given",
		`{"username":"a","email":"nobody"}`:                                                           "line 1: email is not an email address",
		"{\"username\":\"a\xff\"}":                                                                    "not valid UTF-8",
		`{"username":"a\u0000"}`:                                                                      "line 1: username holds a control character",
		`[{"model":"auth.user","fields":{"username":"a","password":""}}]`:                             "element 1: pk is missing",
		`[{"model":"auth.user","pk":[1],"fields":{"username":"a","password":""}}]`:                    "element 1: pk is not a number or a text",
		`[{"model":"auth.user","pk":1,"fields":[]}]`:                                                  "element 1: fields is not an object",
		`{"username":"a","username":"b"}`:                                                             "line 1: username is given more than once",
		`{"username":"a"}` + "\n" + `{"username":"b","admin":false,"admin":true}`:                     "line 2: admin is given more than once",
		`[{"model":"auth.user","pk":1,"pk":2,"fields":{"username":"a","password":""}}]`:               "element 1: pk is given more than once",
		`[{"model":"auth.user","pk":1,"fields":{"username":"a","password":"","username":"b"}}]`:       "element 1: username is given more than once",
		`[{"model":"auth.group","model":"auth.user","pk":1,"fields":{"username":"a","password":""}}]`: "element 1: model is given more than once",
		`{"username":"a\ud800"}`:                                                                      "line 1: username is not a valid text",
		`{"username":"a\udc00\ud800b"}`:                                                               "line 1: username is not a valid text",
		`{"username":"a","given_name":"\ufffd"}`:                                                      "line 1: given_name is not a valid text",
		"{\"username\":\"a\",\"family_name\":\"\ufffd\"}":                                             "line 1: family_name is not a valid text",
		`[{"model":"auth.user","pk":"\ud83d","fields":{"username":"a","password":""}}]`:               "element 1: pk is not a valid text",
		`{"username":"a","given_name":"` + strings.Repeat("x", maxImportEntry) + `"}`:                 "line 1: is larger than 65536 bytes",
	} {
		users, err := ReadImport(strings.NewReader(file))
		if _, ok := errors.AsType[*ImportError](err); !ok || !strings.Contains(err.Error(), want) || users != nil {
			t.Errorf("%.80q: %v, want %q", file, err, want)
		}
		if err != nil && (strings.Contains(err.Error(), "underoos") || strings.Contains(err.Error(), "l/tBLM9")) {
			t.Errorf("%.80q: the error repeats a hash or password: %v", file, err)
		}
	}
}

func TestReadImportReportsTwentyAtOnce(t *testing.T) {
	var file strings.Builder
	for range 50 {
		file.WriteString(`{"username":"","email":"x"}` + "\n")
	}
	_, err := ReadImport(strings.NewReader(file.String()))
	wrong, ok := errors.AsType[*ImportError](err)
	if !ok || len(wrong.Problems) != 20 || !wrong.More {
		t.Fatalf("error %v", err)
	}
	if want := (ImportProblem{Where: "line 10", Field: "email", Problem: "is not an email address"}); wrong.Problems[19] != want {
		t.Errorf("the 20th is %+v, want %+v", wrong.Problems[19], want)
	}
}

func TestImport(t *testing.T) {
	store := newTestStore(spiderman())
	s := cheapService(store)
	users := []ImportUser{
		{Username: "first", Active: true, PasswordHash: goodHash, ExternalID: "1", EmailVerified: true},
		{Username: "second"},
	}
	if err := s.Measure(t.Context()); err != nil {
		t.Fatal(err)
	}
	done, err := s.Import(t.Context(), users, operator)
	if err != nil || done.Created != 2 || len(store.users) != 3 {
		t.Fatalf("%+v, %v, %d users", done, err, len(store.users))
	}
	if err := s.Measure(t.Context()); err != nil || store.count("PasswordSchemes") != 2 {
		t.Errorf("the schemes of the new users are not measured: %v", err)
	}
	event := store.events[0]
	if event.Action != audit.UserImported || event.Actor != operator || !maps.Equal(event.Details, map[string]string{"count": "2"}) {
		t.Errorf("event %+v", event)
	}
	proof, err := s.Authenticate(t.Context(), signIn("first", vectorPassword, ""))
	if err != nil || checkID(proof.UserID()) != nil {
		t.Fatalf("sign-in: %+v, %v", proof, err)
	}
	if u := store.users[proof.UserID()]; u.ExternalID != "1" || u.EmailVerified || needsRehash(u.PasswordHash, s.Argon2) {
		t.Errorf("user %+v", u)
	}

	_, err = s.Import(t.Context(), []ImportUser{{Username: "third"}, {Username: "spiderman"}}, operator)
	if !errors.Is(err, ErrUsernameTaken) || len(store.users) != 3 {
		t.Errorf("an existing user: %v, %d users", err, len(store.users))
	}
	for _, bad := range [][]ImportUser{
		nil, {{Username: "x", PasswordHash: "plain text"}}, {{Username: "x"}, {Username: "x"}}, {{Username: ""}},
	} {
		if _, err := s.Import(t.Context(), bad, operator); err == nil {
			t.Errorf("%+v is imported", bad)
		} else if _, ok := errors.AsType[*ImportError](err); !ok {
			t.Errorf("%+v: %v, want *ImportError", bad, err)
		}
	}
}

// An import makes administrators as POST /users does: with a trace of each.
func TestImportTellsOfEachAdministrator(t *testing.T) {
	store := newTestStore()
	_, err := cheapService(store).Import(t.Context(), []ImportUser{{Username: "boss", Admin: true}, {Username: "second"}, {Username: "chief", Admin: true}}, operator)
	if err != nil || len(store.events) != 3 || store.events[0].Action != audit.UserImported {
		t.Fatalf("%v, events %+v", err, store.events)
	}
	for i, name := range []string{"boss", "chief"} {
		e := store.events[i+1]
		if e.Action != audit.UserCreated || e.Actor != operator || e.SubjectKind != "user" || store.users[e.SubjectID].Username != name ||
			!maps.Equal(e.Details, map[string]string{"username": name, "admin": "true"}) {
			t.Errorf("event %+v, want the creation of %s", e, name)
		}
	}
}

func TestImportOfTooMany(t *testing.T) {
	users := make([]ImportUser, maxImportUsers+1)
	for i := range users {
		users[i].Username = fmt.Sprint("u", i)
	}
	_, err := cheapService(newTestStore()).Import(t.Context(), users, operator)
	if _, ok := errors.AsType[*ImportError](err); !ok || !strings.Contains(err.Error(), "more than 100000 users") {
		t.Errorf("%v, want *ImportError", err)
	}
}

func TestImportConflictNamesBoth(t *testing.T) {
	for conflict, want := range map[ImportConflict]string{
		{"victim", "victim"}: "accounts: user victim exists already; nothing was imported",
		{"Victim", "victim"}: "accounts: user Victim differs only in letter case or look-alike form from victim, who exists already; nothing was imported",
		{"eve", "victim"}:    "accounts: the external id of user eve belongs to user victim; nothing was imported",
	} {
		if got := conflict.Error(); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

func FuzzReadImport(f *testing.F) {
	f.Add(`{"username":"a","password":"` + goodHash + `"}`)
	f.Add(`[{"model":"auth.user","pk":1,"fields":{"username":"a","password":"!","is_active":false}}]`)
	f.Add("{\"username\":\"a\"}\n{\"username\":\"b\",\"email\":\"a@b\"}\n")
	f.Add(`[{"username":"a"}`)
	f.Fuzz(func(t *testing.T, file string) {
		users, err := ReadImport(strings.NewReader(file))
		if err != nil {
			if len(users) > 0 {
				t.Error("users and an error")
			}
			return
		}
		c := newImportCheck()
		for i, u := range users {
			c.user(fmt.Sprint(i), u)
		}
		if err := c.err(len(users)); err != nil {
			t.Errorf("accepted, but %v", err)
		}
	})
}
