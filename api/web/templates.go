package web

import (
	"embed"
	"fmt"
	"html/template"
	"net"
	"net/url"
	"slices"
	"strings"
	"time"
)

//go:embed templates/*.html
var templateFiles embed.FS

// pageNames are the templates that stand for a page each, within layout.html.
var pageNames = []string{"signin", "consent", "error", "confirmsignout", "signedout", "formpost", "account", "finished", "step", "second", "enroll", "newpasskey", "newapp", "recoverycodes", "factor"}

// parsePages parses every page for one language. The functions are bound to it, so a template names keys only.
func parsePages(texts catalogue) (map[string]*template.Template, error) {
	layout, err := template.New("").Option("missingkey=error").Funcs(pageFuncs(texts)).
		ParseFS(templateFiles, "templates/layout.html", "templates/parts.html")
	if err != nil {
		return nil, fmt.Errorf("page layout: %w", err)
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

// formLine is a field as the template of a form shows it.
type formLine struct {
	Field Field
	Focus bool
}

func pageFuncs(texts catalogue) template.FuncMap {
	return template.FuncMap{
		"t":         texts.text,
		"wait":      texts.wait,
		"moment":    texts.moment,
		"ago":       texts.ago,
		"device":    texts.device,
		"scopes":    texts.scopeLines,
		"claims":    texts.claimLines,
		"scopeName": texts.scopeName,
		"inOrder":   inOrder,
		"strong":    strongName,
		"bdi":       bdi,
		"code":      codeText,
		"link":      webLink,
		// A URI that the domain has checked may have a scheme that html/template does not know.
		"onward":      func(uri string) template.URL { return template.URL(onwardLink(uri)) },
		"local":       localHost,
		"accountLink": accountLink,
		"say":         texts.say,
		"label":       texts.label,
		"help":        texts.help,
		"wrong":       texts.wrong,
		"way":         texts.way,
		"line":        func(f Field, focus bool) formLine { return formLine{f, focus} },
		"doneKey":     doneKey,
		"factorWrong": factorWrong,
		"inFours":     inFours,
		"codesLeft":   func(n int64) (template.HTML, error) { return texts.count("ways.codes.left", n) },
		"codesFile":   codesFile,
		"facts":       func(f AccountFactor, now time.Time) factorFacts { return factorFacts{f, now} },
		// The address of an app on the phone, made by the domain.
		"onapp": func(uri string) template.URL { return template.URL(uri) },
		"offline": func(scopes []string) bool {
			return slices.Contains(scopes, "offline_access")
		},
	}
}

// strongName is a name that somebody else chose, held apart from the sentence around it: bdi keeps letters
// that run from right to left from turning the sentence round.
func strongName(name string) template.HTML {
	return template.HTML("<strong><bdi>" + template.HTMLEscapeString(name) + "</bdi></strong>")
}

// bdi is strongName for where nothing is bold.
func bdi(name string) template.HTML {
	return template.HTML("<bdi>" + template.HTMLEscapeString(name) + "</bdi>")
}

// inFours is a key in groups that can be kept in mind while one types.
func inFours(key string) string {
	var groups []string
	for group := range slices.Chunk([]byte(key), 4) {
		groups = append(groups, string(group))
	}
	return strings.Join(groups, " ")
}

// factorFacts are what a line about a passkey or app needs.
type factorFacts struct {
	Factor AccountFactor
	Now    time.Time
}

// codesFile is a file of recovery codes, as the page itself holds it: nothing is kept that could be asked for again.
func codesFile(host string, codes []string) template.URL {
	text := host + "\n\n" + strings.Join(codes, "\n") + "\n"
	return template.URL("data:text/plain;charset=utf-8," + url.PathEscape(text))
}

func codeText(text string) template.HTML {
	return template.HTML("<code>" + template.HTMLEscapeString(text) + "</code>")
}

// accountLink opens in a new tab, so that the question at hand is not lost.
func accountLink(words, newTab template.HTML) template.HTML {
	return `<a href="` + AccountPath + `" target="_blank" rel="noopener">` + words + `<span class="unseen"> ` + newTab + `</span></a>`
}

// localHost tells whether the host of a redirect URI, with or without a port, is the reader's own computer.
func localHost(host string) bool {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	return loopbackHost(strings.Trim(host, "[]"))
}
