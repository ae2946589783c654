package admin

import (
	"bytes"
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"unicode/utf8"

	"keyturn/accounts"
	"keyturn/issuer/oauth"
)

// Whatever is taken is what a plain reader makes of it, with no name twice in any spelling.
func FuzzMembers(f *testing.F) {
	for _, seed := range []string{
		`{}`, `{"text": "x", "flag": true, "list": ["a", "b"], "maybe": "y"}`, `{"text": "a", "text": "b"}`, `{"Text": "a"}`,
		`{"te\u0078t": "\u00e9\ud83d\ude00"}`, `{"text": "\ud800"}`, `{"text": null}`, `{"list": [null]}`, `{"flag": "true"}`,
		`{} {}`, `[`, `{"text": "\u0000"}`, `{"text": {"text": 1}}`, "\xff", `{"text":"x"`, ` { "flag" : false } `, `{"":1}`, `{1:2}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		var text string
		var maybe *string
		var flag bool
		var list []string
		err := members{"text": &text, "maybe": &maybe, "flag": &flag, "list": &list}.decode(raw)
		if err != nil {
			if p, ok := err.(*Problem); !ok || p.Status != 400 || utf8.RuneCountInString(p.Param) > 65 {
				t.Fatalf("refused by %#v", err)
			}
			return
		}
		var plain map[string]any
		if err := json.Unmarshal(raw, &plain); err != nil {
			t.Fatalf("took %q, which is %v", raw, err)
		}
		if n := countMembers(t, raw); n != len(plain) {
			t.Fatalf("%d members, want %d in %q", n, len(plain), raw)
		}
		given := map[string]any{"text": text, "flag": flag}
		if maybe != nil {
			given["maybe"] = *maybe
		}
		for name, value := range plain {
			if name == "list" {
				if len(value.([]any)) != len(list) {
					t.Errorf("list is %v, want %v", list, value)
				}
				continue
			}
			if given[name] != value {
				t.Errorf("%s is %v, want %v", name, given[name], value)
			}
		}
		for _, s := range append([]string{text}, list...) {
			if !utf8.ValidString(s) || strings.ContainsAny(s, "\x00\uFFFD") {
				t.Errorf("took %q", s)
			}
		}
	})
}

// countMembers counts repeated names as often as they are there.
func countMembers(t *testing.T, raw []byte) int {
	t.Helper()
	decoder := json.NewDecoder(bytes.NewReader(raw))
	if _, err := decoder.Token(); err != nil {
		t.Fatal(err)
	}
	n := 0
	for ; decoder.More(); n++ {
		if _, err := decoder.Token(); err != nil {
			t.Fatal(err)
		}
		var value json.RawMessage
		if err := decoder.Decode(&value); err != nil {
			t.Fatal(err)
		}
	}
	return n
}

// Names count to the letter, and each once, however it is written (RFC 8259 section 4).
func TestMembersRefuseRepeatedNames(t *testing.T) {
	for raw, param := range map[string]string{
		`{"text": "a", "text": "a"}`:           "text",
		`{"text": "a", "t\u0065xt": "b"}`:      "text",
		`{"text": "a", "TEXT": "b"}`:           "TEXT",
		`{"flag": true, "list": [], "flag":1}`: "flag",
	} {
		var text string
		var flag bool
		var list []string
		err := members{"text": &text, "flag": &flag, "list": &list}.decode([]byte(raw))
		if p, ok := err.(*Problem); !ok || p.Param != param {
			t.Errorf("%s: %v, want a problem with %s", raw, err, param)
		}
	}
}

// A member of the metadata that the reader forgot could be set by nobody.
func TestEveryMemberOfClientsIsRead(t *testing.T) {
	known := (&clientBody{}).members()
	for field := range reflect.TypeFor[oauth.Metadata]().Fields() {
		name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
		if known[name] == nil {
			t.Errorf("%s is not read", name)
		}
	}
}

func TestEveryStandardClaimIsRead(t *testing.T) {
	for field := range reflect.TypeFor[accounts.StandardClaims]().Fields() {
		name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
		value := `"x"`
		switch field.Type.Kind() {
		case reflect.Bool:
			value = "true"
		case reflect.Pointer:
			value = `{"country": "x"}`
		}
		claims, err := ReadClaims([]byte(`{"` + name + `": ` + value + `}`))
		if err != nil || reflect.ValueOf(claims).FieldByIndex(field.Index).IsZero() {
			t.Errorf("%s: %v", name, err)
		}
	}
}
