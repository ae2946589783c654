package web

import (
	"embed"
	"encoding/json"
	"fmt"
	"html"
	"html/template"
	"io/fs"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/text/language"
)

// languages are those that the pages speak; the first one is for everybody else.
var languages = []language.Tag{language.English, language.German}

var languageMatcher = language.NewMatcher(languages)

//go:embed texts/*.json
var textFiles embed.FS

// catalogue is the texts of one language by key. A text may hold placeholders such as {client}. Keys that
// end in .one and .other are the two forms that both languages have for a number, {n}.
type catalogue struct {
	lang  string
	texts map[string]string
}

func readCatalogues(files fs.FS) ([]catalogue, error) {
	var all []catalogue
	for _, tag := range languages {
		file, err := fs.ReadFile(files, "texts/"+tag.String()+".json")
		if err != nil {
			return nil, err
		}
		c := catalogue{lang: tag.String()}
		if err := json.Unmarshal(file, &c.texts); err != nil {
			return nil, fmt.Errorf("texts in %s: %w", tag, err)
		}
		all = append(all, c)
	}
	return all, nil
}

// Limits of what is read of a request to find its language.
const (
	maxUILocales      = 16
	maxAcceptLanguage = 1000 // bytes
)

// language picks the language of an answer: the first of ui_locales that the pages speak (OIDC Core section
// 3.1.2.1), else the reader's own choice, else by Accept-Language, else the first of languages.
func (p *Pages) language(look Look) int {
	for _, locale := range append(slices.Clone(look.Languages[:min(len(look.Languages), maxUILocales)]), look.Locale) {
		tag, err := language.Parse(locale)
		if err != nil {
			continue
		}
		if _, n, confidence := languageMatcher.Match(tag); confidence > language.No {
			return n
		}
	}
	if len(look.AcceptLanguage) > maxAcceptLanguage {
		return 0
	}
	tags, _, err := language.ParseAcceptLanguage(look.AcceptLanguage)
	if err != nil {
		return 0
	}
	_, n, _ := languageMatcher.Match(tags...)
	return n
}

// text returns the text of a key with its placeholders filled in from pairs of name and value. It is made for
// HTML: values are escaped unless they are HTML themselves.
func (c catalogue) text(key string, pairs ...any) (template.HTML, error) {
	text, known := c.texts[key]
	if !known {
		return "", fmt.Errorf("no text %q in %s", key, c.lang)
	}
	text = template.HTMLEscapeString(text)
	var replacements []string
	for n := 0; n+1 < len(pairs); n += 2 {
		value, isHTML := pairs[n+1].(template.HTML)
		if !isHTML {
			value = template.HTML(template.HTMLEscapeString(fmt.Sprint(pairs[n+1])))
		}
		replacements = append(replacements, fmt.Sprintf("{%s}", pairs[n]), string(value))
	}
	return template.HTML(strings.NewReplacer(replacements...).Replace(text)), nil
}

// count returns the text for a number of things.
func (c catalogue) count(key string, n int64) (template.HTML, error) {
	form := ".other"
	if n == 1 {
		form = ".one"
	}
	return c.text(key+form, "n", strconv.FormatInt(n, 10))
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
		if c.lang == tag {
			return c.texts["language.self"]
		}
	}
	return tag
}
