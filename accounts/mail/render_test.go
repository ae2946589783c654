package mail

import (
	"flag"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"keyturn/accounts"
	"keyturn/audit/spoken"
)

var update = flag.Bool("update", false, "write the golden files anew")

func testLetters(t *testing.T) *Letters {
	t.Helper()
	l, err := NewLetters("Daily Bugle & Sons", "id.example.com")
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// sample is a letter with all facts that there are.
func sample(kind accounts.LetterKind, language string) accounts.QueuedLetter {
	l := accounts.QueuedLetter{
		Letter: accounts.Letter{
			ID: "AAAAAAAAAAAAAAAAAAAAAA", Kind: kind, To: "peter@example.com", Language: language,
			Facts: map[string]string{"username": "spiderman", "email": "parker@example.com", "change": "passkey_added", "name": "Peter’s phone"},
		},
		CreatedAt: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC),
	}
	if purpose, has := map[accounts.LetterKind]accounts.LinkPurpose{
		accounts.LetterSignUp: accounts.LinkSignUp, accounts.LetterInvitation: accounts.LinkInvitation,
		accounts.LetterPasswordReset: accounts.LinkPasswordReset, accounts.LetterEmailConfirm: accounts.LinkEmailConfirm,
	}[kind]; has {
		l.Link = &accounts.LinkTerms{Purpose: purpose, Lifetime: 24 * time.Hour}
	}
	return l
}

// TestLettersAsTheyAre holds every letter in every language to a golden file of its text and its HTML.
func TestLettersAsTheyAre(t *testing.T) {
	letters := testLetters(t)
	for _, kind := range slices.Sorted(maps.Keys(kinds)) {
		for _, language := range spoken.Languages() {
			l, url := sample(kind, language), ""
			if l.Link != nil {
				url = "https://id.example.com/link/" + string(l.Link.Purpose) + "?token=SECRET"
			}
			m, err := letters.write(l, url)
			if err != nil {
				t.Fatal(err)
			}
			for ending, got := range map[string]string{"txt": "Subject: " + m.Subject + "\n\n" + m.Text, "html": m.HTML} {
				if strings.ContainsAny(got, "{}") || strings.Contains(got, "ZgotmplZ") {
					t.Errorf("%s in %s: a placeholder is left:\n%s", kind, language, got)
				}
				if strings.Contains(got, "/link/") != (l.Link != nil) {
					t.Errorf("%s in %s: the link is missing, or there is one:\n%s", kind, language, got)
				}
				golden := "testdata/" + string(kind) + "." + language + "." + ending
				if *update {
					if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
						t.Fatal(err)
					}
				}
				if want, err := os.ReadFile(golden); err != nil || string(want) != got {
					t.Errorf("%s is not what the letter is (%v); -update writes it:\n%s", golden, err, got)
				}
			}
			for text := range strings.Lines(m.Text) {
				if n := utf8.RuneCountInString(text); n > 78 && !strings.Contains(text, "https://") {
					t.Errorf("%s in %s: a line of %d characters, want at most 78 (RFC 5322 section 2.1.1)", kind, language, n)
				}
			}
		}
	}
}

// TestFactsAreText: names that people choose become neither markup nor lines of their own.
func TestFactsAreText(t *testing.T) {
	l := sample(accounts.LetterWaysChanged, "en")
	l.Facts["name"] = "<a href=x>\r\nBcc: all@example.com\n\x1b[2J\u202Eevil\u200B " + strings.Repeat("x", 1000)
	l.Facts["change"] = "something that a newer release does"
	m, err := testLetters(t).write(l, "")
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(m.HTML, "<a href=x>") || strings.ContainsAny(m.Text+m.HTML, "\r\x1b\u202E\u200B") || strings.Contains(m.Text, "\nBcc") {
		t.Errorf("got %q and %q", m.Text, m.HTML)
	}
	if strings.Contains(m.Text, "newer release") || strings.Contains(m.Text, "What changed") || strings.Contains(m.Text, strings.Repeat("x", 250)) {
		t.Errorf("got %q", m.Text)
	}
}

// TestStrangersGetNoWordsOfOthers: whoever signs up, or gives a stranger's address, can't write to them through us.
func TestStrangersGetNoWordsOfOthers(t *testing.T) {
	for _, kind := range []accounts.LetterKind{accounts.LetterSignUp, accounts.LetterEmailConfirm} {
		m, err := testLetters(t).write(sample(kind, "en"), "https://id.example.com/link")
		if err != nil {
			t.Fatal(err)
		}
		for name, fact := range sample(kind, "en").Facts {
			if strings.Contains(m.Text+m.HTML, fact) {
				t.Errorf("%s shows the fact %s", kind, name)
			}
		}
	}
}

func TestUnknownLetterIsNotWritten(t *testing.T) {
	if m, err := testLetters(t).write(accounts.QueuedLetter{Letter: accounts.Letter{Kind: "from_the_future"}}, ""); err == nil {
		t.Errorf("got %+v", m)
	}
}
