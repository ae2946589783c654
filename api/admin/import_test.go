package admin_test

import (
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"
)

// djangoHash is the hash that Django 5.2 made of djangoPassword, as `manage.py dumpdata auth` writes it.
const (
	djangoPassword = "übergroße spinne"
	djangoHash     = "pbkdf2_sha256$1000$eTyTqK3lWkXlAnopRTSgbL$+GPUlKFGYmC8C8J/KtlYvNHjm+lLJHNtyXQp7wec8I8="
)

const dumpdata = `[
	{"model": "auth.group", "pk": 1, "fields": {"name": "heroes", "permissions": []}},
	{"model": "auth.user", "pk": 41, "fields": {"password": "` + djangoHash + `", "last_login": null, "is_superuser": false,
		"username": "spiderman", "first_name": "Peter", "last_name": "Parker", "email": "peter@example.com", "is_staff": false,
		"is_active": true, "date_joined": "2024-01-01T00:00:00Z", "groups": [1], "user_permissions": []}},
	{"model": "auth.user", "pk": 42, "fields": {"password": "!", "username": "gone", "is_active": false, "is_superuser": false}}
]`

func TestImportOfDjangoUsersWhoThenSignIn(t *testing.T) {
	f := newFixture(t)
	token := f.token("admin")
	if n := f.send(http.MethodPost, "/users/import", token, dumpdata).want(http.StatusOK)["created"]; n != 2.0 {
		t.Errorf("created %v, want 2", n)
	}
	f.signIn("spiderman", djangoPassword)
	if _, status := f.tokenPair("", `{"username": "gone", "password": "`+djangoPassword+`"}`); status != http.StatusUnauthorized {
		t.Errorf("an inactive user signs in: %d", status)
	}
	list := f.send(http.MethodGet, "/users", token, "").want(http.StatusOK)
	if got := items(list, "external_id"); !slices.Equal(got, []string{"42", "41"}) {
		t.Errorf("external ids %v", got)
	}
	if got := items(list, "family_name"); !slices.Equal(got, []string{"", "Parker"}) {
		t.Errorf("family names %v", got)
	}
	a := f.send(http.MethodPost, "/users/import", token, dumpdata)
	if detail := a.want(http.StatusConflict)["detail"].(string); !strings.Contains(detail, "spiderman") {
		t.Errorf("detail %q names no user", detail)
	}
}

func TestImportTakesLines(t *testing.T) {
	f := newFixture(t)
	lines := "{\"username\": \"a\"}\n\n{\"username\": \"b\", \"password_hash\": \"" + djangoHash + "\"}\n"
	a := f.send(http.MethodPost, "/users/import", f.token("admin:users"), lines, "Content-Type", "application/x-ndjson; charset=utf-8")
	if n := a.want(http.StatusOK)["created"]; n != 2.0 {
		t.Errorf("created %v, want 2", n)
	}
	f.signIn("b", djangoPassword)
}

// Every problem is told by its place, nothing is imported, and no hash or password comes back.
func TestImportTellsWhatIsWrong(t *testing.T) {
	f := newFixture(t)
	token := f.token("admin:users")
	lines := `{"username": "good"}
{"username": "plain", "password": "` + password + `"}
{"username": 1}
{"username": "good"}
{"username": "x", "pasword": "` + djangoHash + `"}
`
	detail := f.send(http.MethodPost, "/users/import", token, lines).want(http.StatusBadRequest)["detail"].(string)
	for _, want := range []string{"line 2: password_hash", "line 3: username", "line 4: username", `line 5: "pasword"`} {
		if !strings.Contains(detail, want) {
			t.Errorf("detail %q lacks %q", detail, want)
		}
	}
	f.send(http.MethodPost, "/users/import", token, "").want(http.StatusBadRequest)
	if got := items(f.send(http.MethodGet, "/users", token, "").want(http.StatusOK), "username"); len(got) != 0 {
		t.Errorf("imported %v", got)
	}
}

// More than an ordinary body may have is read, up to 16 MiB.
func TestImportOfManyUsers(t *testing.T) {
	f := newFixture(t)
	var lines strings.Builder
	const users = 2000
	for i := range users {
		lines.WriteString(`{"username": "user-` + strings.Repeat("x", i%200) + string(rune('a'+i%26)) + strings.Repeat("y", i/200) + `"}` + "\n")
	}
	if lines.Len() < 128<<10 {
		t.Fatalf("only %d bytes", lines.Len())
	}
	if n := f.send(http.MethodPost, "/users/import", f.token("admin:users"), lines.String()).want(http.StatusOK)["created"]; n != float64(users) {
		t.Errorf("created %v, want %d", n, users)
	}
}

// A file may take longer than the server gives an ordinary request: here that is no time at all.
func TestImportHasTimesOfItsOwn(t *testing.T) {
	f := newFixture(t)
	server := httptest.NewUnstartedServer(f.handler)
	server.Config.ReadHeaderTimeout, server.Config.ReadTimeout = time.Minute, time.Nanosecond
	server.Config.WriteTimeout = time.Nanosecond
	server.Start()
	defer server.Close()
	body := `{"username": "spiderman"}` + strings.Repeat("\n", 1<<20)
	send := func(path string) (*http.Response, error) {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, server.URL+"/admin/v1"+path, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set("Authorization", "Bearer "+f.token("admin:users"))
		return server.Client().Do(r)
	}
	if response, err := send("/users"); err == nil {
		response.Body.Close()
		t.Fatal("an ordinary request was answered in no time; this test proves nothing")
	}
	response, err := send("/users/import")
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		t.Errorf("status %d, want 200", response.StatusCode)
	}
}
