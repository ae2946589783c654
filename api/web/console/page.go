package console

import (
	"bytes"
	"embed"
	"errors"
	"fmt"
	"html/template"
	"net/http"
	"strconv"
	"time"

	"github.com/gin-gonic/gin"

	"keyturn/api/web"
	"keyturn/audit"
	"keyturn/audit/sentence"
)

//go:embed templates/*.html
var templateFiles embed.FS

//go:embed texts/*.json
var textFiles embed.FS

//go:embed assets/*
var assetFiles embed.FS

// pageNames are the templates that stand for a page each, within layout.html.
var pageNames = []string{"overview", "search", "list", "thing", "form", "act", "keys", "rotate", "settings", "setup", "kinds", "problem"}

// Pages renders the pages of the console in the look of the provider's own.
type Pages struct {
	web   *web.Pages
	texts []web.Texts
	// sentences are the translations of what the domain says, by language.
	sentences []sentence.Catalogue
	sets      []map[string]*template.Template // by language, then by page
	assets    []web.Asset
	style     string
	script    string
}

// NewPages prepares the pages.
func NewPages(look *web.Pages) (*Pages, error) {
	p := &Pages{web: look}
	var err error
	if p.texts, err = web.ReadTexts(textFiles); err != nil {
		return nil, fmt.Errorf("console: %w", err)
	}
	for n, texts := range p.texts {
		sentences, err := readSentences(texts.Language(), n == 0)
		if err != nil {
			return nil, fmt.Errorf("console: %w", err)
		}
		p.sentences = append(p.sentences, sentences)
		set, err := parsePages(texts, sentences)
		if err != nil {
			return nil, fmt.Errorf("console: %w", err)
		}
		p.sets = append(p.sets, set)
	}
	return p, p.readAssets()
}

func (p *Pages) readAssets() error {
	own, err := assetFiles.ReadFile("assets/console.css")
	if err != nil {
		return err
	}
	style, err := p.web.Stylesheet(own)
	if err != nil {
		return err
	}
	script, err := assetFiles.ReadFile("assets/console.js")
	if err != nil {
		return err
	}
	p.assets = []web.Asset{
		web.NewAsset("console.css", "text/css; charset=utf-8", style),
		web.NewAsset("console.js", "text/javascript; charset=utf-8", script),
	}
	p.style, p.script = p.assets[0].Path, p.assets[1].Path
	return nil
}

// Assets are the stylesheet and the script, to be served by their Get.
func (p *Pages) Assets() []web.Asset { return p.assets }

func parsePages(texts web.Texts, sentences sentence.Catalogue) (map[string]*template.Template, error) {
	layout, err := template.New("").Option("missingkey=error").Funcs(texts.Funcs()).Funcs(funcs(texts)).Funcs(sayings(sentences)).
		ParseFS(templateFiles, "templates/layout.html", "templates/parts.html")
	if err != nil {
		return nil, err
	}
	pages := map[string]*template.Template{}
	for _, name := range pageNames {
		page, err := layout.Clone()
		if err != nil {
			return nil, err
		}
		if pages[name], err = page.ParseFS(templateFiles, "templates/"+name+".html"); err != nil {
			return nil, fmt.Errorf("page %s: %w", name, err)
		}
	}
	return pages, nil
}

func funcs(texts web.Texts) template.FuncMap {
	return template.FuncMap{
		"when":    func(t, now time.Time) (template.HTML, error) { return when(texts, t, now) },
		"path":    func() string { return Path },
		"head":    head,
		"cellAt":  func(c cell, now time.Time) any { return map[string]any{"Cell": c, "Now": now} },
		"factsAt": func(f []fact, now time.Time) any { return map[string]any{"Facts": f, "Now": now} },
		"partAt":  func(p part, now time.Time) any { return map[string]any{"Part": p, "Now": now} },
		"tableAt": func(t any, now time.Time, label template.HTML) any {
			return map[string]any{"Table": t, "Now": now, "Label": label}
		},
	}
}

// headLength is how many characters of a long text a row shows before it is opened.
const headLength = 16

// head is the beginning of a text, or all of it where there is little more.
func head(text string) string {
	if all := []rune(text); len(all) > headLength+8 {
		return string(all[:headLength])
	}
	return text
}

// when is a moment in words, and one to come as the day and the time: how far off it is changes while one reads.
func when(texts web.Texts, t, now time.Time) (template.HTML, error) {
	if !t.After(now.Add(time.Minute)) {
		return texts.Moment(t, now)
	}
	t = t.UTC()
	day, err := dayOf(texts, t)
	if err != nil {
		return "", err
	}
	words, err := texts.Text("later", "day", day, "year", t.Year(), "clock", t.Format("15:04"))
	if err != nil {
		return "", err
	}
	return template.HTML(`<time datetime="` + t.Format(time.RFC3339) + `">` + string(words) + `</time>`), nil
}

// dayOf is a day in short, without its year.
func dayOf(texts web.Texts, t time.Time) (template.HTML, error) {
	name, err := texts.Text("month." + strconv.Itoa(int(t.Month())))
	if err != nil {
		return "", err
	}
	month := []rune(string(name))
	return texts.Text("tick", "day", t.Day(), "month", string(month[:min(3, len(month))]))
}

func (p *Pages) textsFor(c *gin.Context) web.Texts { return p.texts[p.web.LanguageOf(c)] }

// frame is what the templates see: the page in V, and what all have in common.
type frame struct {
	Lang, Team, LogoPath, IconPath, StylePath, ScriptPath, Host, Version string
	// Section is the one that the page belongs to; Title is the page's own heading.
	Section string
	Title   template.HTML
	// Nav is nil for whoever may see none of the sections.
	Nav []link
	// Query is what stands in the field of the search.
	Query string
	// Done says what was just done; empty for nothing.
	Done template.HTML
	// Narrow is for pages that are read and filled in rather than scanned.
	Narrow    bool
	Reference string
	Now       time.Time
	V         any
}

// link is a heading of the navigation.
type link struct{ Name, Href string }

// view is a page to be shown.
type view struct {
	// page is the template.
	page    string
	section string
	title   template.HTML
	narrow  bool
	status  int
	v       any
}

// show writes a page to whoever was let in.
func (c *call) show(v view) error {
	f := c.k.frame(c.gin, v)
	f.Query = c.query.Get("q")
	if done := c.query.Get("done"); done != "" {
		f.Done = c.done(done)
	}
	c.k.write(c.gin, v, f)
	return nil
}

func (k *Console) frame(c *gin.Context, v view) frame {
	texts := k.Pages.textsFor(c)
	f := frame{
		Lang: texts.Language(), Team: k.Pages.web.Team(), LogoPath: k.Pages.web.LogoPath(), IconPath: k.Pages.web.IconPath(),
		StylePath: k.Pages.style, ScriptPath: k.Pages.script, Host: k.Pages.web.Host(), Version: k.Operations.Version,
		Section: v.section, Title: v.title, Narrow: v.narrow, Reference: k.RequestID(c), Now: k.Now(), V: v.v,
	}
	for _, s := range k.sections() {
		f.Nav = append(f.Nav, link{s.name, Path + s.routes[0].Path})
	}
	return f
}

// write renders the page whole before anything is sent. A template that fails is a broken program.
func (k *Console) write(c *gin.Context, v view, f frame) {
	language := k.Pages.web.LanguageOf(c)
	var body bytes.Buffer
	if err := k.Pages.sets[language][v.page].ExecuteTemplate(&body, "layout", f); err != nil {
		panic(fmt.Errorf("render console page %s: %w", v.page, err))
	}
	web.SetScriptedPolicy(c.Writer.Header())
	c.Header("Content-Language", f.Lang)
	c.Header("Content-Length", strconv.Itoa(body.Len()))
	if v.status == 0 {
		v.status = http.StatusOK
	}
	c.Data(v.status, "text/html; charset=utf-8", body.Bytes())
}

// text is a text of the catalogue. A key that is missing is a broken program, which a test finds.
func (c *call) text(key string, pairs ...any) template.HTML { return must(c.texts.Text(key, pairs...)) }

// count is the text for a number of things.
func (c *call) count(key string, n int64) template.HTML { return must(c.texts.Count(key, n)) }

func must(text template.HTML, err error) template.HTML {
	if err != nil {
		panic(err)
	}
	return text
}

// problem is what the page of an error says.
type problem struct {
	Key    string
	Status int
	// Param names what the error is about, and Detail says more; both may be empty.
	Param  string
	Detail sentence.Sentence
	// Needs names the right that was missing.
	Needs string
}

// problemKeys are those that have texts of their own.
var problemKeys = map[int]string{
	http.StatusForbidden: "forbidden", http.StatusNotFound: "not_found", http.StatusConflict: "conflict",
	http.StatusBadRequest: "bad_request", http.StatusUnprocessableEntity: "bad_request", http.StatusServiceUnavailable: "unavailable",
}

// WriteFailure shows the page of an error, which f is what may be told of.
func (k *Console) WriteFailure(c *gin.Context, f web.Failure, err error) {
	key, known := problemKeys[f.Status]
	switch {
	case f.Key == "forged":
		key = "forged"
	case !known:
		key = "server_error"
	}
	p := problem{Key: key, Status: f.Status}
	forbidden, needs := errors.AsType[*audit.Forbidden](err)
	switch bad, param, says := badInput(err); {
	case needs:
		p.Needs = forbidden.Needs.String()
	case bad && param == "":
		p.Detail = sentence.Say("The request %s.", says)
	case bad:
		p.Param, p.Detail = param, says
	case f.Developers != "":
		p.Detail = sentence.Fixed(f.Developers)
	}
	texts := k.Pages.textsFor(c)
	v := view{page: "problem", title: must(texts.Text("problem." + key + ".title")), narrow: true, status: f.Status, v: p}
	shown := k.frame(c, v)
	if needs && forbidden.Needs == audit.Read { // who may not even look has no section to go on with
		shown.Nav = nil
	}
	k.write(c, v, shown)
}
