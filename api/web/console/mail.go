package console

import (
	"html/template"
	"slices"
	"strconv"
	"strings"
	"time"

	"keyturn/accounts"
	"keyturn/api/admin"
	"keyturn/audit"
	"keyturn/audit/sentence"
)

// The states of letters in the queue, which the list is filtered by.
const (
	letterWaiting = "waiting"
	letterGivenUp = "given_up"
)

func letterState(l accounts.QueuedLetter) string {
	if l.FailedAt.IsZero() {
		return letterWaiting
	}
	return letterGivenUp
}

// letters reads letters of a state, of both where it is empty, in the order of their ids. There are none without a
// queue.
func (k *Console) letters(c *call, state string, w window) ([]accounts.QueuedLetter, error) {
	var all []accounts.QueuedLetter
	for _, s := range []string{letterWaiting, letterGivenUp} {
		if k.Letters == nil || state != "" && state != s {
			continue
		}
		some, err := k.Letters.List(c.ctx, accounts.LetterQuery{Failed: s == letterGivenUp, After: w.After, Before: w.Before, Limit: w.Limit}, c.actor)
		if err != nil {
			return nil, err
		}
		all = append(all, some...)
	}
	slices.SortFunc(all, func(a, b accounts.QueuedLetter) int { return strings.Compare(a.ID, b.ID) })
	if w.Before != "" {
		return all[max(0, len(all)-w.Limit):], nil
	}
	return all[:min(w.Limit, len(all))], nil
}

// listLetters shows the letters that are still to leave, and those that were given up.
func (k *Console) listLetters(c *call) error {
	state := c.query.Get("state")
	if state != letterWaiting && state != letterGivenUp {
		state = ""
	}
	l := list[accounts.QueuedLetter]{
		path: "/mail", name: "mail", empty: "mail.empty",
		filters: []filter{{Name: "state", Value: state, Options: chosen(state, []string{letterWaiting, letterGivenUp}, "state.")}},
		columns: []string{"column.letter", "column.to", "column.state", "column.attempts", "column.failure", "column.created", "column.due"},
		read:    func(w window) ([]accounts.QueuedLetter, error) { return k.letters(c, state, w) },
		cursor:  func(l accounts.QueuedLetter) string { return l.ID },
		cells: func(l accounts.QueuedLetter) []cell {
			return []cell{
				{Key: "letter." + string(l.Kind), Href: Path + "/mail/" + l.ID}, {Text: l.To}, {Mark: letterState(l)},
				{Text: strconv.FormatInt(l.Attempts, 10)}, {HTML: c.failure(l)}, {At: l.CreatedAt}, c.due(l),
			}
		},
		export: func(l accounts.QueuedLetter) any { return admin.ViewLetter(l) },
	}
	if !k.Self.Mail {
		l.empty = "mail.off"
	}
	return showList(c, "mail", l)
}

// letter is the one in the path.
func (k *Console) letter(c *call) (accounts.QueuedLetter, error) {
	id, err := c.id("id", accounts.ErrLetterNotFound)
	if err != nil {
		return accounts.QueuedLetter{}, err
	}
	if k.Letters == nil {
		return accounts.QueuedLetter{}, accounts.ErrLetterNotFound
	}
	return k.Letters.Get(c.ctx, id, c.actor)
}

func (k *Console) showLetter(c *call) error {
	l, err := k.letter(c)
	if err != nil {
		return err
	}
	page := thing{Facts: letterFacts(c, l)}
	if c.may(audit.ManageAll) {
		at := "/mail/" + l.ID
		if l.Failure != "" {
			page.Acts = append(page.Acts, deed{Name: "retry_letter", Href: at + "/retry"})
		}
		page.Acts = append(page.Acts, deed{"drop_letter", at + "/drop", true})
	}
	history, err := k.history(c, "letter", l.ID)
	if err != nil {
		return err
	}
	page.Parts = []part{history}
	return c.show(view{page: "thing", section: "mail", title: c.text("letter." + string(l.Kind)), v: page})
}

// due is when a letter is tried next, nothing for one that was given up. A moment that is about to pass is no time to
// read.
func (c *call) due(l accounts.QueuedLetter) cell {
	switch {
	case !l.FailedAt.IsZero():
		return cell{}
	case l.DueAt.Before(c.k.Now().Add(time.Minute)):
		return cell{Key: "mail.due_soon"}
	}
	return cell{At: l.DueAt}
}

func letterFacts(c *call, l accounts.QueuedLetter) []fact {
	user := cell{}
	if l.UserID != "" {
		user = userCell(l.UserID, "")
	}
	return facts(
		fact{"state", []cell{{Mark: letterState(l)}}}, fact{"to", []cell{{Text: l.To}}}, fact{"user", []cell{user}}, fact{"id", id(l.ID)},
		fact{"attempts", []cell{{Text: strconv.FormatInt(l.Attempts, 10)}}}, fact{"failure", []cell{{HTML: c.failure(l)}}},
		fact{"created", []cell{{At: l.CreatedAt}}}, fact{"due", []cell{c.due(l)}}, fact{"given_up", []cell{{At: l.FailedAt}}},
	)
}

// failure is what the last attempt failed for: a word of accounts/mail, and the reply of the mail server where one said no.
func (c *call) failure(l accounts.QueuedLetter) template.HTML {
	word, reply, replied := strings.Cut(l.Failure, ": ")
	said := c.say(sentence.Fixed(word))
	if replied {
		said += ": " + verbatim(reply)
	}
	return said
}

// letterQuestion begins a question about a letter.
func (k *Console) letterQuestion(c *call, name string) (*question, accounts.QueuedLetter, error) {
	l, err := k.letter(c)
	if err != nil {
		return nil, l, err
	}
	return &question{
		section: "mail", Back: "/mail/" + l.ID,
		Title: c.text("ask."+name+".title", "email", l.To), Button: c.text("ask." + name + ".button"),
		What: []template.HTML{c.text("letter." + string(l.Kind)), c.text("ask." + name + ".what")},
	}, l, nil
}

// letterRetry has a letter tried again at once.
func (k *Console) letterRetry(c *call) (*question, error) {
	q, l, err := k.letterQuestion(c, "retry_letter")
	if err != nil {
		return nil, err
	}
	q.Mild = true
	q.do = func() (string, error) {
		_, err := k.Letters.Retry(c.ctx, l.ID, c.actor)
		return "/mail?done=letter_retried", err // it may have left by now
	}
	return q, nil
}

// letterDrop removes a letter, which will never leave then.
func (k *Console) letterDrop(c *call) (*question, error) {
	q, l, err := k.letterQuestion(c, "drop_letter")
	if err != nil {
		return nil, err
	}
	q.do = func() (string, error) {
		return "/mail?done=letter_dropped", gone(k.Letters.Drop(c.ctx, l.ID, c.actor), accounts.ErrLetterNotFound)
	}
	return q, nil
}
