package mail

import (
	"embed"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"golang.org/x/text/language"
)

// languages are those that letters are written in; the first one is for everybody else.
var languages = []language.Tag{language.English, language.German}

var languageMatcher = language.NewMatcher(languages)

//go:embed texts/*.json
var textFiles embed.FS

// catalogue is the texts of one language by key. A text may hold placeholders such as {team}. Keys that end in
// .one and .other are the two forms that both languages have for a number, {n}.
type catalogue struct {
	language string
	texts    map[string]string
}

func readCatalogues() ([]catalogue, error) {
	var all []catalogue
	for _, tag := range languages {
		file, err := textFiles.ReadFile("texts/" + tag.String() + ".json")
		if err != nil {
			return nil, err
		}
		c := catalogue{language: tag.String()}
		if err := json.Unmarshal(file, &c.texts); err != nil {
			return nil, fmt.Errorf("texts in %s: %w", tag, err)
		}
		all = append(all, c)
	}
	return all, nil
}

// pick is the index of the language of a BCP 47 tag, 0 for one that there are no texts in.
func pick(tag string) int {
	wanted, err := language.Parse(tag)
	if err != nil {
		return 0
	}
	_, n, confidence := languageMatcher.Match(wanted)
	if confidence == language.No {
		return 0
	}
	return n
}

// text returns the text of a key with its placeholders filled in from pairs of name and value.
func (c catalogue) text(key string, pairs ...string) (string, error) {
	text, known := c.texts[key]
	if !known {
		return "", fmt.Errorf("no text %q in %s", key, c.language)
	}
	replacements := make([]string, len(pairs))
	for n, value := range pairs {
		if n%2 == 0 {
			value = "{" + value + "}"
		}
		replacements[n] = value
	}
	return strings.NewReplacer(replacements...).Replace(text), nil
}

// span says how long something lasts, never more than it does.
func (c catalogue) span(d time.Duration) (string, error) {
	unit, n := "days", int64(d/(24*time.Hour))
	switch {
	case d < 2*time.Hour:
		unit, n = "minutes", max(1, int64(d/time.Minute))
	case d < 48*time.Hour:
		unit, n = "hours", int64(d/time.Hour)
	}
	form := ".other"
	if n == 1 {
		form = ".one"
	}
	return c.text("span."+unit+form, "n", fmt.Sprint(n))
}
