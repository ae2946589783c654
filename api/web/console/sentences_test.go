package console_test

import (
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"

	"keyturn/api/web/console"
)

// speaking asks for pages in a language.
type speaking string

func (language speaking) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Header.Set("Accept-Language", string(language))
	return http.DefaultTransport.RoundTrip(r)
}

var aProblem = regexp.MustCompile(`<li><a href="#f-[^"]*">([^<]*)</a>: <span>(.*?)</span></li>`)

// TestFormsSayWhatToMendInTheReadersLanguage: WCAG 2.2, 3.1.1 and 3.1.2. What a form refuses is said in the language of
// the page, with nothing in English among it.
func TestFormsSayWhatToMendInTheReadersLanguage(t *testing.T) {
	in := newTown(t)
	in.boss.Transport = speaking("de")
	said := map[string]bool{}
	for _, r := range (&console.Console{}).Routes() {
		form, has := badForms[r.Path]
		if !has {
			continue
		}
		path := console.Path + in.real(r.Path) + form.query
		shown := readForm(t, in.boss.Get(path).Body)
		path, _, _ = strings.Cut(path, "?mode=")
		good := sent(shown)
		maps.Copy(good, form.with)
		for _, c := range shown {
			for _, value := range append(slices.Clone(form.wrong[c.name]), wrongAnywhere(c)...) {
				typed := maps.Clone(good)
				typed[c.name] = []string{value}
				p := in.boss.Post(path, typed)
				if p.Status != http.StatusUnprocessableEntity || strings.Contains(p.Body, `lang="en"`) {
					t.Errorf("%s: %s is %.40q: %d %s", r.Path, c.name, value, p.Status, aProblem.FindString(p.Body))
				}
				for _, m := range aProblem.FindAllStringSubmatch(p.Body, -1) {
					said[m[1]+": "+m[2]] = true
				}
			}
		}
	}
	if len(said) < 20 {
		t.Errorf("only %d problems were shown: %v", len(said), said)
	}
	for _, line := range slices.Sorted(maps.Keys(said)) {
		t.Log(line)
	}
}

// TestErrorsSpeakTheReadersLanguage: those that have a page of their own.
func TestErrorsSpeakTheReadersLanguage(t *testing.T) {
	in := newTown(t)
	in.boss.Transport = speaking("de")
	for path, want := range map[string]string{
		"/grants/none":                       `<p class="detail">Diesen Zugriff gibt es nicht.</p>`,
		"/users?%zz":                         `<p class="detail">Die Anfrage hat eine Adresse, in der hinter dem Fragezeichen etwas nicht stimmt.</p>`,
		"/audit?since=yesterday":             `<p class="detail"><code>since</code> muss ein Tag wie 2026-03-14 sein</p>`,
		"/audit?format=pdf":                  `<p class="detail"><code>format</code> muss csv oder jsonl sein</p>`,
		"/users/" + strings.Repeat("x", 200): `<p class="detail">Diese Person gibt es nicht.</p>`,
	} {
		if p := in.boss.Get(console.Path + path); !strings.Contains(p.Body, want) || strings.Contains(p.Body, `lang="en"`) {
			t.Errorf("%s: %d, without %s:\n%s", path, p.Status, want, p.Body)
		}
	}
	if p := foreignPost(in.boss, console.Path+"/users/new", url.Values{}); !strings.Contains(p.Body, `<p class="detail">Origin oder Sec-Fetch-Site sagt`) {
		t.Errorf("a forged form: %d %s", p.Status, p.Body)
	}
}

// TestLettersSayWhyTheyFailedInTheReadersLanguage, with the server's reply as it is.
func TestLettersSayWhyTheyFailedInTheReadersLanguage(t *testing.T) {
	in := newTown(t)
	giveUpFor(t, in.Server, in.letter.ID, "recipient refused: 550 <5.1.1>")
	for language, want := range map[string]string{
		"de": `Empfänger abgelehnt: <code>550 &lt;5.1.1&gt;</code>`, "en": `recipient refused: <code>550 &lt;5.1.1&gt;</code>`,
	} {
		in.boss.Transport = speaking(language)
		for _, path := range []string{"/mail", "/mail/" + in.letter.ID} {
			if p := in.boss.Get(console.Path + path); !strings.Contains(p.Body, want) {
				t.Errorf("%s in %s: without %s:\n%s", path, language, want, p.Body)
			}
		}
	}
}

// TestTheLogSaysWhyKeysChangedInTheReadersLanguage, though it is stored in English.
func TestTheLogSaysWhyKeysChangedInTheReadersLanguage(t *testing.T) {
	in := newTown(t)
	for language, want := range map[string]string{
		"de": "<code>why=</code>der nächste Schlüssel, veröffentlicht, bevor er an der Reihe ist", "en": "<code>why=</code>the next key, published ahead of its turn",
	} {
		in.boss.Transport = speaking(language)
		if p := in.boss.Get(console.Path + "/audit?action=key.created"); !strings.Contains(p.Body, want) {
			t.Errorf("in %s: without %s:\n%s", language, want, p.Body)
		}
	}
}
