package oauth

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"keyturn/keys"
)

const ourIssuer = "https://id.example.com"

var assertionNoon = time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)

// usedAssertions is the replay store of the tests.
type usedAssertions struct {
	mu    sync.Mutex // guards until
	until map[string]time.Time
	err   error
}

func (u *usedAssertions) UseAssertion(_ context.Context, clientID, jti string, until time.Time) error {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.err != nil {
		return u.err
	}
	if _, there := u.until[clientID+"\n"+jti]; there {
		return ErrReplayed
	}
	if u.until == nil {
		u.until = make(map[string]time.Time)
	}
	u.until[clientID+"\n"+jti] = until
	return nil
}

func (u *usedAssertions) count() int {
	u.mu.Lock()
	defer u.mu.Unlock()
	return len(u.until)
}

// assertionsOf is a checker of one client whose keys are registered by value; any fetch fails the test.
func assertionsOf(t *testing.T, registered ...clientKey) (*Assertions, *usedAssertions, *Client) {
	t.Helper()
	store := new(usedAssertions)
	server := &keyServer{err: errors.New("nothing may be fetched")}
	t.Cleanup(func() { wantFetches(t, server, 0, "for keys by value") })
	now := func() time.Time { return assertionNoon }
	a := &Assertions{
		Keys: &ClientKeys{Fetch: server, Now: now, Log: slog.New(slog.DiscardHandler)}, Store: store, Now: now,
		Issuer: ourIssuer, Audiences: []string{ourIssuer + "/oauth2/token", ourIssuer + "/oauth2/revoke"},
	}
	c := &Client{ID: "app", Metadata: Metadata{AuthMethod: AuthPrivateKeyJWT, JWKS: json.RawMessage(jwksOf(registered...))}}
	return a, store, c
}

// claimsWith is a good assertion's claims with some changed; nil removes one.
func claimsWith(change map[string]any) string {
	claims := map[string]any{
		"iss": "app", "sub": "app", "aud": ourIssuer, "jti": "one", "iat": assertionNoon.Unix(), "exp": assertionNoon.Add(time.Minute).Unix(),
	}
	maps.Copy(claims, change)
	maps.DeleteFunc(claims, func(_ string, v any) bool { return v == nil })
	text, err := json.Marshal(claims)
	if err != nil {
		panic(err)
	}
	return string(text)
}

func at(d time.Duration) int64 { return assertionNoon.Add(d).Unix() }

// TestAssertionsThatAreGood: RFC 7523 section 3, OIDC Core section 9; the forms that client libraries send.
func TestAssertionsThatAreGood(t *testing.T) {
	ed, ec, rs, bare := edKey("ed"), ecKey("ec"), rsaClientKey(), rsaClientKey()
	bare.kid = ""
	for name, raw := range map[string]string{
		"EdDSA":             ed.sign(ed.header(), claimsWith(nil)),
		"ES256":             ec.sign(ec.header(), claimsWith(nil)),
		"RS256":             rs.sign(rs.header(), claimsWith(nil)),
		"PS256":             rs.sign(`{"alg":"PS256","kid":"rsa"}`, claimsWith(nil)),
		"no kid, no typ":    bare.sign(`{"alg":"RS256"}`, claimsWith(nil)),
		"typ of its own":    ed.sign(`{"alg":"EdDSA","typ":"client-authentication+jwt"}`, claimsWith(nil)),
		"typ in lower case": ed.sign(`{"alg":"EdDSA","typ":"jwt"}`, claimsWith(nil)),
		"thumbprints":       rs.sign(`{"alg":"RS256","kid":"rsa","x5t":"abc","x5t#S256":"def","typ":"JWT"}`, claimsWith(nil)),
		"aud an endpoint":   ed.sign(ed.header(), claimsWith(map[string]any{"aud": ourIssuer + "/oauth2/token"})),
		"aud a list":        ed.sign(ed.header(), claimsWith(map[string]any{"aud": []string{ourIssuer}})),
		"aud a longer list": ed.sign(ed.header(), claimsWith(map[string]any{"aud": []string{"https://other.example", ourIssuer + "/oauth2/revoke"}})),
		"no iat":            ed.sign(ed.header(), claimsWith(map[string]any{"iat": nil})),
		"nbf":               ed.sign(ed.header(), claimsWith(map[string]any{"nbf": at(0)})),
		"clock 8 s ahead":   ed.sign(ed.header(), claimsWith(map[string]any{"iat": at(8 * time.Second), "nbf": at(8 * time.Second)})),
		"clock 60 s ahead":  ed.sign(ed.header(), claimsWith(map[string]any{"iat": at(time.Minute), "nbf": at(time.Minute), "exp": at(6 * time.Minute)})),
		"an old iat":        ed.sign(ed.header(), claimsWith(map[string]any{"iat": at(-4 * time.Minute)})),
		"exp in an hour":    ed.sign(ed.header(), claimsWith(map[string]any{"exp": at(time.Hour)})), // zitadel/oidc and Authlib
		"exp in a century":  ed.sign(ed.header(), claimsWith(map[string]any{"iat": at(time.Minute), "exp": at(100 * 365 * 24 * time.Hour)})),
		"a fraction":        ed.sign(ed.header(), `{"iss":"app","sub":"app","aud":"`+ourIssuer+`","jti":"one","exp":1777636859.75,"iat":1777636800.123}`),
		"other claims":      ed.sign(ed.header(), claimsWith(map[string]any{"client_id": "x", "nested": map[string]any{"a": []any{1, nil}}})),
		"a long jti":        ed.sign(ed.header(), claimsWith(map[string]any{"jti": strings.Repeat("j", maxAssertionID)})),
		"exp in a second":   ed.sign(ed.header(), claimsWith(map[string]any{"exp": at(time.Second)})),
	} {
		a, store, c := assertionsOf(t, ed, ec, rs)
		if err := a.Check(t.Context(), c, raw); err != nil || store.count() != 1 {
			t.Errorf("%s: %v, %d noted", name, err, store.count())
		}
	}
}

// TestAssertionsThatAreNot: RFC 7523 section 3, RFC 8725 sections 3.1 to 3.12. None of them is noted, and
// none causes a fetch.
func TestAssertionsThatAreNot(t *testing.T) {
	ed, rs, stranger := edKey("ed"), rsaClientKey(), edKey("ed")
	c := func(change ...any) string {
		m := map[string]any{}
		for i := 0; i < len(change); i += 2 {
			m[change[i].(string)] = change[i+1]
		}
		return claimsWith(m)
	}
	good := ed.sign(ed.header(), claimsWith(nil))
	unsigned := func(alg string) string {
		return b64url([]byte(`{"alg":`+alg+`,"kid":"ed"}`)) + "." + b64url([]byte(claimsWith(nil))) + "."
	}
	hostile := map[string]string{
		"empty": "", "garbage": "garbage", "dots": "..", "five segments": good + ".a.b", "800,000 dots": strings.Repeat(".", 800_000),
		"with a blank": good + " ", "with padding": good + "=", "two at once": good + " " + good,

		"signed by a stranger under our kid": stranger.sign(stranger.header(), claimsWith(nil)),
		"unknown kid":                        stranger.sign(`{"alg":"EdDSA","kid":"x"}`, claimsWith(nil)),
		"signature of another token":         good[:strings.LastIndexByte(good, '.')] + ed.token()[strings.LastIndexByte(ed.token(), '.'):],
		"HS256 with the public key":          hs256(ed.jwk(), `{"alg":"HS256","kid":"ed"}`),
		"HS256 with the key's x":             hs256(jwkMember(ed, "x"), `{"alg":"HS256","kid":"ed"}`),
		"HS256 with the client's id":         hs256("app", `{"alg":"HS256"}`),
		"RS512":                              rs.sign(`{"alg":"RS512","kid":"rsa"}`, claimsWith(nil)),
		"RS256 by an Ed25519 key":            ed.sign(`{"alg":"RS256","kid":"ed"}`, claimsWith(nil)),
		"alg a list":                         ed.sign(`{"alg":["EdDSA"],"kid":"ed"}`, claimsWith(nil)),
		"alg twice":                          ed.sign(`{"alg":"none","alg":"EdDSA","kid":"ed"}`, claimsWith(nil)),
		"no alg":                             ed.sign(`{"kid":"ed"}`, claimsWith(nil)),

		"jwk":             stranger.sign(`{"alg":"EdDSA","jwk":`+stranger.jwk()+`}`, claimsWith(nil)),
		"jku":             stranger.sign(`{"alg":"EdDSA","kid":"ed","jku":"https://evil.example/jwks"}`, claimsWith(nil)),
		"x5u":             stranger.sign(`{"alg":"EdDSA","kid":"ed","x5u":"https://evil.example/cert"}`, claimsWith(nil)),
		"x5c":             stranger.sign(`{"alg":"EdDSA","kid":"ed","x5c":["MII="]}`, claimsWith(nil)),
		"crit":            ed.sign(`{"alg":"EdDSA","kid":"ed","crit":["exp"],"exp":1}`, claimsWith(nil)),
		"b64":             ed.sign(`{"alg":"EdDSA","kid":"ed","b64":false,"crit":["b64"]}`, claimsWith(nil)),
		"nested":          ed.sign(`{"alg":"EdDSA","kid":"ed","cty":"JWT"}`, good),
		"nested, unsaid":  ed.sign(ed.header(), good),
		"encrypted":       "eyJhbGciOiJkaXIiLCJlbmMiOiJBMTI4R0NNIn0..aaaa.bbbb.cccc",
		"zip":             ed.sign(`{"alg":"EdDSA","kid":"ed","zip":"DEF"}`, claimsWith(nil)),
		"an access token": ed.sign(`{"alg":"EdDSA","kid":"ed","typ":"at+jwt"}`, claimsWith(nil)),
		"a DPoP proof":    ed.sign(`{"alg":"EdDSA","kid":"ed","typ":"dpop+jwt"}`, claimsWith(nil)),
		"a logout token":  ed.sign(`{"alg":"EdDSA","kid":"ed","typ":"logout+jwt"}`, claimsWith(nil)),

		"no iss": ed.sign(ed.header(), c("iss", nil)), "other iss": ed.sign(ed.header(), c("iss", "other")), "iss in another case": ed.sign(ed.header(), c("iss", "App")),
		"no sub": ed.sign(ed.header(), c("sub", nil)), "other sub": ed.sign(ed.header(), c("sub", "other")), "iss a list": ed.sign(ed.header(), c("iss", []string{"app"})),
		"both another client": ed.sign(ed.header(), c("iss", "other", "sub", "other")),
		"no aud":              ed.sign(ed.header(), c("aud", nil)), "aud empty": ed.sign(ed.header(), c("aud", "")), "aud an empty list": ed.sign(ed.header(), c("aud", []string{})),
		"aud another": ed.sign(ed.header(), c("aud", "https://other.example")), "aud a list without us": ed.sign(ed.header(), c("aud", []string{"https://other.example", ourIssuer + "/"})),
		"aud nested": ed.sign(ed.header(), c("aud", [][]string{{ourIssuer}})), "aud an object": ed.sign(ed.header(), c("aud", map[string]any{"a": ourIssuer})),
		"aud our token path at another host": ed.sign(ed.header(), c("aud", "https://evil.example/oauth2/token")),
		"aud with a query":                   ed.sign(ed.header(), c("aud", ourIssuer+"/oauth2/token?x")),
		"no exp":                             ed.sign(ed.header(), c("exp", nil)), "exp now": ed.sign(ed.header(), c("exp", at(0))), "exp long past": ed.sign(ed.header(), c("exp", at(-time.Hour))),
		"exp too far": ed.sign(ed.header(), c("iat", nil, "exp", at(6*time.Minute+time.Second))), "a long life, long begun": ed.sign(ed.header(), c("iat", at(-5*time.Minute), "exp", at(time.Minute))), "exp a text": ed.sign(ed.header(), c("exp", "1777636860")),
		"exp negative": ed.sign(ed.header(), c("exp", -1)), "exp huge": ed.sign(ed.header(), `{"iss":"app","sub":"app","aud":"`+ourIssuer+`","jti":"one","exp":1e300}`),
		"exp past int64": ed.sign(ed.header(), `{"iss":"app","sub":"app","aud":"`+ourIssuer+`","jti":"one","exp":99999999999999999999}`),
		"iat ahead":      ed.sign(ed.header(), c("iat", at(61*time.Second))), "nbf ahead": ed.sign(ed.header(), c("nbf", at(61*time.Second))),
		"iat past int64":         ed.sign(ed.header(), `{"iss":"app","sub":"app","aud":"`+ourIssuer+`","jti":"one","exp":1777636860,"iat":9223372036854775807}`),
		"iat past the year 9999": ed.sign(ed.header(), c("iat", 253402300800)),
		"iat a text":             ed.sign(ed.header(), c("iat", "now")), "nbf a boolean": ed.sign(ed.header(), c("nbf", true)),
		"no jti": ed.sign(ed.header(), c("jti", nil)), "jti empty": ed.sign(ed.header(), c("jti", "")), "jti a number": ed.sign(ed.header(), c("jti", 1)),
		"jti too long": ed.sign(ed.header(), c("jti", strings.Repeat("j", maxAssertionID+1))), "jti with NUL": ed.sign(ed.header(), c("jti", "a\x00b")),
		"sub twice":   ed.sign(ed.header(), `{"sub":"other",`+claimsWith(nil)[1:]),
		"any twice":   ed.sign(ed.header(), `{"x":1,"x":2,`+claimsWith(nil)[1:]),
		"ISS alone":   ed.sign(ed.header(), strings.Replace(claimsWith(nil), `"iss"`, `"ISS"`, 1)),
		"claims list": ed.sign(ed.header(), `[`+claimsWith(nil)+`]`), "claims null": ed.sign(ed.header(), `null`), "claims text": ed.sign(ed.header(), `"app"`),
		"a remainder": ed.sign(ed.header(), claimsWith(nil)+`{}`), "not UTF-8": ed.sign(ed.header(), strings.Replace(claimsWith(nil), `"one"`, "\"\xff\"", 1)),
		"deep":      ed.sign(ed.header(), `{"x":`+strings.Repeat("[", 5000)+strings.Repeat("]", 5000)+`,`+claimsWith(nil)[1:]),
		"too large": ed.sign(ed.header(), c("x", strings.Repeat("x", 16<<10))),
	}
	for _, alg := range []string{`"none"`, `"None"`, `"NONE"`, `"nOnE"`, `""`, `"none "`, `null`, `"HS256"`, `"HS384"`, `"HS512"`, `"EdDSA"`, `"eddsa"`, `"Ed448"`, `"dir"`} {
		hostile["unsigned, alg "+alg] = unsigned(alg)
		if alg != `"EdDSA"` {
			hostile["signed, alg "+alg] = ed.sign(`{"alg":`+alg+`,"kid":"ed"}`, claimsWith(nil))
		}
	}
	for name, raw := range hostile {
		a, store, client := assertionsOf(t, ed, rs)
		err := a.Check(t.Context(), client, raw)
		if name == "deep" {
			// Harmless in a claim that nobody reads; what counts is that it ends.
			if err != nil && !errors.Is(err, ErrClientAuth) {
				t.Errorf("%s: %v", name, err)
			}
			continue
		}
		if !errors.Is(err, ErrClientAuth) || errors.Is(err, ErrReplayed) || store.count() != 0 {
			t.Errorf("%s: %v, %d noted; want %v and nothing noted", name, err, store.count(), ErrClientAuth)
			continue
		}
		for _, ours := range []error{keys.ErrInvalidToken, keys.ErrUnknownKey, keys.ErrUnavailable} {
			if errors.Is(err, ours) {
				t.Errorf("%s: the error also is %v, which speaks of our own keys", name, ours)
			}
		}
		if strings.Contains(err.Error(), "evil.example") || len(err.Error()) > 200 {
			t.Errorf("%s: the error repeats the assertion: %v", name, err)
		}
	}
}

func jwkMember(k clientKey, name string) string {
	var members map[string]string
	if err := json.Unmarshal([]byte(k.jwk()), &members); err != nil {
		panic(err)
	}
	return members[name]
}

// hs256 signs the good claims with HMAC, as one who knows public things only (RFC 8725 section 2.1).
func hs256(secret, header string) string {
	input := b64url([]byte(header)) + "." + b64url([]byte(claimsWith(nil)))
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(input))
	return input + "." + b64url(mac.Sum(nil))
}

// TestAssertionOfAnotherClient: RFC 7523 section 3, item 2: whose key it is decides who it is.
func TestAssertionOfAnotherClient(t *testing.T) {
	mine, theirs := edKey("k"), edKey("k")
	a, _, app := assertionsOf(t, mine)
	other := &Client{ID: "other", Metadata: Metadata{AuthMethod: AuthPrivateKeyJWT, JWKS: json.RawMessage(jwksOf(theirs))}}
	asOther := map[string]any{"iss": "other", "sub": "other"}
	for name, test := range map[string]struct {
		client *Client
		raw    string
		good   bool
	}{
		"the other as itself":            {other, theirs.sign(theirs.header(), claimsWith(asOther)), true},
		"the other's assertion for mine": {app, theirs.sign(theirs.header(), claimsWith(asOther)), false},
		"the other's key, my name":       {app, theirs.sign(theirs.header(), claimsWith(nil)), false},
		"my key, the other's name":       {other, mine.sign(mine.header(), claimsWith(asOther)), false},
		"mine shown as the other":        {other, mine.sign(mine.header(), claimsWith(nil)), false},
	} {
		if err := a.Check(t.Context(), test.client, test.raw); (err == nil) != test.good || err != nil && !errors.Is(err, ErrClientAuth) {
			t.Errorf("%s: %v", name, err)
		}
	}
	// A client that is registered for a secret has not agreed that its keys open anything.
	for _, method := range []AuthMethod{AuthNone, AuthBasic, AuthPost, ""} {
		c := *app
		c.AuthMethod = method
		if err := a.Check(t.Context(), &c, mine.sign(mine.header(), claimsWith(nil))); !errors.Is(err, ErrClientAuth) {
			t.Errorf("registered for %q: %v", method, err)
		}
	}
	nobody := *a
	nobody.Issuer, nobody.Audiences = "", nil
	if err := nobody.Check(t.Context(), app, mine.sign(mine.header(), claimsWith(map[string]any{"aud": ""}))); !errors.Is(err, ErrClientAuth) {
		t.Errorf("a server without a name: %v", err)
	}
	nameless := &Client{Metadata: app.Metadata}
	if err := a.Check(t.Context(), nameless, mine.sign(mine.header(), claimsWith(map[string]any{"iss": "", "sub": ""}))); !errors.Is(err, ErrClientAuth) {
		t.Errorf("a client without id: %v", err)
	}
}

// TestAssertionIsUsedOnce: RFC 7523 section 3 item 7, OIDC Core section 9 (jti); fosite CVE-2020-15222.
func TestAssertionIsUsedOnce(t *testing.T) {
	key := edKey("k")
	a, store, c := assertionsOf(t, key)
	raw := key.sign(key.header(), claimsWith(nil))
	if err := a.Check(t.Context(), c, raw); err != nil {
		t.Fatal(err)
	}
	if want := map[string]time.Time{"app\none": assertionNoon.Add(2 * time.Minute).Local()}; !maps.EqualFunc(store.until, want, time.Time.Equal) {
		t.Errorf("noted %v; want %v", store.until, want)
	}
	for name, again := range map[string]string{
		"the same": raw, "signed anew": key.sign(`{"alg":"EdDSA","kid":"k"}`, claimsWith(nil)),
		"another exp": key.sign(key.header(), claimsWith(map[string]any{"exp": at(2 * time.Minute)})),
	} {
		if err := a.Check(t.Context(), c, again); !errors.Is(err, ErrReplayed) || !errors.Is(err, ErrClientAuth) {
			t.Errorf("%s: %v; want %v and %v", name, err, ErrReplayed, ErrClientAuth)
		}
	}
	if err := a.Check(t.Context(), c, key.sign(key.header(), claimsWith(map[string]any{"jti": "two"}))); err != nil {
		t.Errorf("another jti: %v", err)
	}
	// A forged one must not use up the jti of the real one that is on its way.
	forged := edKey("k").sign(key.header(), claimsWith(map[string]any{"jti": "three"}))
	if err := a.Check(t.Context(), c, forged); !errors.Is(err, ErrClientAuth) || store.count() != 2 {
		t.Errorf("forged: %v, %d noted", err, store.count())
	}
	if err := a.Check(t.Context(), c, key.sign(key.header(), claimsWith(map[string]any{"jti": "three"}))); err != nil {
		t.Errorf("the real one: %v", err)
	}
}

// TestAssertionOutlivesNoReplayRow: as long as an assertion is good, its row is kept, which is no longer than
// 7 minutes whatever exp says.
func TestAssertionOutlivesNoReplayRow(t *testing.T) {
	key := edKey("k")
	for _, claims := range []map[string]any{
		{"iat": nil, "exp": at(6 * time.Minute)}, {"exp": at(6 * time.Minute)}, {"iat": at(time.Minute), "exp": at(time.Hour)},
	} {
		a, store, c := assertionsOf(t, key)
		raw := key.sign(key.header(), claimsWith(claims))
		if err := a.Check(t.Context(), c, raw); err != nil {
			t.Fatal(err)
		}
		kept := store.until["app\none"]
		if kept.After(assertionNoon.Add(7 * time.Minute)) {
			t.Errorf("%v: noted until %v", claims, kept)
		}
		clear(store.until) // swept a whole leeway early
		for _, later := range []time.Duration{-assertionLeeway, 0, time.Hour} {
			a.Now = func() time.Time { return kept.Add(later) }
			if err := a.Check(t.Context(), c, raw); !errors.Is(err, ErrClientAuth) {
				t.Errorf("%v, %v after its row has gone: %v", claims, later, err)
			}
		}
	}
}

// TestStoreAwayIsNoVerdict: what can't be checked is neither accepted nor called invalid.
func TestStoreAwayIsNoVerdict(t *testing.T) {
	key := edKey("k")
	a, store, c := assertionsOf(t, key)
	store.err = keys.ErrUnavailable
	if err := a.Check(t.Context(), c, key.sign(key.header(), claimsWith(nil))); !errors.Is(err, keys.ErrUnavailable) || errors.Is(err, ErrClientAuth) {
		t.Errorf("Check = %v; want %v alone", err, keys.ErrUnavailable)
	}
}

// TestKeysThatCannotBeHadAreTheClientsFault: nothing cached, and its server away.
func TestKeysThatCannotBeHadAreTheClientsFault(t *testing.T) {
	key := edKey("k")
	a, store, c := assertionsOf(t, key)
	published, server, _ := publishing(key)
	server.err = keys.ErrUnavailable // whatever a fetcher says
	a.Keys, c.JWKS, c.JWKSURI = published, nil, "https://app.example/jwks"
	if err := a.Check(t.Context(), c, key.sign(key.header(), claimsWith(nil))); !errors.Is(err, ErrClientAuth) || errors.Is(err, keys.ErrUnavailable) || store.count() != 0 {
		t.Errorf("Check = %v", err)
	}
}

// FuzzReadAssertion demands that whatever is read and passes the rules is for us, of the client, and dies soon.
func FuzzReadAssertion(f *testing.F) {
	for _, seed := range []string{
		claimsWith(nil), claimsWith(map[string]any{"aud": []string{"x", ourIssuer}, "nbf": at(0)}), `{}`, `null`, `{"exp":1.5}`, `{"aud":[]}`,
		`{"iss":"app","iss":"app"}`, claimsWith(map[string]any{"exp": 1e18}),
	} {
		f.Add([]byte(seed), "JWT")
	}
	f.Add([]byte(claimsWith(nil)), "at+jwt")
	a := &Assertions{Issuer: ourIssuer, Audiences: []string{ourIssuer + "/oauth2/token"}}
	f.Fuzz(func(t *testing.T, claims []byte, typ string) {
		got, err := readAssertion(keys.ForeignToken{Type: typ, Claims: claims})
		if (got == nil) == (err == nil) {
			t.Fatalf("readAssertion = %v, %v", got, err)
		}
		if err == nil {
			err = got.check(a, "app", assertionNoon)
		}
		if err != nil {
			if !errors.Is(err, ErrClientAuth) {
				t.Errorf("%v; want %v", err, ErrClientAuth)
			}
			return
		}
		// The standard library reads the same, or it is no good assertion.
		var plain map[string]any
		if err := json.Unmarshal(claims, &plain); err != nil {
			t.Fatalf("accepted %q: %v", claims, err)
		}
		exp, _ := plain["exp"].(float64)
		left := exp - float64(assertionNoon.Unix())
		if iat, ok := plain["iat"].(float64); ok {
			left = min(left, iat+assertionLife.Seconds()-float64(assertionNoon.Unix()))
		}
		if plain["iss"] != "app" || plain["sub"] != "app" || plain["jti"] != got.ID || left <= 0 || left >= (assertionLife+assertionLeeway).Seconds()+1 {
			t.Errorf("accepted %q", claims)
		}
		list, _ := plain["aud"].([]any)
		if !slices.ContainsFunc(append(list, plain["aud"]), func(v any) bool { return v == ourIssuer || v == a.Audiences[0] }) {
			t.Errorf("accepted aud %v", plain["aud"])
		}
	})
}
