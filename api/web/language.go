package web

import (
	"embed"
	"fmt"
	"html"
	"html/template"
	"io/fs"
	"slices"
	"strconv"
	"time"

	"keyturn/audit/spoken"
)

//go:embed texts/*.json
var textFiles embed.FS

// catalogue is the texts of one language, with what is put together of them.
type catalogue struct{ spoken.Texts }

func readCatalogues(files fs.FS) ([]catalogue, error) {
	texts, err := spoken.Read(files)
	all := make([]catalogue, len(texts))
	for n, t := range texts {
		all[n] = catalogue{t}
	}
	return all, err
}

// maxUILocales bounds what is read of a request to find its language.
const maxUILocales = 16

// language picks the language of an answer: the first of ui_locales that the pages speak (OIDC Core section
// 3.1.2.1), else the reader's own choice, else by Accept-Language, else the first of languages.
func (p *Pages) language(look Look) int {
	asked := append(slices.Clone(look.Languages[:min(len(look.Languages), maxUILocales)]), look.Locale)
	if n, found := spoken.Pick(asked...); found {
		return n
	}
	return spoken.Accepted(look.AcceptLanguage)
}

// text returns the text of a key with its placeholders filled in from pairs of name and value. It is made for
// HTML: values are escaped unless they are HTML themselves.
func (c catalogue) text(key string, pairs ...any) (template.HTML, error) {
	text, err := c.Text(key)
	if err != nil {
		return "", err
	}
	var values []string
	for n := 0; n+1 < len(pairs); n += 2 {
		value, isHTML := pairs[n+1].(template.HTML)
		if !isHTML {
			value = template.HTML(template.HTMLEscapeString(fmt.Sprint(pairs[n+1])))
		}
		values = append(values, fmt.Sprint(pairs[n]), string(value))
	}
	return template.HTML(spoken.Fill(template.HTMLEscapeString(text), values...)), nil
}

// count returns the text for a number of things.
func (c catalogue) count(key string, n int64) (template.HTML, error) {
	return c.text(spoken.Form(key, n), "n", strconv.FormatInt(n, 10))
}

// wait says how long to wait, never less than it is.
func (c catalogue) wait(d time.Duration) (template.HTML, error) {
	switch seconds := wholeSeconds(d); {
	case seconds < 60:
		return c.count("time.seconds", seconds)
	case seconds <= 90*60:
		return c.count("time.minutes", (seconds+59)/60)
	default:
		return c.count("time.hours", (seconds+3599)/3600)
	}
}

// wholeSeconds rounds up, to one at least: who comes back at once is refused again.
func wholeSeconds(d time.Duration) int64 {
	return int64(max(1, (d+time.Second-1)/time.Second))
}

// ago says when something was, seen from now, in the time zone of now. Few readers' time zone is known; how long ago
// something was needs none, and a day is near enough for what is older.
func (c catalogue) ago(then, now time.Time) (template.HTML, error) {
	switch passed := now.Sub(then); {
	case passed < time.Minute:
		return c.text("time.now")
	case passed < time.Hour:
		return c.count("time.ago.minutes", int64(passed/time.Minute))
	case passed < 24*time.Hour:
		return c.count("time.ago.hours", int64(passed/time.Hour))
	default:
		return c.date(then.In(now.Location()))
	}
}

func (c catalogue) date(t time.Time) (template.HTML, error) {
	month, err := c.text("month." + strconv.Itoa(int(t.Month())))
	if err != nil {
		return "", err
	}
	return c.text("time.date", "day", t.Day(), "month", month, "year", t.Year())
}

// exact is the time to the minute, in the time zone that t is in.
func (c catalogue) exact(t time.Time) (template.HTML, error) {
	date, err := c.date(t)
	if err != nil {
		return "", err
	}
	return c.text("time.exact", "date", date, "clock", t.Format("15:04"), "zone", t.Format("MST"))
}

// moment is a time as a page shows it: in words, exactly on hover in the time zone of now, and exactly in the markup.
func (c catalogue) moment(t, now time.Time) (template.HTML, error) {
	words, err := c.ago(t, now)
	if err != nil {
		return "", err
	}
	exact, err := c.exact(t.In(now.Location()))
	if err != nil {
		return "", err
	}
	return template.HTML(`<time datetime="` + t.UTC().Format(time.RFC3339) + `" title="` + string(exact) + `">` + string(words) + `</time>`), nil
}

// dated is a text with the date of today, as it is kept.
func (p *Pages) dated(look Look, key string) string {
	c := p.catalogues[p.language(look)]
	date, err := c.date(look.Now)
	if err == nil {
		date, err = c.text(key, "date", date)
	}
	if err != nil { // a broken program
		panic(err)
	}
	return html.UnescapeString(string(date))
}

// languageOptions are the languages of the pages by their own names, with the one that is set where it is another.
func (p *Pages) languageOptions(set string) []Option {
	options := []Option{{}}
	for _, tag := range withSet(Locales(), set) {
		options = append(options, Option{tag, p.languageName(tag)})
	}
	return options
}

// languageName is what a language calls itself, the tag for one that the pages don't speak.
func (p *Pages) languageName(tag string) string {
	for _, c := range p.catalogues {
		if c.Language == tag {
			return c.ByKey["language.self"]
		}
	}
	return tag
}
