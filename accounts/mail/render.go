package mail

import (
	"bytes"
	"embed"
	"fmt"
	html "html/template"
	"strings"
	text "text/template"
	"time"
	"unicode"

	"keyturn/accounts"
)

// letterTest is what an operator sends to see whether mail arrives. It is never queued.
const letterTest accounts.LetterKind = "test"

// factAt is when the letter was queued, which was when the change happened.
const factAt = "at"

// kinds says which facts a letter shows. Those to an address that nobody has proved show none: else whoever
// signs up could have us deliver words of their own to strangers.
var kinds = map[accounts.LetterKind][]string{
	accounts.LetterSignUp:          nil,
	accounts.LetterSignUpExists:    {"username"},
	accounts.LetterInvitation:      {"username"},
	accounts.LetterPasswordReset:   {"username"},
	accounts.LetterEmailConfirm:    nil,
	accounts.LetterEmailChanging:   {"username", factAt},
	accounts.LetterEmailChanged:    {"username", "email", factAt},
	accounts.LetterPasswordChanged: {"username", factAt},
	accounts.LetterWaysChanged:     {"username", "change", "name", factAt},
	accounts.LetterAccountDeleted:  {"username", factAt},
	letterTest:                     nil,
}

// Message is a letter in words.
type Message struct {
	// ID is the letter's, which every attempt shares.
	ID         string
	To         string
	Language   string
	Subject    string
	Text, HTML string
}

//go:embed templates
var templateFiles embed.FS

// Letters writes letters in the name of one team.
type Letters struct {
	team, host string
	catalogues []catalogue
	text       *text.Template
	html       *html.Template
}

// NewLetters takes the team's name and the host of the issuer.
func NewLetters(team, host string) (*Letters, error) {
	l := &Letters{team: line(team), host: host}
	var err error
	if l.catalogues, err = readCatalogues(); err != nil {
		return nil, err
	}
	wrap := text.FuncMap{"wrap": wrap}
	if l.text, err = text.New("letter.txt").Funcs(wrap).ParseFS(templateFiles, "templates/letter.txt"); err != nil {
		return nil, err
	}
	l.html, err = html.ParseFS(templateFiles, "templates/letter.html")
	return l, err
}

type fact struct{ Label, Value string }

// content is what the templates show.
type content struct {
	Language, Team, Subject, Greeting, Text string
	Facts                                   []fact
	Action, URL, Fallback, Once             string // empty for a letter without a link
	Unasked, Footer                         string
}

// write puts a letter into words; url is that of its link.
func (l *Letters) write(letter accounts.QueuedLetter, url string) (Message, error) {
	c, err := l.content(letter, url)
	if err != nil {
		return Message{}, err
	}
	var plain, rich bytes.Buffer
	if err := l.text.Execute(&plain, c); err != nil {
		return Message{}, err
	}
	if err := l.html.Execute(&rich, c); err != nil {
		return Message{}, err
	}
	return Message{ID: letter.ID, To: letter.To, Language: c.Language, Subject: c.Subject, Text: plain.String(), HTML: rich.String()}, nil
}

func (l *Letters) content(letter accounts.QueuedLetter, url string) (content, error) {
	shown, known := kinds[letter.Kind]
	if !known {
		return content{}, fmt.Errorf("there is no letter %q", letter.Kind) // one that a newer release has queued
	}
	in := l.catalogues[pick(letter.Language)]
	c := content{Language: in.Language, Team: l.team, URL: url}
	kind := string(letter.Kind)
	texts := map[*string]string{
		&c.Subject: kind + ".subject", &c.Greeting: "greeting", &c.Text: kind + ".text", &c.Unasked: kind + ".unasked", &c.Footer: "footer",
	}
	span := ""
	var err error
	if letter.Link != nil {
		texts[&c.Action], texts[&c.Fallback], texts[&c.Once] = kind+".action", "link.fallback", "link.once"
		if span, err = in.span(letter.Link.Lifetime); err != nil {
			return content{}, err
		}
	}
	for into, key := range texts {
		if *into, err = in.text(key, "team", l.team, "host", l.host, "span", span); err != nil {
			return content{}, err
		}
	}
	c.Facts, err = in.facts(letter, shown)
	return c, err
}

// facts are those of the letter that its kind shows; what is not there is left out.
func (c catalogue) facts(letter accounts.QueuedLetter, shown []string) ([]fact, error) {
	var facts []fact
	for _, name := range shown {
		value := line(letter.Facts[name])
		switch name {
		case factAt:
			value = letter.CreatedAt.UTC().Format("2006-01-02 15:04 UTC")
		case "change":
			value = c.ByKey["change."+value] // a word of accounts; none for one that a newer release has
		}
		if value == "" {
			continue
		}
		label, err := c.text("fact." + name)
		if err != nil {
			return nil, err
		}
		facts = append(facts, fact{label, value})
	}
	return facts, nil
}

// maxFact bounds what one fact may take, in characters.
const maxFact = 200

// line is text on one line, without characters that don't show or that turn the direction of writing.
func line(s string) string {
	s = strings.ToValidUTF8(s, "")
	s = strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r):
			return ' '
		case unicode.IsControl(r), unicode.Is(unicode.Cf, r):
			return -1
		}
		return r
	}, s)
	if runes := []rune(s); len(runes) > maxFact {
		s = string(runes[:maxFact]) + "…"
	}
	return strings.TrimSpace(s)
}

// wrap breaks lines before they are longer than 72 characters (RFC 5322 section 2.1.1 wants less than 78).
func wrap(s string) string {
	const width = 72
	var lines []string
	at := 0
	for word := range strings.FieldsSeq(s) {
		n := len([]rune(word))
		if len(lines) == 0 || at+1+n > width {
			lines, at = append(lines, word), n
			continue
		}
		lines[len(lines)-1] += " " + word
		at += 1 + n
	}
	return strings.Join(lines, "\n")
}

// Test is a letter to see whether mail arrives.
func (l *Letters) Test(id, to, language string) (Message, error) {
	return l.write(accounts.QueuedLetter{Letter: accounts.Letter{ID: id, Kind: letterTest, To: to, Language: language}, CreatedAt: time.Time{}}, "")
}
