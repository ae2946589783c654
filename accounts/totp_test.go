package accounts

import (
	"net/url"
	"strings"
	"testing"
	"time"
)

// RFC 6238 appendix B: the test vectors with SHA-1, of 8 digits.
func TestTOTPVectors(t *testing.T) {
	secret := []byte("12345678901234567890")
	for _, v := range []struct {
		at   int64
		code string
	}{
		{59, "94287082"}, {1111111109, "07081804"}, {1111111111, "14050471"},
		{1234567890, "89005924"}, {2000000000, "69279037"}, {20000000000, "65353130"},
	} {
		if got := totpCode(secret, totpAt(time.Unix(v.at, 0)), 8); got != v.code {
			t.Errorf("at %d: got %s, want %s", v.at, got, v.code)
		}
	}
}

// RFC 4226 appendix D: the truncated values of the first counters, of 6 digits.
func TestHOTPVectors(t *testing.T) {
	for step, want := range []string{"755224", "287082", "359152", "969429", "338314", "254676", "287922", "162583", "399871", "520489"} {
		if got := totpCode([]byte("12345678901234567890"), int64(step), 6); got != want {
			t.Errorf("counter %d: got %s, want %s", step, got, want)
		}
	}
}

// RFC 6238 section 5.2: one step of drift either way, and no code twice.
func TestTOTPWindow(t *testing.T) {
	secret, now := []byte("12345678901234567890"), time.Unix(1111111111, 0)
	at := totpAt(now)
	for drift := int64(-3); drift <= 3; drift++ {
		step, ok := totpMatch(secret, totpCode(secret, at+drift, 6), now, 0)
		if want := drift >= -1 && drift <= 1; ok != want || ok && step != at+drift {
			t.Errorf("drift %d: got step %d, %v", drift, step, ok)
		}
	}
	if _, ok := totpMatch(secret, totpCode(secret, at, 6), now, at); ok {
		t.Error("a code was taken after it was used")
	}
	if _, ok := totpMatch(secret, totpCode(secret, at-1, 6), now, at); ok {
		t.Error("a code was taken after a later one was used")
	}
	for _, wrong := range []string{"", "0", "00000", "000000 ", "abcdef", strings.Repeat("1", 1000)} {
		if _, ok := totpMatch(secret, wrong, now, 0); ok {
			t.Errorf("%q was taken", wrong)
		}
	}
}

func TestTOTPURI(t *testing.T) {
	u, err := url.Parse(totpURI("id.example.com", "peter parker/1:2?&=", []byte("12345678901234567890")))
	if err != nil {
		t.Fatal(err)
	}
	if u.Scheme != "otpauth" || u.Host != "totp" || u.Path != "/id.example.com:peter parker/1:2?&=" {
		t.Errorf("got %s", u)
	}
	if q := u.Query(); q.Get("secret") != "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ" || q.Get("issuer") != "id.example.com" || len(q) != 2 {
		t.Errorf("got %v", q)
	}
}
