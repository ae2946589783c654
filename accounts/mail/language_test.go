package mail

import (
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"keyturn/accounts"
)

var placeholder = regexp.MustCompile(`\{[a-z]+\}`)

// TestEveryLanguageHasEveryText: the same keys, with the same placeholders, and none empty.
func TestEveryLanguageHasEveryText(t *testing.T) {
	all, err := readCatalogues()
	if err != nil {
		t.Fatal(err)
	}
	if len(all) != len(languages) || len(all) < 2 {
		t.Fatalf("%d catalogues", len(all))
	}
	files, err := filepath.Glob("texts/*.json")
	if err != nil || len(files) != len(languages) {
		t.Errorf("texts/ has %v (%v), want those of the languages", files, err)
	}
	first := all[0]
	for _, c := range all[1:] {
		for _, key := range slices.Sorted(maps.Keys(first.texts)) {
			text, has := c.texts[key]
			if !has || strings.TrimSpace(text) == "" {
				t.Errorf("%s lacks %q", c.language, key)
				continue
			}
			want, got := placeholder.FindAllString(first.texts[key], -1), placeholder.FindAllString(text, -1)
			slices.Sort(want)
			slices.Sort(got)
			if !slices.Equal(slices.Compact(want), slices.Compact(got)) {
				t.Errorf("%q has %v in %s, want %v", key, got, c.language, want)
			}
		}
		for key := range c.texts {
			if _, has := first.texts[key]; !has {
				t.Errorf("%s has %q, which nothing uses", c.language, key)
			}
		}
	}
}

// TestEveryLetterHasItsTexts reads accounts for the letters that there are.
func TestEveryLetterHasItsTexts(t *testing.T) {
	source, err := os.ReadFile("../letter.go")
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	for _, m := range regexp.MustCompile(`LetterKind = "([a-z_]+)"`).FindAllStringSubmatch(string(source), -1) {
		found++
		if _, known := kinds[accounts.LetterKind(m[1])]; !known {
			t.Errorf("there are no texts for the letter %q", m[1])
		}
	}
	if found < 10 {
		t.Errorf("only %d letters found", found)
	}
	used := map[string]bool{}
	for key := range mustCatalogues(t)[0].texts {
		kind, _, _ := strings.Cut(key, ".")
		if _, isKind := kinds[accounts.LetterKind(kind)]; !isKind && !slices.Contains([]string{"greeting", "footer", "link", "span", "fact", "change"}, kind) {
			t.Errorf("nothing uses %q", key)
		}
		used[kind] = true
	}
	for kind := range kinds {
		if !used[string(kind)] {
			t.Errorf("%s has no texts", kind)
		}
	}
}

// TestChangesHaveTexts reads accounts for the words that letters about ways to sign in are given.
func TestChangesHaveTexts(t *testing.T) {
	files, err := filepath.Glob("../*.go")
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	for _, name := range files {
		source, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range regexp.MustCompile(`waysChanged\(\w+, "([a-z_]+)"`).FindAllStringSubmatch(string(source), -1) {
			found++
			if mustCatalogues(t)[0].texts["change."+m[1]] == "" {
				t.Errorf("%s: there is no text for the change %q", name, m[1])
			}
		}
	}
	if found < 5 {
		t.Errorf("only %d changes found", found)
	}
}

func mustCatalogues(t *testing.T) []catalogue {
	t.Helper()
	all, err := readCatalogues()
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func TestLanguageOfALetter(t *testing.T) {
	for tag, want := range map[string]string{
		"": "en", "de": "de", "de-AT": "de", "DE": "de", "en-GB": "en", "fr": "en", "gsw": "de", "x": "en", "de\r\nBcc: a@example.com": "en",
	} {
		if got := languages[pick(tag)].String(); got != want {
			t.Errorf("%q: got %s, want %s", tag, got, want)
		}
	}
}

func TestSpanIsNeverLongerThanItIs(t *testing.T) {
	c := mustCatalogues(t)[0]
	for d, want := range map[time.Duration]string{
		time.Minute: "1 minute", 90 * time.Second: "1 minute", 30 * time.Minute: "30 minutes", time.Hour: "60 minutes",
		3*time.Hour - time.Second: "2 hours", 24 * time.Hour: "24 hours", 71 * time.Hour: "2 days", 7 * 24 * time.Hour: "7 days",
	} {
		if got, err := c.span(d); got != want || err != nil {
			t.Errorf("%s: got %q, %v, want %q", d, got, err, want)
		}
	}
}
