package openapi

import (
	"os"
	"regexp"
	"testing"

	"keyturn/audit/spoken"
)

// TestEveryTextIsUsedAndThere reads the template and the program for the keys that they name.
func TestEveryTextIsUsedAndThere(t *testing.T) {
	all, err := spoken.Read(textFiles)
	if err != nil {
		t.Fatal(err)
	}
	used := map[string]bool{}
	for file, pattern := range map[string]string{"page.html": `\{\{t "([a-z.]+)"\}\}`, "page.go": `\.of\("([a-z.]+)"`} {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range regexp.MustCompile(pattern).FindAllStringSubmatch(string(text), -1) {
			if used[m[1]] = true; all[0].ByKey[m[1]] == "" {
				t.Errorf("%s: there is no text %q", file, m[1])
			}
		}
	}
	for key := range all[0].ByKey {
		if !used[key] {
			t.Errorf("nothing uses %q", key)
		}
	}
}
