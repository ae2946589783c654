package keys

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"keyturn/audit"
	"keyturn/verify/jws"
)

func refreshRequest(at time.Time) SignRequest {
	return SignRequest{
		Purpose: Refresh, Algorithm: EdDSA, Type: "rt+jwt", At: at,
		Expires: at.Add(24 * time.Hour), Claims: []byte(`{"jti":"g.1"}`),
	}
}

func TestSignAndVerifyWithEveryAlgorithm(t *testing.T) {
	r, _, _ := started(t, testPolicy(algorithms...))
	for _, a := range algorithms {
		raw, err := accessToken(r, a)
		if err != nil {
			t.Fatalf("%s: %v", a, err)
		}
		want := Verified{KID: signing(t, r, Token, a).KID, Purpose: Token, Type: "at+jwt", Algorithm: a}
		got, err := r.Verify(t.Context(), raw)
		if err != nil || string(got.Claims) != `{"sub":"u"}` {
			t.Fatalf("%s: %+v, %v", a, got, err)
		}
		if got.Claims = nil; got.KID != want.KID || got.Purpose != want.Purpose || got.Type != want.Type || got.Algorithm != want.Algorithm {
			t.Errorf("got %+v, want %+v", got, want)
		}
		header, _, _ := strings.Cut(raw, ".")
		text, err := base64.RawURLEncoding.DecodeString(header)
		if wanted := `{"alg":"` + string(a) + `","kid":"` + want.KID + `","typ":"at+jwt"}`; err != nil || string(text) != wanted {
			t.Errorf("header %s, want %s", text, wanted)
		}
	}
}

// TestSignaturesAreThoseOfGoJose: RFC 7515 section 3.1, RFC 7518 sections 3.3 to 3.5, RFC 8037 section 3.1. What is
// signed here, go-jose takes; where a signature is a function of key and input, it makes the same bytes.
func TestSignaturesAreThoseOfGoJose(t *testing.T) {
	r, _, _ := started(t, testPolicy(algorithms...))
	// As many as it takes for r or s of ES256 to begin with zero bytes: they keep their 32 bytes each.
	tokens := map[Algorithm]int{RS256: 3, PS256: 3, ES256: 1500, EdDSA: 3}
	for _, a := range algorithms {
		m := r.snapshot.Load().opened[signing(t, r, Token, a).KID].material
		signer, err := jose.NewSigner(jose.SigningKey{
			Algorithm: jose.SignatureAlgorithm(a), Key: jose.JSONWebKey{Key: m.private, KeyID: m.kid},
		}, (&jose.SignerOptions{}).WithType("at+jwt"))
		if err != nil {
			t.Fatal(err)
		}
		for n := range tokens[a] {
			payload := fmt.Appendf(nil, `{"n":%d,"text":"äöü <&> \u0000"}`, n)
			raw, err := m.sign("at+jwt", payload)
			if err != nil {
				t.Fatalf("%s: %v", a, err)
			}
			parsed, err := jose.ParseSigned(raw, []jose.SignatureAlgorithm{jose.SignatureAlgorithm(a)})
			if err != nil {
				t.Fatalf("%s: %v in %s", a, err, raw)
			}
			if got, err := parsed.Verify(m.public); err != nil || !bytes.Equal(got, payload) {
				t.Fatalf("%s: %s, %v", a, got, err)
			}
			if a == PS256 || a == ES256 {
				continue
			}
			theirs, err := signer.Sign(payload)
			if err != nil {
				t.Fatal(err)
			}
			if want, err := theirs.CompactSerialize(); err != nil || raw != want {
				t.Errorf("%s: got\n%s\nwant\n%s\n%v", a, raw, want, err)
			}
		}
	}
}

// TestSaltIsAsLongAsTheHash: RFC 7518 section 3.5.
func TestSaltIsAsLongAsTheHash(t *testing.T) {
	r, _, _ := started(t, testPolicy(PS256))
	m := r.snapshot.Load().opened[signing(t, r, Token, PS256).KID].material
	signature, err := m.signature([]byte("input"))
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256([]byte("input"))
	if err := rsa.VerifyPSS(m.public.(*rsa.PublicKey), crypto.SHA256, sum[:], signature, &rsa.PSSOptions{SaltLength: sha256.Size}); err != nil {
		t.Error(err)
	}
}

func TestRefreshTokenMadeAgainIsTheSameBytesOnEveryInstance(t *testing.T) {
	a, store, c := started(t, testPolicy())
	at := c.now()
	first, err := a.Sign(refreshRequest(at))
	if err != nil {
		t.Fatal(err)
	}
	c.advance(testPolicy().Lead)
	if _, err := a.Rotate(t.Context(), Rotation{Mode: Immediate}, "", audit.Actor{Rights: audit.ManageAll}); err != nil {
		t.Fatal(err)
	}
	b := newRing(store, a.Master, c.now, testPolicy())
	if err := b.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	for name, r := range map[string]*Ring{"the same instance": a, "another instance": b} {
		if again, err := r.Sign(refreshRequest(at)); err != nil || again != first {
			t.Errorf("%s, after the key turned: %v\n%s\n%s", name, err, again, first)
		}
	}
	if newer, err := b.Sign(refreshRequest(c.now())); err != nil || newer == first {
		t.Errorf("the next one is not by the new key: %v", err)
	}
}

func TestSignRefusesToOutliveItsKey(t *testing.T) {
	r, _, _ := started(t, testPolicy())
	k, q := signing(t, r, Token, RS256), SignRequest{Purpose: Token, Algorithm: RS256, At: r.Now(), Claims: []byte("{}")}
	q.Expires = k.VerifiesUntil
	if _, err := r.Sign(q); err != nil {
		t.Errorf("until the key's end: %v", err)
	}
	q.Expires = k.VerifiesUntil.Add(time.Microsecond)
	if _, err := r.Sign(q); !errors.Is(err, ErrBeyondKey) {
		t.Errorf("beyond it: got %v, want ErrBeyondKey", err)
	}
}

// TestSigningAsksForNoPolicy: it is put together from all resources and clients, which must not make each
// signature dearer. Where another lane has to stand in, it decides which.
func TestSigningAsksForNoPolicy(t *testing.T) {
	r, _, _ := started(t, testPolicy(RS256, EdDSA))
	asked, policy := 0, r.Policy
	r.Policy = func() Policy { asked++; return policy() }
	for _, sign := range []struct {
		algorithm Algorithm
		want      int
	}{{RS256, 0}, {EdDSA, 0}, {ES256, 1}} {
		asked = 0
		if _, err := accessToken(r, sign.algorithm); err != nil || asked != sign.want {
			t.Errorf("%s: the policy was asked for %d times, want %d; %v", sign.algorithm, asked, sign.want, err)
		}
	}
}

func TestNoKeySignsBeforeItsTurnOrForAForeignTime(t *testing.T) {
	r, _, _ := started(t, testPolicy())
	waiting := signing(t, r, Refresh, EdDSA).SignsUntil
	for name, at := range map[string]time.Time{
		"a waiting key's turn": waiting, "before the first key": day0.Add(-time.Second), "no time at all": {},
	} {
		if _, err := r.Sign(refreshRequest(at)); !errors.Is(err, ErrNoSigningKey) {
			t.Errorf("%s: got %v, want ErrNoSigningKey", name, err)
		}
	}
}

func TestChangedAlgorithmKeepsTheOldOneSigningDuringTheLead(t *testing.T) {
	r, _, c := started(t, testPolicy(ES256))
	p := testPolicy(EdDSA)
	r.Policy = func() Policy { return p }
	for _, step := range []struct {
		after time.Duration
		want  Algorithm
	}{{0, ES256}, {p.Lead - time.Second, ES256}, {time.Second, EdDSA}} {
		c.advance(step.after)
		if err := r.Maintain(t.Context()); err != nil {
			t.Fatal(err)
		}
		raw, err := accessToken(r, EdDSA)
		if err != nil {
			t.Fatal(err)
		}
		if v, err := r.Verify(t.Context(), raw); err != nil || v.Algorithm != step.want {
			t.Errorf("%v later: signed with %s, %v; want %s", step.after, v.Algorithm, err, step.want)
		}
	}
}

func TestVerifyRefusesAlteredForeignAndRevoked(t *testing.T) {
	r, _, c := started(t, testPolicy(EdDSA))
	foreign, _, _ := started(t, testPolicy(EdDSA))
	raw, err := accessToken(r, EdDSA)
	if err != nil {
		t.Fatal(err)
	}
	other, err := accessToken(foreign, EdDSA)
	if err != nil {
		t.Fatal(err)
	}
	head, rest, _ := strings.Cut(raw, ".")
	body, signature, _ := strings.Cut(rest, ".")
	otherHead, otherRest, _ := strings.Cut(other, ".")
	_, otherSignature, _ := strings.Cut(otherRest, ".")
	kid := signing(t, r, Token, RS256).KID
	confused := base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"EdDSA","kid":"` + kid + `","typ":"at+jwt"}`))
	nameless := base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"EdDSA","typ":"at+jwt"}`))
	for name, c := range map[string]struct {
		raw  string
		want error
	}{
		"empty":                                  {"", jws.ErrMalformed},
		"another signature":                      {head + "." + body + "." + otherSignature, jws.ErrSignature},
		"another body":                           {head + "." + base64.RawURLEncoding.EncodeToString([]byte("{}")) + "." + signature, jws.ErrSignature},
		"a foreign key":                          {other, ErrUnknownKey},
		"a foreign header":                       {otherHead + "." + body + "." + signature, ErrUnknownKey},
		"no kid":                                 {nameless + "." + body + "." + signature, ErrUnknownKey},
		"algorithm not the key's (RFC 8725 3.1)": {confused + "." + body + "." + signature, ErrInvalidToken},
	} {
		v, err := r.Verify(t.Context(), c.raw)
		if !errors.Is(err, c.want) || v.Claims != nil || errors.Is(err, ErrInvalidToken) == (c.want == ErrUnknownKey) {
			t.Errorf("%s: got %v, want %v", name, err, c.want)
		}
	}
	if _, err := r.Revoke(t.Context(), signing(t, r, Token, EdDSA).KID, "", audit.Actor{Rights: audit.ManageAll}); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Verify(t.Context(), raw); !errors.Is(err, ErrUnknownKey) {
		t.Errorf("by a revoked key: got %v, want ErrUnknownKey", err)
	}
	token, err := accessToken(r, RS256)
	if err != nil {
		t.Fatal(err)
	}
	k := signing(t, r, Token, RS256)
	for range 3 { // the key retires and goes
		c.advance(k.VerifiesUntil.Sub(day0)/2 + time.Second)
		if err := r.Maintain(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := r.Verify(t.Context(), token); !errors.Is(err, ErrUnknownKey) {
		t.Errorf("by a key that has gone: got %v, want ErrUnknownKey", err)
	}
}

// RFC 8725 section 3.1: the key says what its algorithm is, even where another one would verify.
func TestVerifyTakesTheAlgorithmFromTheKeyRFC8725Section3_1(t *testing.T) {
	r, _, _ := started(t, testPolicy())
	own := r.snapshot.Load().opened[signing(t, r, Token, RS256).KID]
	as := &material{kid: own.kid, algorithm: PS256, private: own.private, public: own.public}
	raw, err := as.sign("at+jwt", []byte("{}"))
	if err != nil {
		t.Fatal(err)
	}
	if v, err := r.Verify(t.Context(), raw); !errors.Is(err, ErrInvalidToken) || v.Claims != nil {
		t.Errorf("PS256 by an RS256 key: got %+v, %v, want ErrInvalidToken", v, err)
	}
}

func TestUnknownKidReadsTheKeysOnceASecond(t *testing.T) {
	a, store, c := started(t, testPolicy())
	b := newRing(store, a.Master, c.now, testPolicy())
	if err := b.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := a.Rotate(t.Context(), Rotation{Mode: Compromised, All: true}, "", audit.Actor{Rights: audit.ManageAll}); err != nil {
		t.Fatal(err)
	}
	raw, err := a.Sign(refreshRequest(c.now()))
	if err != nil {
		t.Fatal(err)
	}
	if v, err := b.Verify(t.Context(), raw); err != nil || v.Purpose != Refresh {
		t.Fatalf("a key that the other instance made a moment ago: %+v, %v", v, err)
	}
	foreign, _, _ := started(t, testPolicy())
	unknown, err := foreign.Sign(refreshRequest(c.now()))
	if err != nil {
		t.Fatal(err)
	}
	before := store.readings()
	var all sync.WaitGroup
	for range 30 {
		all.Go(func() {
			if _, err := b.Verify(t.Context(), unknown); !errors.Is(err, ErrUnknownKey) {
				t.Errorf("got %v, want ErrUnknownKey", err)
			}
		})
	}
	all.Wait()
	if store.readings() != before {
		t.Errorf("%d more readings within the second, want none", store.readings()-before)
	}
	c.advance(time.Second)
	for range 3 {
		if _, err := b.Verify(t.Context(), unknown); !errors.Is(err, ErrUnknownKey) {
			t.Errorf("got %v, want ErrUnknownKey", err)
		}
	}
	if store.readings() != before+1 {
		t.Errorf("%d readings a second later, want 1", store.readings()-before)
	}
}

func TestUnknownKidIsNotJudgedWithTheDatabaseAway(t *testing.T) {
	r, store, c := started(t, testPolicy())
	foreign, _, _ := started(t, testPolicy())
	unknown, err := foreign.Sign(refreshRequest(c.now()))
	if err != nil {
		t.Fatal(err)
	}
	known, err := r.Sign(refreshRequest(c.now()))
	if err != nil {
		t.Fatal(err)
	}
	store.set(func() { store.err = ErrUnavailable })
	for i := range 3 { // the first one reads, the others hear how that went
		if _, err := r.Verify(t.Context(), unknown); !errors.Is(err, ErrUnavailable) || errors.Is(err, ErrUnknownKey) {
			t.Errorf("time %d: got %v, want ErrUnavailable", i, err)
		}
	}
	if _, err := r.Verify(t.Context(), known); err != nil {
		t.Errorf("a known key: %v", err)
	}
	hungUp, cancel := context.WithCancel(t.Context())
	cancel()
	store.set(func() { store.err = nil })
	c.advance(time.Second)
	if _, err := r.Verify(hungUp, unknown); !errors.Is(err, ErrUnavailable) && !errors.Is(err, ErrUnknownKey) {
		t.Errorf("database back, the caller has hung up: got %v, want ErrUnavailable or ErrUnknownKey", err)
	}
	if _, err := r.Verify(t.Context(), unknown); !errors.Is(err, ErrUnknownKey) {
		t.Errorf("whoever comes after one that hung up: got %v, want ErrUnknownKey", err)
	}
}

func TestDecodeClaimsIsStrict(t *testing.T) {
	var v struct {
		Subject string `json:"sub"`
	}
	if err := DecodeClaims([]byte(`{"sub":"a"}`), &v); err != nil || v.Subject != "a" {
		t.Errorf("%+v, %v", v, err)
	}
	if err := DecodeClaims([]byte(`{"sub":"a","sub":"b"}`), &v); !errors.Is(err, ErrInvalidToken) {
		t.Errorf("twice the same member: got %v, want ErrInvalidToken", err)
	}
}

func FuzzVerify(f *testing.F) {
	r, _, _ := started(f, testPolicy(EdDSA))
	good := map[string]bool{}
	for _, a := range []Algorithm{RS256, EdDSA} {
		raw, err := accessToken(r, a)
		if err != nil {
			f.Fatal(err)
		}
		good[raw] = true
		f.Add(raw)
		f.Add(raw[:len(raw)-1] + "A")
		f.Add(strings.Replace(raw, ".", "..", 1))
	}
	f.Add("eyJhbGciOiJub25lIn0.e30.")
	f.Fuzz(func(t *testing.T, raw string) {
		v, err := r.Verify(context.Background(), raw)
		if (err == nil) != good[raw] {
			t.Fatalf("%q: %+v, %v", raw, v, err)
		}
		if err != nil && !errors.Is(err, ErrInvalidToken) && !errors.Is(err, ErrUnknownKey) {
			t.Fatalf("%q: an error without a name: %v", raw, err)
		}
	})
}

// BenchmarkSign compares a whole token with the bare signature over as many bytes.
func BenchmarkSign(b *testing.B) {
	r, _, _ := started(b, testPolicy(EdDSA))
	claims := []byte(`{"iss":"https://id.example.com","sub":"8c0c1f86-5f06-4d2a-9c39-0a7f4d3c6a51","aud":"api","exp":1900000000,"iat":1900000000,"jti":"0123456789abcdef0123456789abcdef","client_id":"token-pair","scope":"openid profile","user_id":"8c0c1f86-5f06-4d2a-9c39-0a7f4d3c6a51","token_type":"access"}`)
	for _, a := range []Algorithm{EdDSA, RS256} {
		b.Run(string(a), func(b *testing.B) {
			q := SignRequest{Purpose: Token, Algorithm: a, Type: "at+jwt", At: r.Now(), Expires: r.Now().Add(time.Minute), Claims: claims}
			private := r.snapshot.Load().opened[signing(b, r, Token, a).KID].private
			token, err := r.Sign(q)
			if err != nil {
				b.Fatal(err)
			}
			input := []byte(token[:strings.LastIndex(token, ".")])
			const rounds = 500
			begin := time.Now()
			for range rounds {
				if err := bareSign(private, input); err != nil {
					b.Fatal(err)
				}
			}
			bare := float64(time.Since(begin).Nanoseconds()) / rounds
			for b.Loop() {
				if _, err := r.Sign(q); err != nil {
					b.Fatal(err)
				}
			}
			perToken := float64(b.Elapsed().Nanoseconds()) / float64(b.N)
			b.ReportMetric(perToken/bare, "x-bare")
			b.ReportMetric(bare, "bare-ns/op")
		})
	}
}

func bareSign(private crypto.Signer, input []byte) error {
	switch key := private.(type) {
	case ed25519.PrivateKey:
		ed25519.Sign(key, input)
		return nil
	case *rsa.PrivateKey:
		sum := sha256.Sum256(input)
		_, err := rsa.SignPKCS1v15(rand.Reader, key, crypto.SHA256, sum[:])
		return err
	}
	return errors.New("unknown key")
}
