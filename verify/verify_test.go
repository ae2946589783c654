package verify

import (
	"crypto/hmac"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
)

func TestGoodTokenOfEachAlgorithm(t *testing.T) {
	ps := rsaSigner()
	ps.alg, ps.kid = "PS256", "ps-1"
	for _, s := range []signer{rsaSigner(), ps, ecSigner(), edSigner()} {
		got := wantGood(t, newIssuer(s).verifier(t, atNoon()), s.token(noon))
		if got.Subject != "u-1" || got.GivenName != "Peter" {
			t.Errorf("%s: token = %+v", s.alg, got)
		}
	}
}

func TestTokenHasTypedClaims(t *testing.T) {
	s := edSigner()
	v := newIssuer(s).verifier(t, atNoon())
	got := wantGood(t, v, s.sign("at+jwt", claimsAt(noon, map[string]any{
		"aud": []string{"api", issuerURL}, "auth_time": noon.Unix() - 60, "acr": "aal2", "amr": []string{"pwd", "otp"},
		"sid": "s-1", "email": "peter@example.com", "roles": []string{"hero"},
	}), nil))
	var more struct {
		Roles []string `json:"roles"`
	}
	if err := got.Claims(&more); err != nil || len(more.Roles) != 1 || more.Roles[0] != "hero" {
		t.Errorf("Claims: roles = %q, %v", more.Roles, err)
	}
	got.payload = nil
	want := &Token{
		Issuer: issuerURL, Subject: "u-1", Audience: []string{"api", issuerURL},
		ExpiresAt: time.Unix(noon.Unix()+300, 0), IssuedAt: time.Unix(noon.Unix(), 0), JTI: "j-1", ClientID: "token-pair",
		Scope: []string{"read", "write"}, AuthTime: time.Unix(noon.Unix()-60, 0), ACR: "aal2", AMR: []string{"pwd", "otp"},
		SessionID: "s-1", TokenType: "access", UserID: "u-1", GivenName: "Peter", FamilyName: "Parker",
		PreferredUsername: "spiderman", Email: "peter@example.com",
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("token =\n%+v; want\n%+v", got, want)
	}
}

// hs256 signs with a shared secret, which is what an attacker makes of a public key.
func hs256(header string, secret []byte) string {
	input := b64(header) + "." + b64(claimsAt(noon, nil))
	mac := hmac.New(sha256.New, secret)
	mac.Write([]byte(input))
	return input + "." + b64(string(mac.Sum(nil)))
}

// TestHostileHeaders: RFC 8725 sections 3.1, 3.2, 3.10; RFC 7515 section 4.1.11; RFC 7797. None of them
// may cause a request, not even for the issuer's own keys.
func TestHostileHeaders(t *testing.T) {
	s, r := edSigner(), rsaSigner()
	spki, err := x509.MarshalPKIXPublicKey(r.public)
	must(err)
	pkcs1 := x509.MarshalPKCS1PublicKey(r.public.(*rsa.PublicKey))
	confused := `{"alg":"HS256","typ":"at+jwt","kid":"rsa-1"}`
	payload := claimsAt(noon, nil)
	attacker := newSigner("EdDSA", "ed-1")
	ownKey, err := jose.JSONWebKey{Key: attacker.public, KeyID: "ed-1"}.MarshalJSON()
	must(err)
	good := s.token(noon)
	realSignature := good[strings.LastIndexByte(good, '.'):]
	none := func(alg, signature string) string {
		return b64(`{"alg":"`+alg+`","typ":"at+jwt","kid":"ed-1"}`) + "." + b64(payload) + signature
	}
	encrypter, err := jose.NewEncrypter(jose.A128GCM, jose.Recipient{Algorithm: jose.RSA_OAEP, Key: r.public}, nil)
	must(err)
	jwe, err := encrypter.Encrypt([]byte(good))
	must(err)
	encrypted, err := jwe.CompactSerialize()
	must(err)
	tests := map[string]string{
		"alg none":                 none("none", "."),
		"alg None":                 none("None", "."),
		"alg nOnE":                 none("nOnE", "."),
		"alg none, real signature": none("none", realSignature),
		"alg empty":                none("", realSignature),
		"alg missing":              s.forge(`{"typ":"at+jwt","kid":"ed-1"}`, payload),
		"alg in other case":        s.forge(`{"alg":"EDDSA","typ":"at+jwt","kid":"ed-1"}`, payload),
		"alg twice":                s.forge(`{"alg":"EdDSA","alg":"EdDSA","typ":"at+jwt","kid":"ed-1"}`, payload),
		"Alg beside alg":           s.forge(`{"alg":"EdDSA","Alg":"none","typ":"at+jwt","kid":"ed-1"}`, payload),
		"alg is a number":          s.forge(`{"alg":1,"typ":"at+jwt","kid":"ed-1"}`, payload),
		"HS256 keyed with PKIX":    hs256(confused, spki),
		"HS256 keyed with PKCS #1": hs256(confused, pkcs1),
		"HS256 keyed with PEM":     hs256(confused, pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: spki})),
		"HS256 keyed with modulus": hs256(confused, r.public.(*rsa.PublicKey).N.Bytes()),
		"HS256 keyed with nothing": hs256(confused, nil),
		"RS512":                    s.forge(`{"alg":"RS512","typ":"at+jwt","kid":"ed-1"}`, payload),
		"jku":                      s.sign("at+jwt", payload, map[string]any{"jku": "https://evil.example/jwks"}),
		"x5u":                      s.sign("at+jwt", payload, map[string]any{"x5u": "https://evil.example/cert"}),
		"x5c":                      s.sign("at+jwt", payload, map[string]any{"x5c": []string{"MIIB"}}),
		"jwk of the attacker":      attacker.forge(`{"alg":"EdDSA","typ":"at+jwt","jwk":`+string(ownKey)+`}`, payload),
		"jwk and a real kid":       attacker.forge(`{"alg":"EdDSA","typ":"at+jwt","kid":"ed-1","jwk":`+string(ownKey)+`}`, payload),
		"crit exp":                 s.forge(`{"alg":"EdDSA","typ":"at+jwt","kid":"ed-1","crit":["exp"],"exp":1}`, payload),
		"crit empty":               s.forge(`{"alg":"EdDSA","typ":"at+jwt","kid":"ed-1","crit":[]}`, payload),
		"b64 false":                s.forge(`{"alg":"EdDSA","typ":"at+jwt","kid":"ed-1","b64":false,"crit":["b64"]}`, payload),
		"b64 false without crit":   s.forge(`{"alg":"EdDSA","typ":"at+jwt","kid":"ed-1","b64":false}`, payload),
		"zip":                      s.forge(`{"alg":"EdDSA","typ":"at+jwt","kid":"ed-1","zip":"DEF"}`, payload),
		"cty JWT (nested)":         s.forge(`{"alg":"EdDSA","typ":"at+jwt","kid":"ed-1","cty":"JWT"}`, good),
		"PBES2 count 2^31":         s.forge(`{"alg":"PBES2-HS256+A128KW","enc":"A128GCM","p2c":2147483648,"p2s":"AAAA"}`, payload),
		"JWE":                      encrypted,
		"header is a list":         s.forge(`["EdDSA"]`, payload),
		"header is null":           s.forge(`null`, payload),
		"header and more":          s.forge(`{"alg":"EdDSA","typ":"at+jwt","kid":"ed-1"}{}`, payload),
		"JSON serialization":       `{"payload":"` + b64(payload) + `","signatures":[]}`,
	}
	issuer := newIssuer(s, r)
	v := issuer.verifier(t, atNoon())
	for name, raw := range tests {
		t.Run(name, func(t *testing.T) { wantErr(t, v, raw, ErrMalformed) })
	}
	if got := issuer.paths(); len(got) != 0 {
		t.Errorf("requested %q; want nothing", got)
	}
	wantGood(t, v, good)
}

// TestShape: RFC 7515 section 2, RFC 4648 section 3.5, RFC 8725 section 2.4, CVE-2025-27144.
func TestShape(t *testing.T) {
	s := edSigner()
	issuer := newIssuer(s)
	v := issuer.verifier(t, atNoon())
	good := s.token(noon)
	parts := strings.Split(good, ".")
	tests := map[string]string{
		"empty": "", "two dots": "..", "one segment": parts[0], "two segments": parts[0] + "." + parts[1],
		"no signature": parts[0] + "." + parts[1] + ".", "no payload": parts[0] + ".." + parts[2],
		"four segments": good + ".AAAA", "dot at the end": good + ".", "dot before": "." + good,
		"padding": good + "=", "double padding": good + "==", "padded header": parts[0] + "=." + parts[1] + "." + parts[2],
		"newline at the end": good + "\n", "newline inside": parts[0] + "." + parts[1][:8] + "\n" + parts[1][8:] + "." + parts[2],
		"carriage return": parts[0] + "." + parts[1] + ".\r" + parts[2], "blank before": " " + good, "NUL": good + "\x00",
		"non-ASCII": good + "é", "invalid UTF-8": good + "\xff", "bearer twice": "Bearer " + good,
		"standard alphabet": strings.NewReplacer("-", "+", "_", "/").Replace(parts[0]) + "." + parts[1] + "." + parts[2][:85] + "+",
		"1 MB":              parts[0] + "." + strings.Repeat("A", 1<<20) + "." + parts[2], "800,000 dots": strings.Repeat(".", 800_000),
		"16 kB of dots": strings.Repeat(".", 16<<10), "signature of 12 kB": good + strings.Repeat("A", 12<<10),
	}
	began := time.Now()
	for name, raw := range tests {
		t.Run(name, func(t *testing.T) {
			if name == "signature of 12 kB" { // the one that is well formed
				wantErr(t, v, raw, ErrSignature)
				return
			}
			wantErr(t, v, raw, ErrMalformed)
		})
	}
	if took := time.Since(began); took > time.Second {
		t.Errorf("took %s; want under a second", took)
	}
}

// TestClaims: RFC 7519 section 4, RFC 9068 sections 2.2 and 4.
func TestClaims(t *testing.T) {
	with := func(change map[string]any) string { return claimsAt(noon, change) }
	one := func(name string, value any) string { return with(map[string]any{name: value}) }
	at := noon.Unix()
	plus := func(members string) string { return strings.TrimSuffix(with(nil), "}") + "," + members + "}" }
	tests := []struct {
		name, payload string
		want          error
	}{
		{"exp missing", one("exp", nil), ErrClaims},
		{"exp null", strings.Replace(with(nil), `"exp":`, `"exp":null,"x":`, 1), ErrClaims},
		{"exp a text", one("exp", "1893456000"), ErrMalformed},
		{"exp negative", one("exp", -1), ErrMalformed},
		{"exp a fraction", strings.Replace(with(nil), `"exp":`, `"exp":99999999.5,"x":`, 1), ErrMalformed},
		{"exp with exponent", strings.Replace(with(nil), `"exp":`, `"exp":9e9,"x":`, 1), ErrMalformed},
		{"exp huge", strings.Replace(with(nil), `"exp":`, `"exp":18446744073709551616,"x":`, 1), ErrMalformed},
		{"exp past year 9999", one("exp", 253402300800), ErrMalformed},
		{"exp a list", one("exp", []int64{at + 300}), ErrMalformed},
		{"exp now", one("exp", at), ErrExpired},
		{"exp zero", one("exp", 0), ErrExpired},
		{"exp past", one("exp", at-1), ErrExpired},
		{"nbf 6 s ahead", one("nbf", at+6), ErrNotYetValid},
		{"nbf a text", one("nbf", "soon"), ErrMalformed},
		{"iat missing", one("iat", nil), ErrClaims},
		{"iat 6 s ahead", with(map[string]any{"iat": at + 6, "exp": at + 300}), ErrNotYetValid},
		{"iat a fraction", one("iat", float64(at)+0.5), ErrMalformed},
		{"duplicate exp", plus(`"exp":9999999999`), ErrMalformed},
		{"duplicate sub", plus(`"sub":"admin"`), ErrMalformed},
		{"duplicate of an unknown claim", plus(`"x":1,"x":2`), ErrMalformed},
		{"EXP instead of exp", with(map[string]any{"exp": nil, "EXP": at + 300}), ErrMalformed},
		{"EXP beside exp", with(map[string]any{"exp": at - 1, "EXP": at + 300}), ErrMalformed},
		{"Sub beside sub", plus(`"Sub":"admin"`), ErrMalformed},
		{"ſub (folds to sub)", plus(`"ſub":"admin"`), ErrMalformed},
		{"escaped duplicate", plus(`"\u0073ub":"admin"`), ErrMalformed},
		{"invalid UTF-8", strings.Replace(with(nil), "u-1", "u\xff1", 1), ErrMalformed},
		{"iss other", one("iss", "https://evil.example"), ErrIssuer},
		{"iss with a slash", one("iss", issuerURL+"/"), ErrIssuer},
		{"iss missing", one("iss", nil), ErrIssuer},
		{"iss a list", one("iss", []string{issuerURL}), ErrMalformed},
		{"aud other", one("aud", "payments"), ErrAudience},
		{"aud missing", one("aud", nil), ErrAudience},
		{"aud empty list", one("aud", []string{}), ErrAudience},
		{"aud list of others", one("aud", []string{"payments", "apis", "API", issuerURL}), ErrAudience},
		{"aud a prefix", one("aud", "ap"), ErrAudience},
		{"aud an object", one("aud", map[string]any{"api": true}), ErrMalformed},
		{"aud list of numbers", one("aud", []int{1}), ErrMalformed},
		{"sub missing", one("sub", nil), ErrClaims},
		{"sub empty", one("sub", ""), ErrClaims},
		{"sub a number", one("sub", 7), ErrMalformed},
		{"jti missing", one("jti", nil), ErrClaims},
		{"client_id missing", one("client_id", nil), ErrClaims},
		{"token_type refresh", one("token_type", "refresh"), ErrWrongType},
		{"token_type in another case", one("token_type", "Access"), ErrWrongType},
		{"bound to a DPoP key (RFC 9449 7.1)", one("cnf", map[string]any{"jkt": "x"}), ErrBound},
		{"bound, but to null", plus(`"cnf":null`), ErrBound},
		{"not an object", `["iss"]`, ErrMalformed},
		{"not JSON", `iss`, ErrMalformed},
		{"two objects", with(nil) + with(nil), ErrMalformed},
		{"good", with(nil), nil},
		{"good without token_type", one("token_type", nil), nil},
		{"good with aud as a list", one("aud", []string{"other", "api"}), nil},
		{"good with iat 5 s ahead", one("iat", at+5), nil},
		{"good with nbf 5 s ahead", one("nbf", at+5), nil},
		{"good one second before exp", one("exp", at+1), nil},
		{"good with an unknown claim in capitals", plus(`"X_Tenant":"a"`), nil},
	}
	s := edSigner()
	v := newIssuer(s).verifier(t, atNoon())
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			raw := s.sign("at+jwt", test.payload, nil)
			if test.want == nil {
				wantGood(t, v, raw)
				return
			}
			wantErr(t, v, raw, test.want)
		})
	}
}

func TestLeewayWidensTimes(t *testing.T) {
	s := edSigner()
	v := newIssuer(s).verifier(t, atNoon(), Leeway(30*time.Second))
	at := noon.Unix()
	token := func(change map[string]any) string { return s.sign("at+jwt", claimsAt(noon, change), nil) }
	wantGood(t, v, token(map[string]any{"exp": at - 29}))
	wantGood(t, v, token(map[string]any{"nbf": at + 30, "iat": at + 30}))
	wantErr(t, v, token(map[string]any{"exp": at - 30}), ErrExpired)
	wantErr(t, v, token(map[string]any{"nbf": at + 31}), ErrNotYetValid)
	wantErr(t, v, token(map[string]any{"iat": at + 31}), ErrNotYetValid)
}

// TestTypes: RFC 9068 section 4, RFC 8725 section 3.11. A wrong type costs no request, whatever its kid.
func TestTypes(t *testing.T) {
	s := edSigner()
	issuer := newIssuer(s)
	v := issuer.verifier(t, atNoon())
	refresh := newSigner("EdDSA", "refresh-1")
	payload := claimsAt(noon, nil)
	for name, raw := range map[string]string{
		"refresh token":                 refresh.sign("rt+jwt", claimsAt(noon, map[string]any{"token_type": "refresh", "aud": issuerURL}), nil),
		"refresh token by a token key":  s.sign("rt+jwt", payload, nil),
		"ID token":                      s.sign("JWT", claimsAt(noon, map[string]any{"aud": "client-1", "token_type": nil}), nil),
		"ID token for a client \"api\"": s.sign("JWT", payload, nil),
		"logout token":                  s.sign("logout+jwt", payload, nil),
		"no typ":                        s.sign("", payload, nil),
		"at+jwt and more":               s.sign("at+jwt2", payload, nil),
		"text/at+jwt":                   s.sign("text/at+jwt", payload, nil),
	} {
		t.Run(name, func(t *testing.T) { wantErr(t, v, raw, ErrWrongType) })
	}
	if got := issuer.paths(); len(got) != 0 {
		t.Errorf("requested %q; want nothing", got)
	}
	for _, typ := range []string{"at+jwt", "AT+JWT", "application/at+jwt", "application/AT+jwt"} {
		wantGood(t, v, s.sign(typ, payload, nil))
	}
	wantGood(t, issuer.verifier(t, atNoon(), Types("JWT")), s.sign("jwt", payload, nil))
}

// TestKeyIsUsedWithItsDeclaredAlgorithmOnly: RFC 8725 section 3.1.
func TestKeyIsUsedWithItsDeclaredAlgorithmOnly(t *testing.T) {
	declared := rsaSigner()
	declared.alg = "PS256"
	issuer := newIssuer(declared)
	v := issuer.verifier(t, atNoon())
	wantErr(t, v, rsaSigner().token(noon), ErrUnknownKey)
	wantGood(t, v, declared.token(noon))
	if got := issuer.count(jwksPath); got != 1 {
		t.Errorf("%d fetches; want 1: the kid is known", got)
	}
}

func TestAlgorithmsNarrow(t *testing.T) {
	v := newIssuer(rsaSigner(), edSigner()).verifier(t, atNoon(), Algorithms("RS256"))
	wantGood(t, v, rsaSigner().token(noon))
	wantErr(t, v, edSigner().token(noon), ErrMalformed)
}

func TestSignatureOfAnotherKeyOrToken(t *testing.T) {
	s := edSigner()
	v := newIssuer(s, rsaSigner()).verifier(t, atNoon())
	wantErr(t, v, newSigner("EdDSA", "ed-1").token(noon), ErrSignature)
	wantErr(t, v, newSigner("EdDSA", "").token(noon), ErrUnknownKey)
	a, b := s.token(noon), s.token(noon.Add(time.Second))
	wantErr(t, v, a[:strings.LastIndexByte(a, '.')]+b[strings.LastIndexByte(b, '.'):], ErrSignature)
}

// TestDegenerateSignatures: S+L (RFC 8032 section 5.1.7) and r = s = 0 (CVE-2022-21449).
func TestDegenerateSignatures(t *testing.T) {
	v := newIssuer(edSigner(), ecSigner(), rsaSigner()).verifier(t, atNoon())
	replace := func(raw string, change func([]byte)) string {
		head, tail := raw[:strings.LastIndexByte(raw, '.')+1], raw[strings.LastIndexByte(raw, '.')+1:]
		signature := make([]byte, base64Len(tail))
		copy(signature, unb64(tail))
		change(signature)
		return head + b64(string(signature))
	}
	plusL := func(signature []byte) {
		l, _ := new(big.Int).SetString("7237005577332262213973186563042994240857116359379907606001950938285454250989", 10)
		sum := new(big.Int).Add(new(big.Int).SetBytes(reversed(signature[32:])), l)
		copy(signature[32:], reversed(sum.FillBytes(make([]byte, 32))))
	}
	zero := func(signature []byte) { clear(signature) }
	wantErr(t, v, replace(edSigner().token(noon), plusL), ErrSignature)
	for _, s := range []signer{edSigner(), ecSigner(), rsaSigner()} {
		wantErr(t, v, replace(s.token(noon), zero), ErrSignature)
	}
}
