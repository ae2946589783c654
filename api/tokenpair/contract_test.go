package tokenpair_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"io"
	"mime/multipart"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"keyturn/accounts"
	"keyturn/api/apitest"
	"keyturn/audit"
)

// answer is a response, read.
type answer struct {
	status int
	header http.Header
	text   string
	json   map[string]any
}

func send(t *testing.T, r *http.Request) answer {
	t.Helper()
	response, err := apitest.Client().Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	a := answer{status: response.StatusCode, header: response.Header, text: string(text)}
	for _, problem := range theContract().Violations(r, sentBy(t, r), a.status, a.header, text) {
		t.Errorf("%s %s, %d: %s", r.Method, r.URL.Path, a.status, problem)
	}
	_ = json.Unmarshal(text, &a.json) // not every answer is an object
	return a
}

func request(t *testing.T, method, url, contentType, body string) *http.Request {
	t.Helper()
	r, err := http.NewRequest(method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if contentType != "" {
		r.Header.Set("Content-Type", contentType)
	}
	return r
}

func post(t *testing.T, url string, fields map[string]any) answer {
	t.Helper()
	body, err := json.Marshal(fields)
	if err != nil {
		t.Fatal(err)
	}
	return send(t, request(t, http.MethodPost, url, "application/json", string(body)))
}

// pair signs in and returns access and refresh.
func pair(t *testing.T, s *apitest.Server, username string) (access, refresh string) {
	t.Helper()
	a := post(t, s.URL+"/api/token/", map[string]any{"username": username, "password": apitest.Password})
	return tokens(t, a)
}

func tokens(t *testing.T, a answer) (access, refresh string) {
	t.Helper()
	if a.status != http.StatusOK {
		t.Fatalf("got %d %s, want a pair", a.status, a.text)
	}
	access, _ = a.json["access"].(string)
	refresh, _ = a.json["refresh"].(string)
	if access == "" || refresh == "" {
		t.Fatalf("no pair in %s", a.text)
	}
	return access, refresh
}

func refreshWith(t *testing.T, s *apitest.Server, token string) answer {
	t.Helper()
	return post(t, s.URL+"/api/token/refresh/", map[string]any{"refresh": token})
}

func claims(t *testing.T, token string) map[string]any {
	t.Helper()
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		t.Fatalf("no JWT: %q", token)
	}
	text, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		t.Fatal(err)
	}
	var c map[string]any
	if err := json.Unmarshal(text, &c); err != nil {
		t.Fatal(err)
	}
	return c
}

func wantTokenError(t *testing.T, a answer, detail string) {
	t.Helper()
	want := `{"code":"token_not_valid","detail":"` + detail + `"}`
	if a.status != http.StatusUnauthorized || a.text != want {
		t.Errorf("got %d %s, want 401 %s", a.status, a.text, want)
	}
	wantChallenge(t, a)
}

func wantChallenge(t *testing.T, a answer) {
	t.Helper()
	if got := a.header.Get("WWW-Authenticate"); got != `Bearer realm="api"` {
		t.Errorf("challenge %q", got)
	}
}

// TestRequestErrors is section 1.1 of the contract, for all four endpoints.
func TestRequestErrors(t *testing.T) {
	s := apitest.New(t)
	endpoints := map[string][]string{
		"/api/token/":           {"username", "password"},
		"/api/token/refresh/":   {"refresh"},
		"/api/token/verify/":    {"token"},
		"/api/token/blacklist/": {"refresh"},
	}
	each := func(fields []string, text string) string {
		all := map[string][]string{}
		for _, f := range fields {
			all[f] = []string{text}
		}
		body, _ := json.Marshal(all)
		return string(body)
	}
	object := func(fields []string, value string) string {
		var members []string
		for _, f := range fields {
			members = append(members, `"`+f+`": `+value)
		}
		return "{" + strings.Join(members, ",") + "}"
	}
	for path, fields := range endpoints {
		required := each(fields, "This field is required.")
		for _, tt := range []struct {
			name, method, contentType, body string
			status                          int
			want                            string // the whole body; "" for any JSON object with detail
		}{
			{"empty object", "POST", "application/json", "{}", 400, required},
			{"empty body", "POST", "application/json", "", 400, required},
			{"no body at all", "POST", "", "", 400, required},
			{"charset parameter", "POST", "application/json; charset=utf-8", "{}", 400, required},
			{"unknown members are ignored", "POST", "application/json", `{"x": {"y": [1]}}`, 400, required},
			{"blank", "POST", "application/json", object(fields, `""`), 400, each(fields, "This field may not be blank.")},
			{"null", "POST", "application/json", object(fields, `null`), 400, each(fields, "This field may not be null.")},
			{"list", "POST", "application/json", object(fields, `["a"]`), 400, each(fields, "Not a valid string.")},
			{"object", "POST", "application/json", object(fields, `{}`), 400, each(fields, "Not a valid string.")},
			{"true", "POST", "application/json", object(fields, `true`), 400, each(fields, "Not a valid string.")},
			{"NUL", "POST", "application/json", object(fields, `"a\u0000b"`), 400, each(fields, "Null characters are not allowed.")},
			{"lone surrogate", "POST", "application/json", object(fields, `"\ud800"`), 400, each(fields, "Surrogate characters are not allowed: U+D800.")},
			{"lone low surrogate behind a backslash", "POST", "application/json", object(fields, `"\\\udc00"`), 400, each(fields, "Surrogate characters are not allowed: U+DC00.")},
			{"malformed", "POST", "application/json", `{"username": `, 400, ""},
			{"trailing comma", "POST", "application/json", `{"username": "a",}`, 400, ""},
			{"single quotes", "POST", "application/json", `{'username': 'a'}`, 400, ""},
			{"two values", "POST", "application/json", `{} {}`, 400, ""},
			{"invalid UTF-8", "POST", "application/json", "{\"username\": \"\xff\"}", 400, ""},
			{"duplicate member", "POST", "application/json", `{"` + fields[0] + `": "a", "` + fields[0] + `": "b"}`, 400, ""},
			{"array", "POST", "application/json", `[]`, 400, `{"non_field_errors":["Invalid data. Expected a dictionary, but got list."]}`},
			{"string", "POST", "application/json", `"a"`, 400, `{"non_field_errors":["Invalid data. Expected a dictionary, but got str."]}`},
			{"number", "POST", "application/json", `1`, 400, `{"non_field_errors":["Invalid data. Expected a dictionary, but got int."]}`},
			{"boolean", "POST", "application/json", `true`, 400, `{"non_field_errors":["Invalid data. Expected a dictionary, but got bool."]}`},
			{"top-level null", "POST", "application/json", `null`, 400, `{"non_field_errors":["No data provided"]}`},
			{"form blank", "POST", "application/x-www-form-urlencoded", strings.Join(fields, "=&") + "=", 400, each(fields, "This field may not be blank.")},
			{"form twice", "POST", "application/x-www-form-urlencoded", strings.Repeat("&"+strings.Join(fields, "=a&")+"=a", 2), 400, each(fields, "This field was given more than once.")},
			{"form malformed", "POST", "application/x-www-form-urlencoded", fields[0] + "=%zz", 400, ""},
			{"form invalid UTF-8", "POST", "application/x-www-form-urlencoded", strings.Join(fields, "=%ff&") + "=%ff", 400, each(fields, "Not a valid string.")},
			{"multipart without boundary", "POST", "multipart/form-data", "x", 400, ""},
			{"multipart malformed", "POST", "multipart/form-data; boundary=b", "--b\r\nx", 400, ""},
			{"text/plain", "POST", "text/plain", "a", 415, `{"detail":"Unsupported media type \"text/plain\" in request."}`},
			{"body without content type", "POST", "", "a", 415, `{"detail":"Unsupported media type \"\" in request."}`},
			{"too large", "POST", "application/json", `{"x": "` + strings.Repeat("a", 70_000) + `"}`, 413, ""},
			{"GET", "GET", "", "", 405, `{"detail":"Method \"GET\" not allowed."}`},
			{"PUT", "PUT", "application/json", "{}", 405, `{"detail":"Method \"PUT\" not allowed."}`},
			{"PATCH", "PATCH", "application/json", "{}", 405, `{"detail":"Method \"PATCH\" not allowed."}`},
			{"DELETE", "DELETE", "", "", 405, `{"detail":"Method \"DELETE\" not allowed."}`},
		} {
			t.Run(path+" "+tt.name, func(t *testing.T) {
				a := send(t, request(t, tt.method, s.URL+path, tt.contentType, tt.body))
				if a.status != tt.status {
					t.Fatalf("got %d %s, want %d", a.status, a.text, tt.status)
				}
				if tt.want != "" && a.text != tt.want {
					t.Errorf("got %s, want %s", a.text, tt.want)
				}
				if _, ok := a.json["detail"].(string); tt.want == "" && !ok {
					t.Errorf("no detail in %s", a.text)
				}
				if got := a.header.Get("Content-Type"); got != "application/json" {
					t.Errorf("content type %q", got)
				}
				if got := a.header.Get("Allow"); got != "POST, OPTIONS" {
					t.Errorf("Allow %q", got)
				}
				if got := a.header.Get("Cache-Control"); got != "no-store" {
					t.Errorf("Cache-Control %q", got)
				}
				if got := a.header.Values("Set-Cookie"); len(got) > 0 {
					t.Errorf("a cookie was set")
				}
			})
		}
	}
}

func TestOptionsDescribesTheEndpoint(t *testing.T) {
	s := apitest.New(t)
	for _, path := range []string{"/api/token/", "/api/token/refresh/", "/api/token/verify/", "/api/token/blacklist/"} {
		a := send(t, request(t, http.MethodOptions, s.URL+path, "", ""))
		if a.status != http.StatusOK || a.json["name"] == "" || a.json["actions"] == nil {
			t.Errorf("%s: got %d %s", path, a.status, a.text)
		}
	}
}

func TestHeadIsRefusedWithoutBody(t *testing.T) {
	s := apitest.New(t)
	a := send(t, request(t, http.MethodHead, s.URL+"/api/token/", "", ""))
	if a.status != http.StatusMethodNotAllowed || a.text != "" {
		t.Errorf("got %d %q", a.status, a.text)
	}
}

func TestAcceptHeader(t *testing.T) {
	s := apitest.New(t)
	for header, want := range map[string]int{
		"": 400, "*/*": 400, "application/json": 400, "application/json, text/plain, */*": 400, "text/html": 400,
		"application/*;q=0.5": 400, "image/png": 406,
	} {
		r := request(t, http.MethodPost, s.URL+"/api/token/", "application/json", "{}")
		r.Header.Set("Accept", header)
		if a := send(t, r); a.status != want {
			t.Errorf("Accept %q: got %d, want %d", header, a.status, want)
		}
	}
}

// TestPasswordsSurviveEveryBodyFormat is section 3: "+", "&", "%", blanks and non-ASCII in all three formats.
func TestPasswordsSurviveEveryBodyFormat(t *testing.T) {
	s := apitest.New(t)
	const password = ` pa+ss & wörd%20 "\ 🕷 `
	_, err := s.Accounts.Create(context.Background(), accounts.NewUser{Username: "mj", Password: password}, audit.Actor{Kind: audit.System, Rights: audit.ManageAll})
	if err != nil {
		t.Fatal(err)
	}
	object, _ := json.Marshal(map[string]string{"username": "  mj ", "password": password})
	var parts bytes.Buffer
	w := multipart.NewWriter(&parts)
	w.WriteField("username", "mj")
	w.WriteField("password", password)
	w.Close()
	for contentType, body := range map[string]string{
		"application/json":                  string(object),
		"application/x-www-form-urlencoded": url.Values{"username": {"mj"}, "password": {password}}.Encode(),
		w.FormDataContentType():             parts.String(),
	} {
		a := send(t, request(t, http.MethodPost, s.URL+"/api/token/", contentType, body))
		if a.status != http.StatusOK {
			t.Errorf("%s: got %d %s", contentType, a.status, a.text)
		}
	}
	trimmed := post(t, s.URL+"/api/token/", map[string]any{"username": "mj", "password": strings.TrimSpace(password)})
	if trimmed.status != http.StatusUnauthorized {
		t.Errorf("a trimmed password was taken: %d", trimmed.status)
	}
}

// TestObtain is section 3: one answer, byte for byte, for every way to fail.
func TestObtain(t *testing.T) {
	s := apitest.New(t)
	s.AddUser(t, "spiderman")
	disabled := s.AddUser(t, "venom")
	if _, err := s.Accounts.Deactivate(context.Background(), disabled.ID, audit.Actor{Kind: audit.System, Rights: audit.ManageAll}); err != nil {
		t.Fatal(err)
	}
	pair(t, s, "spiderman")
	for name, fields := range map[string]map[string]any{
		"wrong password":          {"username": "spiderman", "password": "wrong"},
		"unknown user":            {"username": "nobody", "password": apitest.Password},
		"other letter case":       {"username": "Spiderman", "password": apitest.Password},
		"disabled, right":         {"username": "venom", "password": apitest.Password},
		"number as password":      {"username": "spiderman", "password": 12345},
		"password in a long text": {"username": "spiderman", "password": strings.Repeat("a", 5000)},
	} {
		a := post(t, s.URL+"/api/token/", fields)
		const want = `{"detail":"No active account found with the given credentials"}`
		if a.status != http.StatusUnauthorized || a.text != want {
			t.Errorf("%s: got %d %s", name, a.status, a.text)
		}
		wantChallenge(t, a)
	}
}

// TestNothingElseDisturbs is section 1: Authorization, cookies, Origin and Referer make no difference.
func TestNothingElseDisturbs(t *testing.T) {
	s := apitest.New(t)
	s.AddUser(t, "spiderman")
	for _, authorization := range []string{"", "Bearer", "Bearer expired.token.here", "Basic eDp5", "\"", "Bearer a b c"} {
		r := request(t, http.MethodPost, s.URL+"/api/token/", "application/json", `{"username":"spiderman","password":"`+apitest.Password+`"}`)
		r.Header.Set("Authorization", authorization)
		r.Header.Set("Cookie", "sessionid=x; csrftoken=y")
		r.Header.Set("Origin", "https://elsewhere.example")
		r.Header.Set("Referer", "https://elsewhere.example/x")
		if a := send(t, r); a.status != http.StatusOK {
			t.Errorf("Authorization %q: got %d", authorization, a.status)
		}
	}
}

// TestTheTokens is section 8.
func TestTheTokens(t *testing.T) {
	s := apitest.New(t)
	user := s.AddUser(t, "spiderman")
	access, refresh := pair(t, s, "spiderman")
	a, r := claims(t, access), claims(t, refresh)
	now := s.Now().Unix()
	for name, c := range map[string]map[string]any{"access": a, "refresh": r} {
		if c["token_type"] != name || c["user_id"] != user.ID || c["iss"] != s.URL || c["sub"] != user.ID {
			t.Errorf("%s: %v", name, c)
		}
		iat, exp := c["iat"].(float64), c["exp"].(float64)
		if iat != float64(int64(iat)) || exp != float64(int64(exp)) || int64(iat) > now || int64(iat) < now-5 {
			t.Errorf("%s: iat %v exp %v at %d", name, iat, exp, now)
		}
		want := map[string]float64{"access": 300, "refresh": 86400}[name]
		if exp-iat != want {
			t.Errorf("%s lives %v s, want %v", name, exp-iat, want)
		}
	}
	if a["jti"] == r["jti"] || len(a["jti"].(string)) != 32 {
		t.Errorf("jti %v and %v", a["jti"], r["jti"])
	}
	if len(access) > 2048 {
		t.Errorf("the access token has %d bytes", len(access))
	}
	if a["given_name"] != "Peter" || a["family_name"] != "Parker" {
		t.Errorf("profile: %v", a)
	}
	for _, c := range []string{"client_id", "auth_time", "acr", "amr", "sid", "aud"} { // RFC 9068 section 2.2
		if a[c] == nil {
			t.Errorf("the access token has no %s", c)
		}
	}
}

// TestRefresh is section 4.
func TestRefresh(t *testing.T) {
	s := apitest.New(t)
	s.AddUser(t, "spiderman")
	access1, refresh1 := pair(t, s, "spiderman")
	other, otherRefresh := pair(t, s, "spiderman")

	access2, refresh2 := tokens(t, refreshWith(t, s, refresh1))
	if access2 == access1 || refresh2 == refresh1 {
		t.Fatal("the tokens were not replaced")
	}
	if claims(t, access2)["user_id"] != claims(t, access1)["user_id"] {
		t.Error("user_id changed")
	}
	if a := post(t, s.URL+"/api/token/verify/", map[string]any{"token": access1}); a.status != http.StatusOK {
		t.Errorf("the access token from before the refresh: %d %s", a.status, a.text)
	}

	t.Run("the same again within the grace gives the same successor", func(t *testing.T) {
		_, again := tokens(t, refreshWith(t, s, refresh1))
		if again != refresh2 {
			t.Error("another successor was made: the chain forked")
		}
		if a := post(t, s.URL+"/api/token/verify/", map[string]any{"token": refresh1}); a.status != http.StatusOK {
			t.Errorf("verify within the grace: %d", a.status)
		}
	})
	t.Run("after the successor was used it is reuse", func(t *testing.T) {
		_, refresh3 := tokens(t, refreshWith(t, s, refresh2))
		wantTokenError(t, refreshWith(t, s, refresh1), "Token is blacklisted")
		wantTokenError(t, refreshWith(t, s, refresh1), "Token is blacklisted")
		wantTokenError(t, refreshWith(t, s, refresh3), "Token is blacklisted")
		a := post(t, s.URL+"/api/token/verify/", map[string]any{"token": refresh3})
		if a.status != http.StatusBadRequest || a.text != `{"non_field_errors":["Token is blacklisted"]}` {
			t.Errorf("verify: got %d %s", a.status, a.text)
		}
	})
	t.Run("the user's other sign-in lives on", func(t *testing.T) {
		if a := post(t, s.URL+"/api/token/verify/", map[string]any{"token": other}); a.status != http.StatusOK {
			t.Errorf("access: %d", a.status)
		}
		tokens(t, refreshWith(t, s, otherRefresh))
	})
	t.Run("after the grace it is reuse", func(t *testing.T) {
		_, first := pair(t, s, "spiderman")
		_, second := tokens(t, refreshWith(t, s, first))
		s.Advance(31 * time.Second)
		wantTokenError(t, refreshWith(t, s, first), "Token is blacklisted")
		wantTokenError(t, refreshWith(t, s, second), "Token is blacklisted")
	})
	t.Run("an access token", func(t *testing.T) {
		wantTokenError(t, refreshWith(t, s, access1), "Token has wrong type")
	})
	t.Run("expired", func(t *testing.T) {
		_, token := pair(t, s, "spiderman")
		s.Advance(25 * time.Hour)
		wantTokenError(t, refreshWith(t, s, token), "Token is expired")
	})
}

func TestRefreshAfterTheUserIsGone(t *testing.T) {
	s := apitest.New(t)
	for name, end := range map[string]func(id string) (int64, error){
		"deactivated": func(id string) (int64, error) {
			return s.Accounts.Deactivate(context.Background(), id, audit.Actor{Kind: audit.System, Rights: audit.ManageAll})
		},
		"deleted": func(id string) (int64, error) {
			return s.Accounts.Delete(context.Background(), id, audit.Actor{Kind: audit.System, Rights: audit.ManageAll})
		},
	} {
		t.Run(name, func(t *testing.T) {
			user := s.AddUser(t, name)
			access, refresh := pair(t, s, name)
			if ended, err := end(user.ID); err != nil || ended != 1 {
				t.Fatalf("ended %d sign-ins, %v", ended, err)
			}
			a := refreshWith(t, s, refresh)
			const want = `{"detail":"No active account found for the given token."}`
			if a.status != http.StatusUnauthorized || a.text != want {
				t.Errorf("got %d %s, want 401 %s", a.status, a.text, want)
			}
			wantChallenge(t, a)
			if a := post(t, s.URL+"/api/token/verify/", map[string]any{"token": access}); a.status != http.StatusOK {
				t.Errorf("verify does not look at the user: got %d %s", a.status, a.text)
			}
		})
	}
}

func TestPasswordChangeEndsSignIns(t *testing.T) {
	s := apitest.New(t)
	user := s.AddUser(t, "spiderman")
	_, refresh := pair(t, s, "spiderman")
	if _, err := s.Accounts.SetPassword(context.Background(), user.ID, "another long password", audit.Actor{Kind: audit.System, Rights: audit.ManageAll}); err != nil {
		t.Fatal(err)
	}
	wantTokenError(t, refreshWith(t, s, refresh), "Token is blacklisted")
}

// TestRotationOff is section 4 with SimpleJWT's default.
func TestRotationOff(t *testing.T) {
	s := apitest.New(t, func(c *apitest.Config) { c.Settings.KeepRefreshTokens = true })
	s.AddUser(t, "spiderman")
	_, refresh := pair(t, s, "spiderman")
	for range 3 {
		s.Advance(time.Minute)
		a := refreshWith(t, s, refresh)
		if a.status != http.StatusOK || a.json["access"] == nil || a.json["refresh"] != nil {
			t.Fatalf("got %d %s, want only access", a.status, a.text)
		}
	}
	if a := post(t, s.URL+"/api/token/blacklist/", map[string]any{"refresh": refresh}); a.status != http.StatusOK {
		t.Fatalf("blacklist: %d %s", a.status, a.text)
	}
	wantTokenError(t, refreshWith(t, s, refresh), "Token is blacklisted")
}

// TestVerifyAndBlacklist are sections 5 and 6.
func TestVerifyAndBlacklist(t *testing.T) {
	s := apitest.New(t)
	s.AddUser(t, "spiderman")
	access, refresh := pair(t, s, "spiderman")
	verify := func(token string) answer {
		return post(t, s.URL+"/api/token/verify/", map[string]any{"token": token})
	}
	blacklist := func(token string) answer {
		return post(t, s.URL+"/api/token/blacklist/", map[string]any{"refresh": token})
	}
	for _, token := range []string{access, refresh, " " + refresh + "\n"} {
		if a := verify(token); a.status != http.StatusOK || a.text != "{}" {
			t.Errorf("verify: got %d %s", a.status, a.text)
		}
	}
	wantTokenError(t, blacklist(access), "Token has wrong type")
	wantTokenError(t, blacklist("garbage"), "Token is invalid")
	wantTokenError(t, verify("garbage"), "Token is invalid")

	_, newer := tokens(t, refreshWith(t, s, refresh))
	s.Advance(time.Minute)
	wantTokenError(t, blacklist(refresh), "Token is blacklisted")
	wantTokenError(t, refreshWith(t, s, newer), "Token is blacklisted")

	_, refresh = pair(t, s, "spiderman")
	if a := blacklist(refresh); a.status != http.StatusOK || a.text != "{}" {
		t.Errorf("blacklist: got %d %s", a.status, a.text)
	}
	wantTokenError(t, blacklist(refresh), "Token is blacklisted")
	wantTokenError(t, refreshWith(t, s, refresh), "Token is blacklisted")
	if a := verify(access); a.status != http.StatusOK {
		t.Errorf("the access token of an ended sign-in: %d", a.status)
	}
	s.Advance(6 * time.Minute)
	wantTokenError(t, verify(access), "Token is expired")
}

// TestForgedTokensConsumeNothing is the end of section 8 and RFC 8725 sections 3.1 to 3.10.
func TestForgedTokensConsumeNothing(t *testing.T) {
	s := apitest.New(t)
	s.AddUser(t, "spiderman")
	access, refresh := pair(t, s, "spiderman")
	parts := strings.Split(refresh, ".")
	encode := base64.RawURLEncoding.EncodeToString
	header := func(text string) string { return encode([]byte(text)) }
	forged := map[string]string{
		"no segments":        "x",
		"two segments":       parts[0] + "." + parts[1],
		"four segments":      refresh + ".x",
		"no signature":       parts[0] + "." + parts[1] + ".",
		"other signature":    parts[0] + "." + parts[1] + "." + strings.Split(access, ".")[2],
		"alg none":           header(`{"alg":"none","typ":"rt+jwt"}`) + "." + parts[1] + ".",
		"alg nOnE, signed":   header(`{"alg":"nOnE","typ":"rt+jwt"}`) + "." + parts[1] + "." + parts[2],
		"alg HS256":          header(`{"alg":"HS256","typ":"rt+jwt"}`) + "." + parts[1] + "." + parts[2],
		"embedded jwk":       header(`{"alg":"EdDSA","typ":"rt+jwt","jwk":{"kty":"OKP","crv":"Ed25519","x":"AA"}}`) + "." + parts[1] + "." + parts[2],
		"crit":               header(`{"alg":"EdDSA","crit":["b64"],"b64":false}`) + "." + parts[1] + "." + parts[2],
		"rewritten type":     parts[0] + "." + strings.Replace(parts[1], parts[1][4:8], "AAAA", 1) + "." + parts[2],
		"padding":            refresh + "=",
		"a line break":       refresh[:len(refresh)-4] + "\n" + refresh[len(refresh)-4:],
		"one megabyte":       strings.Repeat("a", 1<<20) + ".a.a",
		"many dots":          strings.Repeat(".", 60_000),
		"refresh as access?": strings.Replace(refresh, parts[0], strings.Split(access, ".")[0], 1),
	}
	for n := range refresh {
		if refresh[n] == '.' || n%7 != 0 && n < len(refresh)-3 {
			continue
		}
		changed := []byte(refresh)
		changed[n] = "AB"[map[bool]int{true: 1}[changed[n] == 'A']]
		forged["changed at "+string(rune('a'+n%26))+string(changed[n])+refresh[:n%9]] = string(changed)
	}
	for name, token := range forged {
		for path, field := range map[string]string{"refresh": "refresh", "blacklist": "refresh", "verify": "token"} {
			a := post(t, s.URL+"/api/token/"+path+"/", map[string]any{field: token})
			if a.status != http.StatusUnauthorized && !(len(token) > 60_000 && a.status == http.StatusRequestEntityTooLarge) {
				t.Errorf("%s at %s: got %d %s", name, path, a.status, a.text)
			}
			if a.status == http.StatusUnauthorized && a.json["code"] != "token_not_valid" {
				t.Errorf("%s at %s: %s", name, path, a.text)
			}
		}
	}
	tokens(t, refreshWith(t, s, refresh))
}

// TestCORS is section 9, with the Fetch standard's rules.
func TestCORS(t *testing.T) {
	const origin = "https://app.example.com"
	s := apitest.New(t, func(c *apitest.Config) { c.CORSOrigins = []string{origin} })
	for _, path := range []string{"/api/token/", "/api/token/refresh/", "/api/token/verify/", "/api/token/blacklist/"} {
		r := request(t, http.MethodOptions, s.URL+path, "", "")
		r.Header.Set("Origin", origin)
		r.Header.Set("Access-Control-Request-Method", "POST")
		r.Header.Set("Access-Control-Request-Headers", "authorization, content-type")
		a := send(t, r)
		allowed := a.header.Get("Access-Control-Allow-Headers")
		if a.status/100 != 2 || a.header.Get("Access-Control-Allow-Origin") != origin ||
			!strings.Contains(allowed, "authorization") || !strings.Contains(allowed, "content-type") ||
			!strings.Contains(a.header.Get("Access-Control-Allow-Methods"), "POST") {
			t.Errorf("%s preflight: %d %v", path, a.status, a.header)
		}
		for from, want := range map[string]string{origin: origin, "https://evil.example": "", origin + ".evil.example": "", "null": ""} {
			r := request(t, http.MethodPost, s.URL+path, "application/json", "{}")
			r.Header.Set("Origin", from)
			a := send(t, r)
			if got := a.header.Get("Access-Control-Allow-Origin"); a.status != 400 || got != want {
				t.Errorf("%s from %s: %d %q, want %q", path, from, a.status, got, want)
			}
			if a.header.Get("Access-Control-Allow-Credentials") != "" {
				t.Error("credentials were allowed")
			}
			if !slices.Contains(a.header.Values("Vary"), "Origin") {
				t.Error("Vary lacks Origin")
			}
		}
	}
}

// TestThrottling is section 1.1's last row, and requirement A4 29: case variants and forged
// X-Forwarded-For share one bucket.
func TestThrottling(t *testing.T) {
	s := apitest.New(t, func(c *apitest.Config) { c.Throttle = true })
	s.AddUser(t, "spiderman")
	var last answer
	for n := range 12 {
		name := []string{"spiderman", "Spiderman", "SPIDERMAN"}[n%3]
		r := request(t, http.MethodPost, s.URL+"/api/token/", "application/json", `{"username":"`+name+`","password":"wrong"}`)
		r.Header.Set("X-Forwarded-For", "203.0.113."+string(rune('1'+n%9)))
		last = send(t, r)
	}
	if last.status != http.StatusTooManyRequests || last.header.Get("Retry-After") == "" || last.json["detail"] == nil {
		t.Fatalf("got %d %s %v", last.status, last.text, last.header)
	}
	s.Advance(2 * time.Minute)
	pair(t, s, "spiderman")
}

// TestWithoutTheLastSlash: both spellings answer directly, for POST as for everything else.
func TestWithoutTheLastSlash(t *testing.T) {
	s := apitest.New(t)
	s.AddUser(t, "spiderman")
	a := post(t, s.URL+"/api/token", map[string]any{"username": "spiderman", "password": apitest.Password})
	tokens(t, a)
}

func TestUserIDClaimAndExternalID(t *testing.T) {
	s := apitest.New(t, func(c *apitest.Config) { c.Settings.UserIDClaim = "uid" })
	_, err := s.Accounts.Create(context.Background(), accounts.NewUser{
		Username: "old", Password: apitest.Password, ExternalID: "42",
	}, audit.Actor{Kind: audit.System, Rights: audit.ManageAll})
	if err != nil {
		t.Fatal(err)
	}
	access, refresh := pair(t, s, "old")
	for _, token := range []string{access, refresh} {
		if c := claims(t, token); c["uid"] != "42" || c["user_id"] != nil {
			t.Errorf("claims %v", c)
		}
	}
}

// TestAdminTokensAreNotTokensOfThisAPI: grants of other clients are invalid here.
func TestAdminTokensAreNotTokensOfThisAPI(t *testing.T) {
	s := apitest.New(t)
	a := post(t, s.URL+"/api/token/verify/", map[string]any{"token": s.AdminToken(t, "admin")})
	wantTokenError(t, a, "Token is invalid")
}
