package keys

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"regexp"
	"strings"
	"testing"
)

func TestSecretDoesNotShowItself(t *testing.T) {
	s := NewSecret()
	text := s.Reveal()
	if len(text) != 43 || text == NewSecret().Reveal() {
		t.Fatalf("secret %q, want 256 random bits as base64url", text)
	}
	var log bytes.Buffer
	slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "secret", s, "inside", struct{ S Secret }{s})
	encoded, err := json.Marshal(map[string]any{"s": s})
	if err != nil {
		t.Fatal(err)
	}
	hidden := struct{ s Secret }{s}
	for _, told := range []string{
		fmt.Sprint(s), fmt.Sprintf("%v %+v %#v %s %q %x", s, s, s, s, s, s),
		fmt.Sprintf("%v %+v %#v", hidden, hidden, hidden), string(encoded), log.String(),
	} {
		if strings.Contains(told, text) || strings.Contains(told, fmt.Sprintf("%x", text)) {
			t.Errorf("the secret is told: %s", told)
		}
	}
}

func TestHashMatchesItsSecretOnly(t *testing.T) {
	s := NewSecret()
	h, err := ParseHash(bytes.Clone(func() []byte { h := s.Hash(); return h[:] }()))
	if err != nil || !h.Matches(SecretOf(s.Reveal())) || h.Matches(NewSecret()) {
		t.Errorf("hash of a stored secret: %v", err)
	}
	if (Secret{}).Hash().Matches(Secret{}) || (Hash{}).Matches(Secret{}) {
		t.Error("an empty secret matches")
	}
	if _, err := ParseHash(h[:31]); err == nil {
		t.Error("a short hash was read")
	}
}

func TestTokenIDIs128RandomBits(t *testing.T) {
	a, b := NewTokenID(), NewTokenID()
	if a == b || !regexp.MustCompile(`^[0-9a-f]{32}$`).MatchString(a) {
		t.Errorf("got %s and %s", a, b)
	}
}

func TestIsID(t *testing.T) {
	for text, want := range map[string]bool{
		NewTokenID(): true, NewTokenID() + ".3": true, "9d6eb919-664d-4748-b52d-265009d776b0": true, "my_shop": true, strings.Repeat("a", 100): true,
		"": false, "a b": false, "a/b": false, "ä": false, "a\x00": false, "a%20": false, strings.Repeat("a", 101): false,
	} {
		if got := IsID(text); got != want {
			t.Errorf("%.40q: %v, want %v", text, got, want)
		}
	}
}
