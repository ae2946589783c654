package keys

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
)

func sealed(t *testing.T, m *Master, a Algorithm) Record {
	t.Helper()
	private, err := generate(a)
	if err != nil {
		t.Fatal(err)
	}
	r, err := m.seal(Key{
		Algorithm: a, Purpose: Token, Epoch: 1, PublishedAt: day0, SignsFrom: day0,
		SignsUntil: day0.Add(time.Hour), VerifiesUntil: day0.Add(2 * time.Hour),
	}, private)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestSealedKeyOpensWithEachAlgorithm(t *testing.T) {
	m := newMaster(t)
	for _, a := range algorithms {
		r := sealed(t, m, a)
		pair, err := m.open(r)
		if err != nil {
			t.Fatalf("%s: %v", a, err)
		}
		if pair.kid != r.KID || bytes.Contains(r.PublicJWK, []byte(`"d"`)) {
			t.Errorf("%s: kid %s of row %s, public JWK %s", a, pair.kid, r.KID, r.PublicJWK)
		}
	}
}

// RFC 7638 section 3.1: the thumbprint of the example key.
func TestThumbprintRFC7638Section3_1(t *testing.T) {
	const jwk = `{"kty":"RSA","n":"0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw","e":"AQAB"}`
	var key jose.JSONWebKey
	if err := json.Unmarshal([]byte(jwk), &key); err != nil {
		t.Fatal(err)
	}
	got, err := thumbprint(key.Key)
	if want := "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"; err != nil || got != want {
		t.Errorf("got %s %v, want %s", got, err, want)
	}
}

func TestEveryChangedFieldOfARowIsRefused(t *testing.T) {
	m := newMaster(t)
	good, other := sealed(t, m, EdDSA), sealed(t, m, EdDSA)
	for name, change := range map[string]func(*Record){
		"kid":                  func(r *Record) { r.KID = other.KID },
		"algorithm":            func(r *Record) { r.Algorithm = RS256 },
		"purpose":              func(r *Record) { r.Purpose = Refresh },
		"epoch":                func(r *Record) { r.Epoch++ },
		"published_at":         func(r *Record) { r.PublishedAt = r.PublishedAt.Add(time.Microsecond) },
		"signs_from":           func(r *Record) { r.SignsFrom = r.SignsFrom.Add(-time.Microsecond) },
		"signs_until":          func(r *Record) { r.SignsUntil = r.SignsUntil.Add(time.Microsecond) },
		"verifies_until":       func(r *Record) { r.VerifiesUntil = r.VerifiesUntil.Add(time.Microsecond) },
		"revoked_at":           func(r *Record) { r.RevokedAt = time.UnixMicro(0) },
		"public key":           func(r *Record) { r.PublicJWK = other.PublicJWK },
		"private key":          func(r *Record) { r.Sealed = other.Sealed },
		"tag":                  func(r *Record) { r.Tag = other.Tag },
		"no tag":               func(r *Record) { r.Tag = nil },
		"bytes moved to a kid": func(r *Record) { r.KID, r.Algorithm = r.KID+"E", r.Algorithm[1:] },
	} {
		r := good
		change(&r)
		var bad *BadRow
		if _, err := m.open(r); !errors.As(err, &bad) || bad.KID != r.KID {
			t.Errorf("%s changed: got %v, want a BadRow of it", name, err)
		}
	}
	// A tag that fits does not save a row that does not fit itself.
	for name, change := range map[string]func(*Record){
		"foreign kid":         func(r *Record) { r.KID = other.KID },
		"foreign private key": func(r *Record) { r.Sealed = other.Sealed },
		"foreign public key":  func(r *Record) { r.PublicJWK = other.PublicJWK },
		"wrong algorithm":     func(r *Record) { r.Algorithm = ES256 },
		"unknown purpose":     func(r *Record) { r.Purpose = "both" },
		"broken seal":         func(r *Record) { r.Sealed = []byte("age-encryption.org/v1\n") },
	} {
		r := good
		change(&r)
		if _, err := m.open(m.tagged(r)); err == nil || !strings.Contains(err.Error(), "its tag is good but") {
			t.Errorf("%s: got %v, want a refusal", name, err)
		}
	}
}

func TestWeakOrUnfittingKeysAreRefused(t *testing.T) {
	t.Setenv("GODEBUG", "rsa1024min=0")
	short, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	p384, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		key crypto.Signer
		a   Algorithm
	}{{short, RS256}, {p384, ES256}, {p384, EdDSA}} {
		if _, err := newMaster(t).seal(Key{Algorithm: c.a, Purpose: Token}, c.key); err == nil {
			t.Errorf("%T was taken for %s", c.key, c.a)
		}
	}
}

func TestMasterFileMayHoldSeveralIdentities(t *testing.T) {
	oldText, old, err := GenerateMaster()
	if err != nil {
		t.Fatal(err)
	}
	newText, _, err := GenerateMaster()
	if err != nil {
		t.Fatal(err)
	}
	both, err := ParseMaster([]byte("# both\r\n\r\n" + string(newText) + string(oldText)))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := both.open(sealed(t, old, EdDSA)); err != nil {
		t.Errorf("a row of the second identity: %v", err)
	}
	if _, err := old.open(sealed(t, both, EdDSA)); err == nil {
		t.Error("the first identity did not seal")
	}
}

func TestMasterIsNeverTold(t *testing.T) {
	text, m, err := GenerateMaster()
	if err != nil {
		t.Fatal(err)
	}
	secret := strings.TrimSpace(string(text[bytes.LastIndex(text[:len(text)-1], []byte("\n"))+1:]))
	_, broken := ParseMaster([]byte(secret[:len(secret)-1]))
	for _, told := range []string{fmt.Sprint(m), fmt.Sprintf("%+v", m), fmt.Sprintf("%#v", m), fmt.Sprint(broken)} {
		if strings.Contains(told, secret[20:40]) {
			t.Errorf("the identity is told: %s", told)
		}
	}
	for _, bad := range []string{"", "# nothing\n", "AGE-SECRET-KEY-1", secret + secret, "age1" + secret, strings.Repeat("#", maxMaster+1)} {
		if _, err := ParseMaster([]byte(bad)); err == nil {
			t.Errorf("taken as a master identity: %.40q", bad)
		}
	}
}

func FuzzParseMaster(f *testing.F) {
	text, _, err := GenerateMaster()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(text)
	f.Add(bytes.ToLower(text))
	f.Add([]byte("# only a comment"))
	f.Add([]byte("AGE-SECRET-KEY-1\n\x00"))
	f.Fuzz(func(t *testing.T, text []byte) {
		m, err := ParseMaster(text)
		if (m == nil) == (err == nil) {
			t.Fatalf("got %v and %v", m, err)
		}
		if m == nil {
			return
		}
		r := m.tagged(Record{Key: Key{KID: "k"}})
		if !m.authentic(r) {
			t.Fatal("a master does not know its own tag")
		}
	})
}
