package admin_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"keyturn/api/admin"
	"keyturn/audit"
)

// access says again, apart from the program's own table, who may call what.
var access = map[string]string{
	"GET /keys":              "admin:read",
	"GET /keys/plan":         "admin:read",
	"GET /keys/rotation":     "admin:read",
	"POST /keys/rotate":      "admin:keys",
	"POST /keys/:kid/revoke": "admin:keys",

	"GET /users":                          "admin:read",
	"POST /users":                         "admin:users",
	"POST /users/import":                  "admin:users",
	"POST /users/invite":                  "admin:users",
	"GET /users/invitations":              "admin:read",
	"DELETE /users/invitations/:id":       "admin:users",
	"POST /users/invitation-link":         "admin:users",
	"GET /users/:id":                      "admin:read",
	"GET /users/:id/open":                 "admin:read",
	"PATCH /users/:id":                    "admin:users",
	"DELETE /users/:id":                   "admin:users",
	"PUT /users/:id/password":             "admin:users",
	"POST /users/:id/password-reset":      "admin:users",
	"POST /users/:id/password-reset-link": "admin:users",
	"POST /users/:id/activate":            "admin:users",
	"POST /users/:id/deactivate":          "admin:users",
	"GET /users/:id/grants":               "admin:read",
	"DELETE /users/:id/grants":            "admin:users",

	"GET /users/:id/sessions":             "admin:read",
	"DELETE /users/:id/sessions":          "admin:users",
	"DELETE /users/:id/sessions/:session": "admin:users",
	"GET /users/:id/factors":              "admin:read",
	"DELETE /users/:id/factors":           "admin:users",

	"GET /users/:id/apps":            "admin:read",
	"DELETE /users/:id/apps/:client": "admin:users",

	"GET /health":             "admin:read",
	"GET /settings":           "admin:read",
	"GET /production":         "admin:read",
	"GET /activity":           "admin:read",
	"GET /letters":            "admin:read",
	"GET /letters/:id":        "admin:read",
	"POST /letters/:id/retry": "admin",
	"DELETE /letters/:id":     "admin",
	"POST /sessions/end-all":  "admin",

	"GET /users/:id/groups":            "admin:read",
	"GET /groups":                      "admin:read",
	"POST /groups":                     "admin:users",
	"GET /groups/:id":                  "admin:read",
	"PATCH /groups/:id":                "admin:users",
	"DELETE /groups/:id":               "admin:users",
	"GET /groups/:id/members":          "admin:read",
	"PUT /groups/:id/members/:user":    "admin:users",
	"DELETE /groups/:id/members/:user": "admin:users",
	"PUT /groups/:id/roles":            "admin:users",
	"DELETE /groups/:id/roles":         "admin:users",

	"GET /grants":         "admin:read",
	"GET /grants/:id":     "admin:read",
	"DELETE /grants/:id":  "admin:users",
	"GET /revoked-tokens": "admin:read",

	"GET /clients":                        "admin:read",
	"POST /clients":                       "admin",
	"GET /clients/:id":                    "admin:read",
	"GET /clients/:id/snippets":           "admin:read",
	"GET /clients/:id/open":               "admin:read",
	"PUT /clients/:id":                    "admin",
	"DELETE /clients/:id":                 "admin",
	"POST /clients/:id/enable":            "admin",
	"POST /clients/:id/disable":           "admin",
	"POST /clients/:id/secrets":           "admin",
	"DELETE /clients/:id/secrets/:secret": "admin",

	"GET /resources":          "admin:read",
	"GET /resources/snippets": "admin:read",
	"POST /resources":         "admin",
	"PUT /resources":          "admin",
	"DELETE /resources":       "admin",

	"GET /audit":          "admin:read",
	"GET /audit/refusals": "admin:read",
	"GET /audit/export":   "admin:read",
}

// allowed are the scopes that suffice, by the one that is needed.
var allowed = map[string][]string{
	"admin:read":  {"admin:read", "admin:users", "admin:keys", "admin"},
	"admin:users": {"admin:users", "admin"},
	"admin:keys":  {"admin:keys", "admin"},
	"admin":       {"admin"},
}

var scopes = []string{"admin", "admin:keys", "admin:users", "admin:read"}

// eachRoute calls do with every route of the program, with ids in its path.
func eachRoute(t *testing.T, do func(t *testing.T, name, method, path string)) {
	t.Helper()
	routes := (&admin.Handlers{}).Routes()
	if len(routes) != len(access) {
		t.Errorf("%d routes, want %d", len(routes), len(access))
	}
	for _, r := range routes {
		name := r.Method + " " + r.Path
		if access[name] == "" {
			t.Errorf("%s is not in the test's table", name)
		}
		t.Run(name, func(t *testing.T) {
			do(t, name, r.Method, strings.NewReplacer(":id", "no-such-id", ":kid", "no-such-kid", ":secret", "no-such-secret", ":session", "no-such-session", ":user", "no-such-user", ":client", "no-such-client").Replace(r.Path))
		})
	}
}

func TestEveryRouteDemandsItsScope(t *testing.T) {
	f := newFixture(t)
	tokens := map[string]string{}
	for _, scope := range scopes {
		tokens[scope] = f.token(scope)
	}
	eachRoute(t, func(t *testing.T, name, method, path string) {
		f.T = t
		for _, scope := range scopes {
			a := f.send(method, path, tokens[scope], `{"unknown": 1}`)
			if slices.Contains(allowed[access[name]], scope) {
				if a.Code == http.StatusUnauthorized || a.Code == http.StatusForbidden {
					t.Errorf("%s is refused: %d %s", scope, a.Code, a.Body)
				}
				continue
			}
			a.want(http.StatusForbidden) // RFC 6750 section 3.1
			want := `Bearer realm="admin", error="insufficient_scope", scope="` + access[name] + `"`
			if got := a.Header().Get("WWW-Authenticate"); got != want {
				t.Errorf("%s: WWW-Authenticate %q, want %q", scope, got, want)
			}
		}
	})
}

// A token of any other kind opens nothing, on any route, and costs no reading of the body.
func TestEveryRouteRefusesOtherTokensBeforeTheBody(t *testing.T) {
	f := newFixture(t)
	f.user("spiderman", true) // being an administrator gives the token pair no power here
	tokens := f.signIn("spiderman", password)
	good := f.token("admin")
	expired, err := f.issuer.AdminToken(t.Context(), []string{"admin"}, time.Second, audit.Actor{Kind: audit.Operator, Rights: audit.ManageAll})
	if err != nil {
		t.Fatal(err)
	}
	f.now = func() time.Time { return time.Now().Add(time.Minute) }
	changed := good[:len(good)-10] + flip(good[len(good)-10:len(good)-9]) + good[len(good)-9:]
	credentials := map[string][]string{
		"none":                nil,
		"token-pair access":   {"Authorization", "Bearer " + tokens.Access},
		"refresh":             {"Authorization", "Bearer " + tokens.Refresh},
		"expired":             {"Authorization", "Bearer " + expired},
		"changed signature":   {"Authorization", "Bearer " + changed},
		"unsigned":            {"Authorization", "Bearer " + good[:strings.LastIndex(good, ".")+1]},
		"rubbish":             {"Authorization", "Bearer x"},
		"empty":               {"Authorization", "Bearer "},
		"another scheme":      {"Authorization", "Basic " + good},
		"no scheme":           {"Authorization", good},
		"cookie":              {"Cookie", "access_token=" + good},
		"another header":      {"X-Authorization", "Bearer " + good},
		"two tokens in one":   {"Authorization", "Bearer " + good + ", Bearer " + good},
		"proxied credentials": {"Proxy-Authorization", "Bearer " + good},
	}
	eachRoute(t, func(t *testing.T, _, method, path string) {
		f.T = t
		for kind, header := range credentials {
			r := httptest.NewRequest(method, "https://id.example.com/admin/v1"+path+"?access_token="+url.QueryEscape(good), &untouchable{t: t})
			r.ContentLength = 1 << 40
			if header != nil {
				r.Header.Set(header[0], header[1])
			}
			a := f.serve(r)
			if a.Code != http.StatusUnauthorized || !strings.HasPrefix(a.Header().Get("WWW-Authenticate"), `Bearer realm="admin"`) {
				t.Errorf("%s: %d, challenge %q, want 401 with one", kind, a.Code, a.Header().Get("WWW-Authenticate"))
			}
		}
	})
}

func flip(letter string) string {
	if letter == "A" {
		return "B"
	}
	return "A"
}

func TestScopeIsJudgedBeforeTheBody(t *testing.T) {
	f := newFixture(t)
	token := f.token("admin:read")
	for name, scope := range access {
		if scope == "admin:read" {
			continue
		}
		method, path, _ := strings.Cut(name, " ")
		r := httptest.NewRequest(method, "https://id.example.com/admin/v1"+path, &untouchable{t: t})
		r.Header.Set("Authorization", "Bearer "+token)
		f.serve(r).want(http.StatusForbidden)
	}
}

func TestTwoAuthorizationHeadersAreRefused(t *testing.T) {
	f := newFixture(t)
	r := httptest.NewRequest(http.MethodGet, "https://id.example.com/admin/v1/keys", nil)
	r.Header["Authorization"] = []string{"Bearer " + f.token("admin"), "Bearer x"}
	f.serve(r).want(http.StatusBadRequest) // RFC 6750 section 3.1: more than one method
}

// Other spellings of a path lead nowhere or to the same guard.
func TestOtherPathSpellingsOpenNothing(t *testing.T) {
	f := newFixture(t)
	for _, path := range []string{
		"/admin/v1/users/", "//admin/v1/users", "/admin//v1/users", "/admin/v1//users", "/ADMIN/v1/users", "/admin/v1/Users",
		"/admin/v1/./users", "/admin/v1/keys/../users", "/admin/v1/users;x=1", "/admin/v1/users.json", "/admin/v1/users\x00",
		"/admin/v1/users\n", `/admin\v1\users`, "/admin/v1/users ", "/api/token/../../admin/v1/users", "/.well-known/../admin/v1/users",
		"/admin/v1/users", "/admin/v1/ｕsers",
	} {
		for _, raw := range []string{"", strings.ReplaceAll(path, "u", "%75")} {
			r := httptest.NewRequest(http.MethodGet, "https://id.example.com/", nil)
			r.URL.Path, r.URL.RawPath = path, raw
			a := f.serve(r)
			if a.Code != http.StatusUnauthorized && a.Code != http.StatusNotFound {
				t.Errorf("%q: %d %s", path, a.Code, a.Body)
			}
			if (a.Code == http.StatusUnauthorized) != (path == "/admin/v1/users") {
				t.Errorf("%q: %d", path, a.Code)
			}
		}
	}
}

func TestMethodsAreNotOverridden(t *testing.T) {
	f := newFixture(t)
	id := f.user("spiderman", false)
	reader, all := f.token("admin:read"), f.token("admin")
	for _, name := range []string{"X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override"} {
		f.send(http.MethodGet, "/users/"+id, reader, "", name, http.MethodDelete).want(http.StatusOK)
		if a := f.send(http.MethodPost, "/users/"+id, all, `{}`, name, http.MethodDelete); a.Code != http.StatusMethodNotAllowed {
			t.Errorf("%s: %d, want 405", name, a.Code)
		}
	}
	f.send(http.MethodGet, "/users/"+id+"?_method=DELETE", reader, "").wantParam("_method")
	f.send(http.MethodGet, "/users/"+id, reader, "").want(http.StatusOK)
}
