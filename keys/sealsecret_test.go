package keys

import (
	"bytes"
	"errors"
	"testing"
)

func ringOf(t *testing.T, masters ...[]byte) *Ring {
	t.Helper()
	m, err := ParseMaster(bytes.Join(masters, []byte("\n")))
	if err != nil {
		t.Fatal(err)
	}
	return &Ring{Master: m}
}

func masterText(t *testing.T) []byte {
	t.Helper()
	text, _, err := GenerateMaster()
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func TestSealedSecretOpensForItsOwnerAlone(t *testing.T) {
	mine, other := masterText(t), masterText(t)
	r := ringOf(t, mine)
	sealed, err := r.SealSecret("app", "peter", []byte("web fluid"))
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(sealed, []byte("web")) {
		t.Error("the secret stands in what is stored")
	}
	plain, byFirst, err := r.OpenSecret("app", "peter", sealed)
	if err != nil || !byFirst || string(plain) != "web fluid" {
		t.Errorf("got %q, first %v, %v", plain, byFirst, err)
	}
	for i := range sealed {
		altered := bytes.Clone(sealed)
		altered[i] ^= 1
		if _, _, err := r.OpenSecret("app", "peter", altered); !errors.Is(err, ErrUnopened) {
			t.Fatalf("byte %d altered: %v", i, err)
		}
	}
	for name, open := range map[string]func() error{
		"another owner":   func() error { _, _, err := r.OpenSecret("app", "norman", sealed); return err },
		"another purpose": func() error { _, _, err := r.OpenSecret("ap", "ppeter", sealed); return err },
		"another master":  func() error { _, _, err := ringOf(t, other).OpenSecret("app", "peter", sealed); return err },
		"no master":       func() error { _, _, err := (&Ring{}).OpenSecret("app", "peter", sealed); return err },
		"cut short":       func() error { _, _, err := r.OpenSecret("app", "peter", sealed[:11]); return err },
		"nothing":         func() error { _, _, err := r.OpenSecret("app", "peter", nil); return err },
	} {
		if err := open(); !errors.Is(err, ErrUnopened) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if plain, byFirst, err := ringOf(t, other, mine).OpenSecret("app", "peter", sealed); err != nil || byFirst || string(plain) != "web fluid" {
		t.Errorf("the second identity: got %q, first %v, %v", plain, byFirst, err)
	}
	if _, err := (&Ring{}).SealSecret("app", "peter", nil); err == nil {
		t.Error("sealed without a master identity")
	}
}
