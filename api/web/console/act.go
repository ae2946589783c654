package console

import (
	"errors"
	"html/template"
	"net/http"
	"strings"
	"unicode"
	"unicode/utf8"

	"keyturn/audit"
	"keyturn/issuer/oauth"
)

// question is an act before it is done: what it is about, what comes of it, and how it is done.
type question struct {
	section string
	// Title asks; Button is named after the act.
	Title, Button template.HTML
	// What are sentences about what comes of it, Ends what ends with it.
	What, Ends []template.HTML
	// Plan are the steps of it in detail; nil for none.
	Plan *table
	// Refused says why it can't be done now; there is no button then.
	Refused template.HTML
	// Mild is for what ends nothing.
	Mild bool
	// Fields are what it needs beside the reason.
	Fields []*field
	// Back is where one goes who does not do it, below Path.
	Back string
	// do does it and says where to go on, below Path.
	do func() (next string, err error)
}

// asked is a question as it is shown: with what was typed, and what was wrong with it.
type asked struct {
	*question
	Action, Back string
	Reason       *field
	Problems     []*field
}

// act is an address that asks by GET, and does by POST what its page asked for.
func (k *Console) act(path string, right audit.Rights, find func(*call) (*question, error)) Route {
	return recently(edit(path, right,
		func(c *call) error {
			q, err := find(c)
			if err != nil {
				return err
			}
			return c.ask(http.StatusOK, q)
		},
		func(c *call) error {
			q, err := find(c)
			if err != nil {
				return err
			}
			next, err := q.do()
			if refused, param, problem := badInput(err); refused && blame(q.Fields, param, problem) {
				return c.ask(http.StatusUnprocessableEntity, q)
			}
			if err != nil {
				return err
			}
			return c.goTo(next)
		}))
}

// ask shows the page of an act.
func (c *call) ask(status int, q *question) error {
	a := asked{
		question: q, Action: c.gin.Request.URL.RequestURI(), Back: Path + q.Back,
		Reason: &field{Name: "reason", Kind: "text", Help: true, Value: c.form.Get("reason")},
	}
	a.Problems = wrong(q.Fields)
	return c.show(view{page: "act", section: q.section, title: q.Title, narrow: q.Plan == nil, status: status, v: a})
}

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

// gone turns an error that says that the thing is as it was to be already into none.
func gone(err error, already ...error) error {
	for _, a := range already {
		if errors.Is(err, a) {
			return nil
		}
	}
	return err
}
