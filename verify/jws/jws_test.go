package jws

import (
	"crypto/ed25519"
	"encoding/base64"
	"errors"
	"strings"
	"testing"
)

var private = ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize))

func b64(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) }

// sign signs any header and payload text.
func sign(header, payload string) string {
	input := b64(header) + "." + b64(payload)
	return input + "." + b64(string(ed25519.Sign(private, []byte(input))))
}

const goodHeader = `{"alg":"EdDSA","kid":"k","typ":"at+jwt"}`

func TestParseAndVerify(t *testing.T) {
	token, err := Parse(sign(goodHeader, `{"a":1}`), "RS256", "EdDSA")
	if err != nil {
		t.Fatal(err)
	}
	if token.KeyID != "k" || token.Type != "at+jwt" || token.Algorithm != "EdDSA" {
		t.Errorf("header = %q, %q, %q", token.KeyID, token.Type, token.Algorithm)
	}
	payload, err := token.Verify(private.Public())
	if err != nil || string(payload) != `{"a":1}` {
		t.Errorf("Verify = %s, %v; want the payload", payload, err)
	}
	other, _, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range []any{other, nil, []byte("secret"), "k"} {
		if payload, err := token.Verify(key); !errors.Is(err, ErrSignature) || payload != nil {
			t.Errorf("Verify with %T = %s, %v; want %v", key, payload, err, ErrSignature)
		}
	}
}

// TestFullySpecifiedEd25519: RFC 9864 section 2.2, for callers that name it.
func TestFullySpecifiedEd25519(t *testing.T) {
	raw := sign(`{"alg":"Ed25519","kid":"k"}`, `{"a":1}`)
	if token, err := Parse(raw, "RS256", "EdDSA"); !errors.Is(err, ErrMalformed) || token != nil {
		t.Errorf("not asked for: %+v, %v", token, err)
	}
	token, err := Parse(raw, "EdDSA", Ed25519)
	if err != nil {
		t.Fatal(err)
	}
	if payload, err := token.Verify(private.Public()); err != nil || string(payload) != `{"a":1}` {
		t.Errorf("Verify = %s, %v; want the payload", payload, err)
	}
	other, _, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range []any{other, ed25519.PublicKey(nil), nil, []byte("secret")} {
		if payload, err := token.Verify(key); !errors.Is(err, ErrSignature) || payload != nil {
			t.Errorf("Verify with %T = %s, %v; want %v", key, payload, err, ErrSignature)
		}
	}
}

// TestParseRefuses: RFC 7515 sections 2, 4, 4.1.11 and 7.1; RFC 7797; RFC 8725 sections 3.1 and 3.10.
func TestParseRefuses(t *testing.T) {
	good := sign(goodHeader, `{}`)
	for name, raw := range map[string]string{
		"empty": "", "dots": "..", "no signature": good[:strings.LastIndexByte(good, '.')+1], "four segments": good + ".a",
		"padding": good + "=", "newline": good + "\n", "newline inside": good[:4] + "\n" + good[4:],
		"spare bits":              good[:len(good)-1] + string(good[len(good)-1]+1),
		"longer than MaxSize":     good + strings.Repeat("A", MaxSize),
		"algorithm not named":     sign(`{"alg":"HS256","kid":"k","typ":"at+jwt"}`, `{}`),
		"none":                    sign(`{"alg":"none","kid":"k","typ":"at+jwt"}`, `{}`),
		"no alg":                  sign(`{"kid":"k","typ":"at+jwt"}`, `{}`),
		"ALG":                     sign(`{"ALG":"EdDSA","kid":"k","typ":"at+jwt"}`, `{}`),
		"alg twice":               sign(`{"alg":"none","alg":"EdDSA"}`, `{}`),
		"kid twice":               sign(`{"alg":"EdDSA","kid":"a","kid":"b"}`, `{}`),
		"kid a number":            sign(`{"alg":"EdDSA","kid":1}`, `{}`),
		"crit":                    sign(`{"alg":"EdDSA","crit":["exp"]}`, `{}`),
		"b64":                     sign(`{"alg":"EdDSA","b64":true}`, `{}`),
		"jwk":                     sign(`{"alg":"EdDSA","jwk":{}}`, `{}`),
		"jku":                     sign(`{"alg":"EdDSA","jku":"https://evil.example"}`, `{}`),
		"x5u":                     sign(`{"alg":"EdDSA","x5u":"https://evil.example"}`, `{}`),
		"x5c":                     sign(`{"alg":"EdDSA","x5c":[]}`, `{}`),
		"cty":                     sign(`{"alg":"EdDSA","cty":"JWT"}`, `{}`),
		"header not an object":    sign(`"EdDSA"`, `{}`),
		"header with a remainder": sign(goodHeader+`{}`, `{}`),
	} {
		if token, err := Parse(raw, "EdDSA"); !errors.Is(err, ErrMalformed) || token != nil {
			t.Errorf("%s: Parse = %v, %v; want %v", name, token, err, ErrMalformed)
		}
	}
	if _, err := Parse(good); !errors.Is(err, ErrMalformed) {
		t.Errorf("without algorithms: Parse = %v; want %v", err, ErrMalformed)
	}
}

// TestParseForeignPassesOverThumbprints: RFC 7515 sections 4.1.7 and 4.1.8; everything else is as in Parse.
func TestParseForeignPassesOverThumbprints(t *testing.T) {
	for _, header := range []string{goodHeader, `{"alg":"EdDSA","x5t":"a"}`, `{"alg":"EdDSA","kid":"k","x5t":"a","x5t#S256":"b","typ":"JWT"}`} {
		token, err := ParseForeign(sign(header, `{}`), "EdDSA")
		if err != nil {
			t.Errorf("ParseForeign with %s: %v", header, err)
			continue
		}
		if _, err := token.Verify(private.Public()); err != nil {
			t.Errorf("Verify with %s: %v", header, err)
		}
	}
	for name, raw := range map[string]string{
		"x5t a number":     sign(`{"alg":"EdDSA","x5t":1}`, `{}`),
		"x5t#S256 a list":  sign(`{"alg":"EdDSA","x5t#S256":["a"]}`, `{}`),
		"x5t twice":        sign(`{"alg":"EdDSA","x5t":"a","x5t":"b"}`, `{}`),
		"x5c":              sign(`{"alg":"EdDSA","x5c":["a"]}`, `{}`),
		"x5u":              sign(`{"alg":"EdDSA","x5u":"https://evil.example"}`, `{}`),
		"jku":              sign(`{"alg":"EdDSA","jku":"https://evil.example"}`, `{}`),
		"jwk":              sign(`{"alg":"EdDSA","jwk":{}}`, `{}`),
		"crit":             sign(`{"alg":"EdDSA","crit":["exp"]}`, `{}`),
		"cty":              sign(`{"alg":"EdDSA","cty":"JWT"}`, `{}`),
		"algorithm":        sign(`{"alg":"none"}`, `{}`),
		"not canonical":    sign(goodHeader, `{}`) + "=",
		"X5T":              sign(`{"alg":"EdDSA","X5T":"a"}`, `{}`),
		"an unknown thing": sign(`{"alg":"EdDSA","a":"a"}`, `{}`),
	} {
		if token, err := ParseForeign(raw, "EdDSA"); !errors.Is(err, ErrMalformed) || token != nil {
			t.Errorf("%s: ParseForeign = %v, %v; want %v", name, token, err, ErrMalformed)
		}
	}
	for _, header := range []string{`{"alg":"EdDSA","x5t":"a"}`, `{"alg":"EdDSA","x5t#S256":"a"}`} {
		if _, err := Parse(sign(header, `{}`), "EdDSA"); !errors.Is(err, ErrMalformed) {
			t.Errorf("Parse with %s = %v; want %v", header, err, ErrMalformed)
		}
	}
}

func TestParseAtTheSizeLimit(t *testing.T) {
	fill := strings.Repeat("a", (MaxSize-len(sign(goodHeader, "")))*3/4-1)
	raw := sign(goodHeader, fill)
	if len(raw) > MaxSize || len(raw) < MaxSize-4 {
		t.Fatalf("the test's token has %d bytes; want about %d", len(raw), MaxSize)
	}
	if _, err := Parse(raw, "EdDSA"); err != nil {
		t.Errorf("Parse of %d bytes: %v", len(raw), err)
	}
}

// TestDecode: RFC 7519 section 4 (names are unique), RFC 8259 section 8.3 (compared exactly).
func TestDecode(t *testing.T) {
	var claims struct {
		Subject string `json:"sub"`
	}
	for _, bad := range []string{`{"sub":"a","sub":"b"}`, `{"sub":1}`, `[]`, ``, `{}{}`, `{"x":1,"x":2}`} {
		if err := Decode([]byte(bad), &claims); !errors.Is(err, ErrMalformed) {
			t.Errorf("Decode(%s) = %v; want %v", bad, err, ErrMalformed)
		}
	}
	claims.Subject = ""
	if err := Decode([]byte(`{"SUB":"a"}`), &claims); err != nil || claims.Subject != "" {
		t.Errorf(`Decode({"SUB"}) = %q, %v; want nothing read`, claims.Subject, err)
	}
}

// FuzzParse demands that one signature has one text: what is accepted must be exactly the canonical
// encoding of what was signed.
func FuzzParse(f *testing.F) {
	good := sign(goodHeader, `{"sub":"u"}`)
	for _, seed := range []string{good, good + "=", good + "\n", "..", "", "e30.e30.e30", sign(`{"alg":"EdDSA"}`, ``), sign(`{"alg":"none"}`, `{}`)} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		token, err := Parse(raw, "EdDSA")
		if (token == nil) == (err == nil) {
			t.Fatalf("Parse = %v, %v; want a token or an error", token, err)
		}
		if err != nil {
			if !errors.Is(err, ErrMalformed) {
				t.Errorf("Parse = %v; want %v", err, ErrMalformed)
			}
			return
		}
		if token.Algorithm != "EdDSA" || len(raw) > MaxSize {
			t.Errorf("accepted algorithm %q, %d bytes", token.Algorithm, len(raw))
		}
		for segment := range strings.SplitSeq(raw, ".") {
			if b, err := base64.RawURLEncoding.DecodeString(segment); err != nil || b64(string(b)) != segment {
				t.Errorf("accepted segment %q", segment)
			}
		}
		payload, err := token.Verify(private.Public())
		if err == nil && raw[strings.IndexByte(raw, '.')+1:strings.LastIndexByte(raw, '.')] != b64(string(payload)) {
			t.Errorf("Verify returned another payload than was signed: %q", payload)
		}
	})
}
