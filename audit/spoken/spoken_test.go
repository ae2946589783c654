package spoken

import (
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
)

func TestPick(t *testing.T) {
	for _, c := range []struct {
		tags  string
		want  int
		found bool
	}{
		{"de", 1, true}, {"de-AT", 1, true}, {"fr de", 1, true}, {"en-GB de", 0, true}, {"", 0, false}, {"fr", 0, false}, {"!! de", 1, true},
	} {
		if n, found := Pick(strings.Fields(c.tags)...); n != c.want || found != c.found {
			t.Errorf("%q: %d %v, want %d %v", c.tags, n, found, c.want, c.found)
		}
	}
}

func TestAccepted(t *testing.T) {
	for header, want := range map[string]int{
		"": 0, "de": 1, "de-CH, en;q=0.5": 1, "en;q=0.5, de;q=0.9": 1, "fr, de;q=0.1": 1, "fr": 0, "*": 0, "nonsense;;": 0, strings.Repeat("de,", 400): 0,
	} {
		if got := Accepted(header); got != want {
			t.Errorf("%.40q: %d, want %d", header, got, want)
		}
	}
}

func FuzzAccepted(f *testing.F) {
	for _, seed := range []string{"de", "en;q=0.5, de;q=0.9", "*", "x-y-z;q=", "\xff"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, header string) {
		if n := Accepted(header); n < 0 || n >= len(languages) {
			t.Errorf("%q: %d", header, n)
		}
	})
}

func TestFill(t *testing.T) {
	if got := Fill("{x} and {y}, {z}", "x", "{y}", "y", "b", "odd"); got != "{y} and b, {z}" {
		t.Errorf("%q", got)
	}
}

func TestRead(t *testing.T) {
	files := fstest.MapFS{"texts/en.json": {Data: []byte(`{"a": "x"}`)}, "texts/de.json": {Data: []byte(`{"a": "y"}`)}}
	all, err := Read(files)
	if err != nil || len(all) != 2 || all[0].Language != "en" || all[1].ByKey["a"] != "y" {
		t.Fatalf("%v %v", all, err)
	}
	if text, err := all[1].Text("a"); text != "y" || err != nil {
		t.Error(text, err)
	}
	if _, err := all[1].Text("b"); err == nil {
		t.Error("an unknown key has a text")
	}
	files["texts/de.json"].Data = []byte(`[]`)
	if _, err := Read(files); err == nil {
		t.Error("a list was read")
	}
	delete(files, "texts/de.json")
	if _, err := Read(files); err == nil {
		t.Error("a language is missing")
	}
}

var placeholder = regexp.MustCompile(`\{[a-z]+\}`)

// TestEveryFolderOfTextsSpeaksAllLanguages: each has a file for each language and for no other, with the same keys and
// the same placeholders, and no text is empty. Sentences, which are English in the program, have one for each other
// language.
func TestEveryFolderOfTextsSpeaksAllLanguages(t *testing.T) {
	folders := map[string][]string{}
	err := filepath.WalkDir("../..", func(path string, entry os.DirEntry, err error) error {
		if err == nil && filepath.Base(filepath.Dir(path)) == "texts" && filepath.Ext(path) == ".json" {
			folders[filepath.Dir(path)] = append(folders[filepath.Dir(path)], filepath.Base(path))
		}
		return err
	})
	if err != nil || len(folders) < 4 {
		t.Fatalf("%d folders of texts (%v): the search is broken", len(folders), err)
	}
	for folder, names := range folders {
		var want, sentences []string
		for n, tag := range Languages() {
			want = append(want, tag+".json")
			if n > 0 {
				sentences = append(sentences, "sentences."+tag+".json")
			}
		}
		if slices.ContainsFunc(names, func(name string) bool { return strings.HasPrefix(name, "sentences.") }) {
			want = append(want, sentences...)
		}
		slices.Sort(want)
		if slices.Sort(names); !slices.Equal(names, want) {
			t.Errorf("%s has %v, want %v", folder, names, want)
			continue
		}
		all, err := Read(os.DirFS(filepath.Dir(folder)))
		if err != nil {
			t.Error(err)
			continue
		}
		for _, other := range all {
			for key := range maps.Keys(other.ByKey) {
				same(t, folder, key, all[0], other)
			}
			for key := range maps.Keys(all[0].ByKey) {
				same(t, folder, key, all[0], other)
			}
		}
	}
}

func same(t *testing.T, folder, key string, first, other Texts) {
	t.Helper()
	set := func(text string) []string {
		return slices.Compact(slices.Sorted(slices.Values(placeholder.FindAllString(text, -1))))
	}
	a, inFirst := first.ByKey[key]
	b, inOther := other.ByKey[key]
	if !inFirst || !inOther || a == "" || b == "" || !slices.Equal(set(a), set(b)) {
		t.Errorf("%s: %q is %q in %s, and %q in %s", folder, key, a, first.Language, b, other.Language)
	}
}
