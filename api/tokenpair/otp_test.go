package tokenpair_test

import (
	"context"
	"crypto/hmac"
	"crypto/sha1"
	"encoding/base32"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"keyturn/accounts"
	"keyturn/api/apitest"
	"keyturn/audit"
	"keyturn/storage/storagetest"
)

// codeOf is what an authenticator app shows (RFC 6238).
func codeOf(t *testing.T, secret string, now time.Time) string {
	t.Helper()
	key, err := base32.StdEncoding.WithPadding(base32.NoPadding).DecodeString(secret)
	if err != nil {
		t.Fatal(err)
	}
	mac := hmac.New(sha1.New, key)
	mac.Write(binary.BigEndian.AppendUint64(nil, uint64(now.Unix()/30)))
	sum := mac.Sum(nil)
	return fmt.Sprintf("%06d", binary.BigEndian.Uint32(sum[sum[19]&0xf:])&0x7fffffff%1000000)
}

// withApp gives a user an authenticator app, and returns what makes its codes, each another one.
func withApp(t *testing.T, s *apitest.Server, username string) func() string {
	t.Helper()
	factors := s.Accounts.Factors
	who, err := s.Accounts.Authenticate(t.Context(), accounts.SignIn{Username: username, Password: apitest.Password})
	if err != nil {
		t.Fatal(err)
	}
	app, err := factors.BeginApp(t.Context(), who)
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := factors.ConfirmApp(t.Context(), who, codeOf(t, app.Secret, s.Now()), "", audit.Actor{}); err != nil {
		t.Fatal(err)
	}
	return func() string {
		s.Advance(30 * time.Second)
		return codeOf(t, app.Secret, s.Now())
	}
}

func claimsOf(t *testing.T, token string) (c struct {
	AMR []string
	ACR string
}) {
	t.Helper()
	text, err := base64.RawURLEncoding.DecodeString(strings.Split(token, ".")[1])
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &c); err != nil {
		t.Fatal(err)
	}
	return c
}

// TestSecondFactorInTheSameRequest: section 10 of the contract.
func TestSecondFactorInTheSameRequest(t *testing.T) {
	s := apitest.New(t)
	s.AddUser(t, "spiderman")
	code := withApp(t, s, "spiderman")
	obtain := func(fields map[string]any) answer {
		all := map[string]any{"username": "spiderman", "password": apitest.Password}
		for name, value := range fields {
			all[name] = value
		}
		return post(t, s.URL+"/api/token/", all)
	}
	for name, fields := range map[string]map[string]any{
		"absent": nil, "empty": {"otp": ""}, "blanks": {"otp": "  "}, "null": {"otp": nil},
	} {
		a := obtain(fields)
		if a.status != http.StatusUnauthorized || a.text != `{"code":"otp_required","detail":"A second factor is needed."}` || a.header.Get("WWW-Authenticate") != `Bearer realm="api"` {
			t.Errorf("%s: got %d %s", name, a.status, a.text)
		}
	}
	wrong := obtain(map[string]any{"password": "wrong"})
	for name, fields := range map[string]map[string]any{
		"wrong code":                     {"otp": "000000"},
		"no code at all":                 {"otp": strings.Repeat("x", 5000)},
		"wrong password, right code":     {"password": "wrong", "otp": code()},
		"wrong password, without a code": {"password": "wrong", "otp": ""},
	} {
		if a := obtain(fields); a.status != wrong.status || a.text != wrong.text {
			t.Errorf("%s: got %d %s, want what wrong credentials get: %d %s", name, a.status, a.text, wrong.status, wrong.text)
		}
	}
	for name, value := range map[string]any{"a list": []string{"1"}, "an object": map[string]any{}, "true": true, "NUL": "1\x00"} {
		a := obtain(map[string]any{"otp": value})
		if a.status != http.StatusBadRequest || a.json["otp"] == nil {
			t.Errorf("%s: got %d %s", name, a.status, a.text)
		}
	}
	used := code()
	access, refresh := tokens(t, obtain(map[string]any{"otp": used[:3] + " " + used[3:]}))
	if c := claimsOf(t, access); strings.Join(c.AMR, " ") != "pwd otp mfa" || c.ACR != "2" {
		t.Errorf("got amr %v, acr %q", c.AMR, c.ACR)
	}
	if a := obtain(map[string]any{"otp": used}); a.text != wrong.text {
		t.Errorf("a code the second time: %d %s", a.status, a.text)
	}
	form := url.Values{"username": {"spiderman"}, "password": {apitest.Password}, "otp": {code()}}
	tokens(t, send(t, request(t, http.MethodPost, s.URL+"/api/token/", "application/x-www-form-urlencoded", form.Encode())))
	a := post(t, s.URL+"/api/token/refresh/", map[string]any{"refresh": refresh})
	access, _ = tokens(t, a)
	if c := claimsOf(t, access); c.ACR != "2" {
		t.Errorf("after a refresh: acr %q", c.ACR)
	}
}

// Who has but a password may send whatever as otp.
func TestOTPOfSomebodyWithoutASecondFactor(t *testing.T) {
	s := apitest.New(t)
	s.AddUser(t, "spiderman")
	access, _ := tokens(t, post(t, s.URL+"/api/token/", map[string]any{"username": "spiderman", "password": apitest.Password, "otp": "123456"}))
	if c := claimsOf(t, access); strings.Join(c.AMR, " ") != "pwd" || c.ACR != "1" {
		t.Errorf("got amr %v, acr %q", c.AMR, c.ACR)
	}
}

// A passkey can't be shown here.
func TestPasskeyOnly(t *testing.T) {
	s := apitest.New(t)
	u := s.AddUser(t, "spiderman")
	if _, err := s.DB.AddPasskey(t.Context(), storagetest.Owner(u), storagetest.NewPasskey(), 20, accounts.Told{Event: storagetest.Event(audit.FactorAdded)}); err != nil {
		t.Fatal(err)
	}
	a := post(t, s.URL+"/api/token/", map[string]any{"username": "spiderman", "password": apitest.Password})
	if a.status != http.StatusUnauthorized || a.json["code"] != "otp_required" {
		t.Errorf("got %d %s", a.status, a.text)
	}
}

type demands accounts.Level

func (d demands) RequiredLevel(context.Context, string) (accounts.Level, error) {
	return accounts.Level(d), nil
}

func TestPolicyDemandsMore(t *testing.T) {
	s := apitest.New(t)
	s.AddUser(t, "spiderman")
	code := withApp(t, s, "spiderman")
	for level, status := range map[accounts.Level]int{"": 200, accounts.TwoFactors: 200, accounts.PhishingResistant: 401, "unknown": 401} {
		s.Issuer.Policy = demands(level)
		a := post(t, s.URL+"/api/token/", map[string]any{"username": "spiderman", "password": apitest.Password, "otp": code()})
		if a.status != status || status == 401 && a.json["code"] != "otp_required" {
			t.Errorf("%q: got %d %s", level, a.status, a.text)
		}
	}
}

// TestRaisedDemandHoldsAtTheRefresh: RFC 9470 section 3, in this API's words. The token is not consumed, so that a
// demand that was withdrawn signs nobody out.
func TestRaisedDemandHoldsAtTheRefresh(t *testing.T) {
	s := apitest.New(t)
	user := s.AddUser(t, "spiderman")
	_, refresh := pair(t, s, "spiderman")
	g, err := s.Groups.Create(t.Context(), accounts.NewGroup{Name: "careful", RequiredLevel: accounts.TwoFactors}, apitest.System)
	if err == nil {
		err = s.Groups.AddMember(t.Context(), g.ID, user.ID, apitest.System)
	}
	if err := errors.Join(err, s.Issuer.LoadResources(t.Context())); err != nil { // as each instance does within half a second
		t.Fatal(err)
	}
	if a := post(t, s.URL+"/api/token/refresh/", map[string]any{"refresh": refresh}); a.status != http.StatusUnauthorized || a.json["code"] != "token_not_valid" {
		t.Errorf("under the demand: %d %s", a.status, a.text)
	}
	if err := s.Groups.RemoveMember(t.Context(), g.ID, user.ID, apitest.System); err != nil {
		t.Fatal(err)
	}
	if a := post(t, s.URL+"/api/token/refresh/", map[string]any{"refresh": refresh}); a.status != http.StatusOK {
		t.Errorf("without it: %d %s", a.status, a.text)
	}
}
