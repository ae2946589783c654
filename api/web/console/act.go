package console

import (
	"html/template"
	"strings"
	"unicode"
	"unicode/utf8"

	"keyturn/issuer/oauth"
)

// maxReason is in characters.
const maxReason = 500

// reason is what somebody wrote of why they act.
func (c *call) reason() string { return strings.TrimSpace(c.form.Get("reason")) }

// checkReason refuses what forges lines of a log, and what can't be seen there.
func checkReason(text string) error {
	unseen := func(r rune) bool { return unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp) }
	if utf8.RuneCountInString(text) > maxReason || strings.ContainsFunc(text, unseen) {
		return &oauth.InvalidRequest{Param: "reason", Problem: "must be one line of at most 500 characters"}
	}
	return nil
}

// done is the text about what was just done, empty for a name that has none. n is how many things ended with it.
func (c *call) done(name string) template.HTML {
	text, err := c.texts.Text("done."+name, "n", c.query.Get("n"))
	if err != nil {
		return "" // somebody changed the address
	}
	return text
}
