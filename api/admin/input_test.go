package admin_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// Whatever the body is that is no JSON object of known members, each route that reads one says 4xx, as a
// problem, and changes nothing.
func TestEveryRouteRefusesBadBodies(t *testing.T) {
	f := newFixture(t)
	all := f.token("admin")
	id := f.user("spiderman", false)
	tokens := f.signIn("spiderman", password)
	grant := items(f.send(http.MethodGet, "/users/"+id+"/grants", all, "").want(http.StatusOK), "id")[0]
	before := f.send(http.MethodGet, "/users/"+id, all, "").Body.String()
	bodies := map[string]string{
		"cut off": `{`, "list": `[]`, "null": `null`, "text": `"x"`, "number": `1`, "true": `true`, "blanks": "  ",
		"no value": `{"reason"}`, "comma": `{"reason": "x",}`, "single quotes": `{'reason': 'x'}`, "comment": `{} // x`,
		"unknown": `{"unknown": "x"}`, "case variant": `{"Reason": "x"}`, "empty name": `{"": 1}`, "NUL name": `{"\u0000": 1}`,
		"twice": `{"reason": "a", "reason": "b"}`, "twice, escaped": `{"reason": "a", "re\u0061son": "b"}`,
		"something behind": `{} {}`, "rubbish behind": `{} x`, "bad UTF-8": "{\"reason\": \"\xff\"}", "not UTF-8": "\xff\xfe{\x00}\x00",
		"deep": strings.Repeat(`[`, 60_000), "deep member": `{"reason": ` + strings.Repeat(`[`, 30_000) + strings.Repeat(`]`, 30_000) + `}`,
		"NUL":       `{"reason": "\u0000", "username": "\u0000", "password": "\u0000", "identifier": "\u0000", "email": "\u0000"}`,
		"__proto__": `{"__proto__": {"admin": true}}`,
	}
	eachRoute(t, func(t *testing.T, name, method, path string) {
		f.T = t
		if method == http.MethodGet {
			return
		}
		path = strings.Replace(path, "/grants/no-such-id", "/grants/"+grant, 1)
		path = strings.Replace(path, "/users/no-such-id", "/users/"+id, 1)
		if path == "/resources" && method != http.MethodPost {
			path += "?identifier=api"
		}
		for kind, body := range bodies {
			a := f.send(method, path, all, body)
			if a.Code != http.StatusBadRequest {
				t.Errorf("%s: %d %s", kind, a.Code, a.Body)
				continue
			}
			a.want(http.StatusBadRequest)
			if a.Body.Len() > 2000 {
				t.Errorf("%s: the answer has %d bytes", kind, a.Body.Len())
			}
		}
		for _, kind := range []string{"", "text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "application/jsonx", "json", ";"} {
			f.send(method, path, all, `{}`, "Content-Type", kind).want(http.StatusUnsupportedMediaType)
		}
		declared := httptest.NewRequest(method, "https://id.example.com/admin/v1"+path, &untouchable{t: t})
		declared.ContentLength = 16<<20 + 1
		streamed := httptest.NewRequest(method, "https://id.example.com/admin/v1"+path, io.LimitReader(blanks{}, 16<<20+1))
		streamed.ContentLength = -1
		for _, r := range []*http.Request{declared, streamed} {
			r.Header.Set("Authorization", "Bearer "+all)
			r.Header.Set("Content-Type", "application/json")
			f.serve(r).want(http.StatusRequestEntityTooLarge)
		}
		broken := httptest.NewRequest(method, "https://id.example.com/admin/v1"+path, io.MultiReader(strings.NewReader("{"), cutOff{}))
		broken.Header.Set("Authorization", "Bearer "+all)
		broken.Header.Set("Content-Type", "application/json")
		f.serve(broken).want(http.StatusBadRequest)
	})
	f.T = t
	if after := f.send(http.MethodGet, "/users/"+id, all, "").Body.String(); after != before {
		t.Errorf("the user changed:\n%s\n%s", before, after)
	}
	if !f.refreshes(tokens) {
		t.Error("the user's grant ended")
	}
}

type blanks struct{}

func (blanks) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = ' '
	}
	return len(p), nil
}

type cutOff struct{}

func (cutOff) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

func TestEveryRouteRefusesBadQueryStrings(t *testing.T) {
	f := newFixture(t)
	all := f.token("admin")
	eachRoute(t, func(t *testing.T, _, method, path string) {
		f.T = t
		f.send(method, path+"?unknown=1", all, "").wantParam("unknown")
		f.send(method, path+"?Limit=1", all, "").wantParam("Limit")
		for _, query := range []string{"?%zz", "?a;b", "?limit=1;after=2"} {
			f.send(method, path+query, all, "").wantParam("")
		}
	})
}

func TestParametersAreChecked(t *testing.T) {
	f := newFixture(t)
	reader, all := f.token("admin:read"), f.token("admin")
	id := f.user("spiderman", false)
	for _, list := range []string{"/users", "/users/" + id + "/grants", "/revoked-tokens", "/resources", "/clients"} {
		for _, limit := range []string{"0", "-1", "1001", "x", "", "1e3", "99999999999999999999", "%00", "1.0"} {
			f.send(http.MethodGet, list+"?limit="+limit, reader, "").wantParam("limit")
		}
		for _, after := range []string{"%00", "%ff", "a%00b"} {
			f.send(http.MethodGet, list+"?after="+after, reader, "").wantParam("after")
		}
		f.send(http.MethodGet, list+"?limit=1&limit=2", reader, "").wantParam("limit")
		for _, limit := range []string{"1", "1000"} {
			f.send(http.MethodGet, list+"?limit="+limit, reader, "").want(http.StatusOK)
		}
	}
	f.send(http.MethodGet, "/users?prefix=%0a", reader, "").wantParam("prefix")
	f.send(http.MethodGet, "/users/"+id+"/grants?live=1", reader, "").wantParam("live")
	f.send(http.MethodGet, "/users/"+id+"/grants?after=no-such-grant", reader, "").wantParam("after")
	f.send(http.MethodGet, "/revoked-tokens?user_id=%20", reader, "").wantParam("user_id")
	f.send(http.MethodPut, "/resources", all, `{}`).wantParam("identifier")
	f.send(http.MethodDelete, "/resources?identifier=", all, "").wantParam("identifier")
	f.send(http.MethodDelete, "/resources?identifier=%00", all, "").wantParam("identifier")
}

// An id that can't be one is not there, like any other that is not.
func TestMalformedIDsAreNotFound(t *testing.T) {
	f := newFixture(t)
	all := f.token("admin")
	for _, id := range []string{"x", "0", "%00", "%ff", "..", "'%20OR%201=1", "00000000-0000-0000-0000-000000000000", "%0d%0aX:%20y", strings.Repeat("a", 5000)} {
		for _, route := range []string{
			"GET /users/:id", "PATCH /users/:id", "DELETE /users/:id", "POST /users/:id/activate", "POST /users/:id/deactivate",
			"GET /grants/:id", "DELETE /grants/:id", "POST /keys/:id/revoke",
			"GET /clients/:id", "PUT /clients/:id", "DELETE /clients/:id", "POST /clients/:id/enable", "POST /clients/:id/disable",
			"POST /clients/:id/secrets", "DELETE /clients/:id/secrets/x",
		} {
			method, path, _ := strings.Cut(route, " ")
			f.send(method, strings.Replace(path, ":id", id, 1), all, "").want(http.StatusNotFound)
		}
		f.send(http.MethodPut, "/users/"+id+"/password", all, `{"password": "`+password+`"}`).want(http.StatusNotFound)
	}
}

func TestMembersAreChecked(t *testing.T) {
	f := newFixture(t)
	all := f.token("admin")
	id := f.user("spiderman", false)
	for _, test := range []struct{ route, body, param string }{
		{"POST /users", `{}`, "username"},
		{"POST /users", `{"username": ""}`, "username"},
		{"POST /users", `{"username": 1}`, "username"},
		{"POST /users", `{"username": null}`, "username"},
		{"POST /users", `{"username": ["x"]}`, "username"},
		{"POST /users", `{"username": "a", "Username": "b"}`, "Username"},
		{"POST /users", `{"U\u017fername": "b"}`, "Uſername"},
		{"POST /users", `{"username": "a", "username": "b"}`, "username"},
		{"POST /users", `{"username": " a"}`, "username"},
		{"POST /users", `{"username": "a\u0000"}`, "username"},
		{"POST /users", `{"username": "a\ud800"}`, "username"},
		{"POST /users", `{"username": "a\r\nb"}`, "username"},
		{"POST /users", `{"username": "a", "admin": "true"}`, "admin"},
		{"POST /users", `{"username": "a", "admin": 1}`, "admin"},
		{"POST /users", `{"username": "a", "ADMIN": true}`, "ADMIN"},
		{"POST /users", `{"username": "a", "password": "short"}`, "password"},
		{"POST /users", `{"username": "a", "password": ""}`, "password"},
		{"POST /users", `{"username": "a", "password": "longenough\ud800"}`, "password"},
		{"POST /users", `{"username": "a", "email": "x"}`, "email"},
		{"POST /users", `{"username": "a", "email_verified": true}`, "email_verified"},
		{"POST /users", `{"username": "a", "id": "b"}`, "id"},
		{"POST /users", `{"username": "a", "password_hash": "b"}`, "password_hash"},
		{"POST /users", `{"username": "a", "active": false}`, "active"},
		{"PATCH /users/:id", `{"username": null}`, "username"},
		{"PATCH /users/:id", `{"email": null}`, "email"},
		{"PATCH /users/:id", `{"email": "a@example.com", "email_verified": "yes"}`, "email_verified"},
		{"PATCH /users/:id", `{"password": "` + password + `"}`, "password"},
		{"PATCH /users/:id", `{"active": true}`, "active"},
		{"PUT /users/:id/password", `{}`, "password"},
		{"PUT /users/:id/password", `{"password": null}`, "password"},
		{"PUT /users/:id/password", `{"password": 12345678}`, "password"},
		{"PUT /users/:id/password", `{"password": "nul\u0000nul\u0000"}`, "password"},
		{"DELETE /users/:id", `{"force": true}`, "force"},
		{"DELETE /users/:id/grants", `{"reason": "` + strings.Repeat("x", 501) + `"}`, "reason"},
		{"DELETE /users/:id/grants", `{"reason": "a\nb"}`, "reason"},
		{"DELETE /users/:id/grants", `{"reason": "line\u2028separator"}`, "reason"},
		{"DELETE /users/:id/grants", `{"reason": "paragraph\u2029separator"}`, "reason"},
		{"DELETE /users/:id/grants", `{"reason": "right-to-left \u202e override"}`, "reason"},
		{"DELETE /users/:id/grants", `{"reason": "zero\u200bwidth"}`, "reason"},
		{"DELETE /users/:id/grants", `{"reason": "\ufeffbyte order mark"}`, "reason"},
		{"DELETE /users/:id/grants", `{"reason": "tag \udb40\udc41"}`, "reason"},
		{"DELETE /users/:id/grants", `{"reason": "next\u0085line"}`, "reason"},
		{"POST /keys/rotate", `{"reason": "right-to-left \u202e override"}`, "reason"},
		{"POST /keys/no-such-kid/revoke", `{"reason": "zero\u200bwidth"}`, "reason"},
		{"POST /keys/rotate", `{"mode": "fast"}`, "mode"},
		{"POST /keys/rotate", `{"algorithm": "HS256"}`, "algorithm"},
		{"POST /keys/rotate", `{"algorithm": "ES256"}`, "algorithm"},
		{"POST /keys/rotate", `{"purpose": "id"}`, "purpose"},
		{"POST /keys/rotate", `{"force": true}`, "force"},
		{"POST /keys/rotate", `{"force": "true"}`, "force"},
		{"POST /keys/rotate", `{"mode": "compromised"}`, "kid"},
		{"POST /keys/rotate", `{"kid": "x"}`, "kid"},
		{"POST /keys/rotate", `{"all": true}`, "all"},
		{"POST /resources", `{}`, "identifier"},
		{"POST /resources", `{"identifier": "a b"}`, "identifier"},
		{"POST /resources", `{"identifier": "a\u2028b"}`, "identifier"},
		{"POST /resources", `{"identifier": "a\u2029b"}`, "identifier"},
		{"POST /resources", `{"identifier": "a\u202eb"}`, "identifier"},
		{"POST /resources", `{"identifier": "a\u200bb"}`, "identifier"},
		{"POST /resources", `{"identifier": "a\u00adb"}`, "identifier"},
		{"PUT /resources?identifier=a%E2%80%8Bb", `{}`, "identifier"},
		{"POST /resources", `{"identifier": "https://id.example.com/admin/v1"}`, "identifier"},
		{"POST /resources", `{"identifier": "a", "algorithm": "none"}`, "algorithm"},
		{"POST /resources", `{"identifier": "a", "access_lifetime": 300}`, "access_lifetime"},
		{"POST /resources", `{"identifier": "a", "access_lifetime": "5"}`, "access_lifetime"},
		{"POST /resources", `{"identifier": "a", "access_lifetime": "-5m"}`, "access_lifetime"},
		{"POST /resources", `{"identifier": "a", "access_lifetime": "25h"}`, "access_lifetime"},
		{"POST /resources", `{"identifier": "a", "claims": "email"}`, "claims"},
		{"POST /resources", `{"identifier": "a", "claims": ["password"]}`, "claims"},
		{"POST /resources", `{"identifier": "a", "claims": ["email", null]}`, "claims"},
		{"POST /resources", `{"identifier": "a", "claims": ["email", "email"]}`, "claims"},
		{"PUT /resources?identifier=a", `{"identifier": "b"}`, "identifier"},
		{"POST /resources", `{"identifier": "a", "scopes": "orders"}`, "scopes"},
		{"POST /resources", `{"identifier": "a", "scopes": ["a b"]}`, "scopes"},
		{"POST /resources", `{"identifier": "a", "scopes": ["openid"]}`, "scopes"},
		{"POST /users", `{"username": "a", "claims": "x"}`, "claims"},
		{"POST /users", `{"username": "a", "claims": []}`, "claims"},
		{"POST /users", `{"username": "a", "claims": null}`, "claims"},
		{"POST /users", `{"username": "a", "claims": {"sub": "x"}}`, "claims.sub"},
		{"POST /users", `{"username": "a", "claims": {"Nickname": "x"}}`, "claims.Nickname"},
		{"POST /users", `{"username": "a", "claims": {"nickname": "x", "nickname": "y"}}`, "claims.nickname"},
		{"POST /users", `{"username": "a", "claims": {"nickname": "x\u0000"}}`, "claims.nickname"},
		{"POST /users", `{"username": "a", "claims": {"phone_number_verified": "yes"}}`, "claims.phone_number_verified"},
		{"POST /users", `{"username": "a", "claims": {"address": {"country": 1}}}`, "claims.address.country"},
		{"POST /users", `{"username": "a", "claims": {"address": {}}}`, "claims.address"},
		{"PATCH /users/:id", `{"claims": {"birthdate": "10.8.2001"}}`, "claims.birthdate"},
		{"POST /clients", `{}`, "client_id"},
		{"POST /clients", `{"client_id": 1}`, "client_id"},
		{"POST /clients", `{"client_id": "a b"}`, "client_id"},
		{"POST /clients", `{"client_id": "a"}`, "redirect_uris"},
		{"POST /clients", `{"client_id": "a", "redirect_uris": "https://a.example"}`, "redirect_uris"},
		{"POST /clients", `{"client_id": "a", "redirect_uris": [null]}`, "redirect_uris"},
		{"POST /clients", `{"client_id": "a", "redirect_uris": ["https://a.example/\u0000"]}`, "redirect_uris"},
		{"POST /clients", `{"client_id": "a", "redirect_uris": ["https://a.example/#x"]}`, "redirect_uris"},
		{"POST /clients", `{"client_id": "a", "redirect_uris": null}`, "redirect_uris"},
		{"POST /clients", `{"client_id": "a", "redirect_uris": ["https://a.example"], "grant_types": "x"}`, "grant_types"},
		{"POST /clients", `{"client_id": "a", "redirect_uris": ["https://a.example"], "grant_types": []}`, "grant_types"},
		{"POST /clients", `{"client_id": "a", "redirect_uris": ["https://a.example"], "grant_types": ["implicit"]}`, "grant_types"},
		{"POST /clients", `{"client_id": "a", "redirect_uris": ["https://a.example"], "token_endpoint_auth_method": 1}`, "token_endpoint_auth_method"},
		{"POST /clients", `{"client_id": "a", "redirect_uris": ["https://a.example"], "access_token_lifetime": 300}`, "access_token_lifetime"},
		{"POST /clients", `{"client_id": "a", "redirect_uris": ["https://a.example"], "access_token_lifetime": "25h"}`, "access_token_lifetime"},
		{"POST /clients", `{"client_id": "a", "redirect_uris": ["https://a.example"], "refresh_grace": "11m"}`, "refresh_grace"},
		{"POST /clients", `{"client_id": "a", "redirect_uris": ["https://a.example"], "refresh_grace": null}`, "refresh_grace"},
		{"POST /clients", `{"client_id": "a", "redirect_uris": ["https://a.example"], "default_max_age": "1"}`, "default_max_age"},
		{"POST /clients", `{"client_id": "a", "redirect_uris": ["https://a.example"], "default_max_age": 1.5}`, "default_max_age"},
		{"POST /clients", `{"client_id": "a", "redirect_uris": ["https://a.example"], "default_max_age": 9223372036854775807}`, "default_max_age"},
		{"POST /clients", `{"client_id": "a", "redirect_uris": ["https://a.example"], "jwks": "x"}`, "jwks"},
		{"POST /clients", `{"client_id": "a", "redirect_uris": ["https://a.example"], "jwks_uri": "http://a.example"}`, "jwks_uri"},
		{"POST /clients", `{"client_id": "a", "redirect_uris": ["https://a.example"], "resources": ["https://id.example.com/admin/v1"]}`, "resources"},
		{"POST /clients", `{"client_id": "a", "redirect_uris": ["https://a.example"], "client_secret": "short"}`, "client_secret"},
		{"POST /clients", `{"client_id": "a", "redirect_uris": ["https://a.example"], "client_secret": ""}`, "client_secret"},
		{"POST /clients", `{"client_id": "a", "redirect_uris": ["https://a.example"], "client_name": "a\u202eb"}`, "client_name"},
		{"POST /clients", `{"client_id": "a", "redirect_uris": ["https://a.example"], "enabled": false}`, "enabled"},
		{"POST /clients", `{"client_id": "a", "redirect_uris": ["https://a.example"], "response_types": ["code"]}`, "response_types"},
		{"PUT /clients/a", `{"client_id": "b"}`, "client_id"},
		{"PUT /clients/a", `{"client_secret": "Zm9vYmFyYmF6cXV4cXV1eGNvcmdlZ3Jh"}`, "client_secret"},
		{"POST /clients/a/secrets", `{"client_secret": ""}`, "client_secret"},
		{"POST /clients/a/secrets", `{"client_secret": 1}`, "client_secret"},
	} {
		t.Run(test.route+" "+test.body[:min(60, len(test.body))], func(t *testing.T) {
			f.T = t
			method, path, _ := strings.Cut(test.route, " ")
			f.send(method, strings.Replace(path, ":id", id, 1), all, test.body).wantParam(test.param)
		})
	}
}

// An unknown name is told shortened, so that an answer stays small.
func TestLongUnknownNamesAreShortened(t *testing.T) {
	f := newFixture(t)
	long := strings.Repeat("é", 30_000)
	if a := f.send(http.MethodPost, "/users", f.token("admin"), `{"`+long+`": 1}`); a.Code != http.StatusBadRequest || a.Body.Len() > 1000 {
		t.Errorf("%d with %d bytes", a.Code, a.Body.Len())
	}
}
