package mail

import (
	"os"
	"path/filepath"
	"regexp"
	"testing"
	"time"

	"keyturn/accounts"
	"keyturn/audit/spoken"
)

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
}

// changes are the words that letters about ways to sign in are given, read in accounts, each with its file.
func changes(t *testing.T) map[string]string {
	t.Helper()
	files, err := filepath.Glob("../*.go")
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]string{}
	for _, name := range files {
		source, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range regexp.MustCompile(`waysChanged\([\w.]+, "([a-z_]+)"`).FindAllStringSubmatch(string(source), -1) {
			found[m[1]] = name
		}
	}
	if len(found) < 5 {
		t.Errorf("only %d changes found", len(found))
	}
	return found
}

// TestEveryTextIsUsedAndThere puts together the keys of all that letters say.
func TestEveryTextIsUsedAndThere(t *testing.T) {
	used := map[string]bool{"greeting": true, "footer": true, "link.fallback": true, "link.once": true}
	for kind, facts := range kinds {
		parts := []string{".subject", ".text", ".unasked"}
		if l := sample(kind, "en"); l.Link != nil {
			parts = append(parts, ".action")
		}
		for _, part := range parts {
			used[string(kind)+part] = true
		}
		for _, name := range facts {
			used["fact."+name] = true
		}
	}
	for _, unit := range []string{"minutes", "hours", "days"} {
		used["span."+unit+".one"], used["span."+unit+".other"] = true, true
	}
	for word := range changes(t) {
		used["change."+word] = true
	}
	texts := mustCatalogues(t)[0].ByKey
	for key := range used {
		if texts[key] == "" {
			t.Errorf("there is no text %q", key)
		}
	}
	for key := range texts {
		if !used[key] {
			t.Errorf("nothing uses %q", key)
		}
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
		if got := spoken.Languages()[pick(tag)]; got != want {
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
