package spoken

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"strings"
)

// Texts are those of one language by key. A text may hold placeholders such as {client}. Keys that end in .one and
// .other are the two forms that all languages have for a number, {n}.
type Texts struct {
	// Language is a BCP 47 tag.
	Language string
	ByKey    map[string]string
}

// Read reads the files texts/TAG.json, in the order of Languages.
func Read(files fs.FS) ([]Texts, error) {
	var all []Texts
	for _, tag := range Languages() {
		file, err := fs.ReadFile(files, "texts/"+tag+".json")
		if err != nil {
			return nil, err
		}
		t := Texts{Language: tag}
		if err := json.Unmarshal(file, &t.ByKey); err != nil {
			return nil, fmt.Errorf("texts in %s: %w", tag, err)
		}
		all = append(all, t)
	}
	return all, nil
}

// Text is that of a key, as it is written.
func (t Texts) Text(key string) (string, error) {
	text, known := t.ByKey[key]
	if !known {
		return "", fmt.Errorf("no text %q in %s", key, t.Language)
	}
	return text, nil
}

// Fill puts values into a text, from pairs of the name of a placeholder and its value. What a value holds is no
// placeholder.
func Fill(text string, pairs ...string) string {
	replacements := make([]string, len(pairs)-len(pairs)%2)
	for n := range replacements {
		if replacements[n] = pairs[n]; n%2 == 0 {
			replacements[n] = "{" + pairs[n] + "}"
		}
	}
	return strings.NewReplacer(replacements...).Replace(text)
}

// Form is the key of the form that a number of things has.
func Form(key string, n int64) string {
	if n == 1 {
		return key + ".one"
	}
	return key + ".other"
}
