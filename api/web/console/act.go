package console

import (
	"errors"
	"html/template"
	"net/http"
	"slices"
	"strconv"

	"keyturn/accounts"
	"keyturn/audit"
	"keyturn/audit/sentence"
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
	// Changed says that it was something else when it was asked first.
	Changed bool
	// seen is the version of what the question is about, where what comes of the act, and can't be undone, depends on it.
	// What only takes access away goes without: it must not wait for a thing that keeps changing.
	seen audit.Version
	// Mild is for what ends nothing.
	Mild bool
	// Fields are what it needs beside the reason.
	Fields []*field
	// Back is where one goes who does not do it, below Path.
	Back string
	// do does it and says where to go on, below Path.
	do func() (next string, err error)
	// show stands in the place of do for what makes a secret: it does it and shows the secret in its answer, which is
	// not kept anywhere. A redirect would have to carry it.
	show func() error
}

// Seen is what its form carries of the version.
func (q *question) Seen() audit.Version { return q.seen }

// act does it and leads on.
func (q *question) act(c *call) error {
	if q.show != nil {
		return q.show()
	}
	next, err := q.do()
	if err != nil {
		return err
	}
	return c.goTo(next)
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
			return c.ask(q, nil)
		},
		func(c *call) error {
			q, err := find(c)
			if err != nil {
				return err
			}
			if q.seen != "" {
				c.seen()
			}
			if err = c.badReason; err == nil {
				err = q.act(c)
			}
			switch {
			case err == nil:
				return nil
			case errors.Is(err, accounts.ErrLastAdministrator):
				q.Refused = c.text("ask.nobody_left")
				return c.ask(q, err)
			case !errors.Is(err, audit.ErrChanged):
				return c.askAgain(q, err)
			}
			if q, err = find(c); err != nil {
				return err
			}
			q.Changed = true
			return c.ask(q, audit.ErrChanged)
		}))
}

// askAgain shows the page of an act again for what can be mended there; other errors it returns.
func (c *call) askAgain(q *question, err error) error {
	if bad, param, _ := badInput(err); bad && (param == "reason" || slices.ContainsFunc(q.Fields, func(f *field) bool { return f.Name == param })) {
		return c.ask(q, err)
	}
	return err
}

// ask shows the page of an act, anew with what is wrong with its form, or with how things stand.
func (c *call) ask(q *question, err error) error {
	a := asked{question: q, Action: c.gin.Request.URL.RequestURI(), Back: Path + q.Back, Reason: c.askReason()}
	fields := append(slices.Clone(q.Fields), a.Reason)
	c.restore(fields)
	status := http.StatusOK
	switch bad, param, problem := badInput(err); {
	case bad && blame(fields, param, problem):
		status = http.StatusUnprocessableEntity
	case err != nil:
		status = http.StatusConflict
	}
	a.Problems = wrong(fields)
	return c.show(view{page: "act", section: q.section, title: q.Title, narrow: q.Plan == nil, status: status, v: a})
}

// askReason is the field of the reason, with what was typed.
func (c *call) askReason() *field {
	return &field{Name: "reason", Kind: "text", Help: true, Value: c.form.Get("reason")}
}

// checkReason refuses what is no reason.
func checkReason(text string) error {
	if !audit.IsReason(text) {
		return &oauth.InvalidRequest{Param: "reason", Problem: sentence.Say("must be one line of at most 500 characters, each of which can be seen")}
	}
	return nil
}

// done is the text about what was just done, empty for a name that has none. n is how many things ended with it: a
// number, for whoever makes a link must not put words into it.
func (c *call) done(name string) template.HTML {
	n, _ := strconv.ParseUint(c.query.Get("n"), 10, 64)
	text, err := c.texts.Text("done."+name, "n", n)
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
