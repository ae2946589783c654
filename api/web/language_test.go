package web

import (
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"keyturn/audit/spoken"
)

func TestLanguageIsThatOfTheReader(t *testing.T) {
	pages := testPages(t, Theme{})
	for _, c := range []struct {
		locales []string // ui_locales, OIDC Core section 3.1.2.1: in order of preference
		accept  string
		want    string
		own     string // the profile's, which comes between
	}{
		{want: "de", own: "de-AT", accept: "en"},
		{want: "en", own: "en-GB", accept: "de"},
		{want: "en", own: "de", accept: "de", locales: []string{"en"}},
		{want: "de", own: "ja", accept: "de"},
		{want: "en", own: "not a tag", accept: "en"},
		{nil, "", "en", ""},
		{nil, "de", "de", ""},
		{nil, "de-CH,de;q=0.9,en;q=0.8", "de", ""},
		{nil, "fr-FR,fr;q=0.9,de;q=0.5", "de", ""},
		{nil, "fr-FR,fr;q=0.9,en;q=0.7,de;q=0.5", "en", ""},
		{nil, "ja", "en", ""},
		{nil, "*", "en", ""},
		{nil, ";;;q=x", "en", ""},
		{nil, "de," + strings.Repeat("x", 2000), "en", ""},
		{[]string{"de"}, "en", "de", ""},
		{[]string{"en-GB"}, "de", "en", ""},
		{[]string{"ja", "de-AT"}, "en", "de", ""},
		{[]string{"ja"}, "de", "de", ""},
		{[]string{"not a tag", "../../etc", "de"}, "en", "de", ""},
		{append(slices.Repeat([]string{"ja"}, 16), "de"), "en", "en", ""},
	} {
		if got := pages.catalogues[pages.language(Look{Languages: c.locales, Locale: c.own, AcceptLanguage: c.accept})].Language; got != c.want {
			t.Errorf("ui_locales %.60q, profile %q, Accept-Language %.60q: %s, want %s", c.locales, c.own, c.accept, got, c.want)
		}
	}
}

func testCatalogues(t *testing.T) []catalogue {
	t.Helper()
	all, err := readCatalogues(textFiles)
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// TestCataloguesSayTheSame: each text is in every language, with the same placeholders.
func TestCataloguesSayTheSame(t *testing.T) {
	all := testCatalogues(t)
	if len(all) < 2 || len(all[0].ByKey) < 100 {
		t.Fatalf("%d languages, %d texts", len(all), len(all[0].ByKey))
	}
	placeholders := func(text string) []string { return slices.Sorted(slices.Values(placeholder.FindAllString(text, -1))) }
	for _, other := range all[1:] {
		for key, text := range all[0].ByKey {
			there, has := other.ByKey[key]
			if !has {
				t.Errorf("%s has no %q", other.Language, key)
				continue
			}
			if got, want := placeholders(there), placeholders(text); !slices.Equal(got, want) {
				t.Errorf("%q has %v in %s and %v in %s", key, want, all[0].Language, got, other.Language)
			}
		}
		for key := range other.ByKey {
			if _, has := all[0].ByKey[key]; !has {
				t.Errorf("%s has no %q", all[0].Language, key)
			}
		}
	}
	for _, c := range all {
		for key, text := range c.ByKey {
			if text == "" || text != strings.TrimSpace(text) || strings.ContainsAny(text, "<>&") || strings.Contains(text, "  ") {
				t.Errorf("%s: %q is %q", c.Language, key, text)
			}
		}
	}
}

// TestEveryTextIsUsedAndThere reads the templates and the program for the keys that they name.
func TestEveryTextIsUsedAndThere(t *testing.T) {
	used := map[string]string{}
	inTemplate := regexp.MustCompile(`\bt "([a-z0-9_.]+)"`)
	inProgram := regexp.MustCompile(`\.(text|count)\("([a-z0-9_.]+)"[,)]|return "((?:problem|done)\.[a-z_.]*[a-z])"`)
	for _, file := range testFiles(t, "templates/*.html") {
		for _, m := range inTemplate.FindAllStringSubmatch(file.text, -1) {
			used[m[1]] = file.name
		}
	}
	for _, file := range testFiles(t, "*.go") {
		for _, m := range inProgram.FindAllStringSubmatch(file.text, -1) {
			key := m[2] + m[3]
			if m[1] == "count" {
				used[key+".one"] = file.name
				key += ".other"
			}
			used[key] = file.name
		}
	}
	for _, key := range errorKeys {
		for _, part := range []string{".title", ".kept", ".next"} {
			used["error."+key+part] = "errorKeys"
		}
	}
	for _, scope := range plainScopes {
		for _, part := range []string{".name", ".title", ".text"} {
			used["scope."+scope+part] = "plainScopes"
		}
	}
	for _, claim := range plainClaims {
		used["claim."+claim] = "plainClaims"
	}
	used["newapp.name"], used["newpasskey.name"] = "defaultName", "defaultName"
	for month := 1; month <= 12; month++ {
		used["month."+strconv.Itoa(month)] = "catalogue.date"
	}
	for _, done := range append([]string{"anything else"}, dones...) {
		used[doneKey(done)] = "doneKey"
	}
	for _, field := range []string{"username", "password"} {
		used[(SignIn{Problem: Problem{Kind: ProblemMissing}}).Wrong(field)] = "Wrong"
	}
	useStepTexts(used)
	texts := testCatalogues(t)[0].ByKey
	for key, where := range used {
		if _, has := texts[key]; !has {
			t.Errorf("%s: there is no text %q", where, key)
		}
	}
	for _, key := range slices.Sorted(maps.Keys(texts)) {
		if used[key] == "" {
			t.Errorf("nothing uses %q", key)
		}
	}
}

// useStepTexts notes those that the pages of self-service name by their parts.
func useStepTexts(used map[string]string) {
	for name, parts := range stepTexts {
		for _, part := range append([]string{"title"}, parts...) {
			used["step."+string(name)+"."+part] = "stepTexts"
		}
	}
	for field, wrongs := range fieldWrongs {
		used["field."+field] = "fieldWrongs"
		for _, wrong := range wrongs {
			used["wrong."+strings.TrimPrefix(field, "new_")+"."+wrong] = "fieldWrongs"
		}
	}
	for _, field := range fieldHelps {
		used["field."+field+".help"] = "fieldHelps"
	}
	for _, way := range wayKeys {
		used["way."+way] = "wayKeys"
	}
	used["language.self"] = "languageName"
}

type testFile struct{ name, text string }

func testFiles(t *testing.T, pattern string) []testFile {
	t.Helper()
	names, err := filepath.Glob(pattern)
	if err != nil || len(names) == 0 {
		t.Fatal(names, err)
	}
	var files []testFile
	for _, name := range names {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, testFile{name, string(text)})
	}
	return files
}

func TestTimesInWords(t *testing.T) {
	all := testCatalogues(t)
	for _, c := range []struct {
		passed time.Duration
		want   [2]string
	}{
		{-time.Hour, [2]string{"just now", "gerade eben"}}, // the database's clock may be ahead
		{0, [2]string{"just now", "gerade eben"}},
		{time.Minute, [2]string{"1 minute ago", "vor 1 Minute"}},
		{119 * time.Second, [2]string{"1 minute ago", "vor 1 Minute"}},
		{2 * time.Hour, [2]string{"2 hours ago", "vor 2 Stunden"}},
		{24 * time.Hour, [2]string{"13 March 2026", "13. März 2026"}},
	} {
		for n, want := range c.want {
			got, err := all[n].ago(testNow.Add(-c.passed), testNow)
			if err != nil || string(got) != want {
				t.Errorf("%v ago: %q %v, want %q", c.passed, got, err, want)
			}
		}
	}
	for _, c := range []struct {
		wait time.Duration
		want [2]string
	}{
		{-time.Second, [2]string{"1 second", "1 Sekunde"}},
		{time.Millisecond, [2]string{"1 second", "1 Sekunde"}},
		{29*time.Second + 1, [2]string{"30 seconds", "30 Sekunden"}},
		{time.Minute, [2]string{"1 minute", "1 Minute"}},
		{61 * time.Second, [2]string{"2 minutes", "2 Minuten"}},
		{90 * time.Minute, [2]string{"90 minutes", "90 Minuten"}},
		{91 * time.Minute, [2]string{"2 hours", "2 Stunden"}},
	} {
		for n, want := range c.want {
			got, err := all[n].wait(c.wait)
			if err != nil || string(got) != want {
				t.Errorf("wait %v: %q %v, want %q", c.wait, got, err, want)
			}
		}
	}
	elsewhere := time.FixedZone("JST", 9*60*60)
	for _, c := range []struct {
		then, now time.Time
		want      string
	}{ // in the time zone of now, wherever the time came from
		{testNow.In(elsewhere), testNow, `<time datetime="2026-03-14T13:05:00Z" title="14. März 2026, 13:05 Uhr UTC">gerade eben</time>`},
		{testNow, testNow.In(elsewhere), `<time datetime="2026-03-14T13:05:00Z" title="14. März 2026, 22:05 Uhr JST">gerade eben</time>`},
		{testNow.Add(-22 * time.Hour), testNow.Add(2 * time.Hour).In(elsewhere), `<time datetime="2026-03-13T15:05:00Z" title="14. März 2026, 00:05 Uhr JST">14. März 2026</time>`},
	} {
		if got, err := all[1].moment(c.then, c.now); err != nil || string(got) != c.want {
			t.Errorf("%s %v, want %s", got, err, c.want)
		}
	}
}

func TestTextEscapesWhatItIsGiven(t *testing.T) {
	c := catalogue{spoken.Texts{Language: "en", ByKey: map[string]string{"a": "{x} & {y}"}}}
	got, err := c.text("a", "x", "<b>{y}</b>", "y", strongName("<i>"))
	want := "&lt;b&gt;{y}&lt;/b&gt; &amp; <strong><bdi>&lt;i&gt;</bdi></strong>"
	if err != nil || string(got) != want {
		t.Errorf("%s %v, want %s", got, err, want)
	}
	if _, err := c.text("b"); err == nil {
		t.Error("an unknown key has a text")
	}
}
