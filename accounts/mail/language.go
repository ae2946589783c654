package mail

import (
	"embed"
	"fmt"
	"time"

	"keyturn/audit/spoken"
)

//go:embed texts/*.json
var textFiles embed.FS

// catalogue is the texts of one language, with what is put together of them.
type catalogue struct{ spoken.Texts }

func readCatalogues() ([]catalogue, error) {
	texts, err := spoken.Read(textFiles)
	all := make([]catalogue, len(texts))
	for n, t := range texts {
		all[n] = catalogue{t}
	}
	return all, err
}

// pick is the index of the language of a BCP 47 tag, 0 for one that there are no texts in.
func pick(tag string) int {
	n, _ := spoken.Pick(tag)
	return n
}

// text returns the text of a key with its placeholders filled in from pairs of name and value.
func (c catalogue) text(key string, pairs ...string) (string, error) {
	text, err := c.Text(key)
	return spoken.Fill(text, pairs...), err
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
	return c.text(spoken.Form("span."+unit, n), "n", fmt.Sprint(n))
}
