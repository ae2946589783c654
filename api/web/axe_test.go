package web_test

import (
	_ "embed"
	"encoding/json"
	"net/http/httptest"
	"testing"

	"keyturn/api/apitest"
	"keyturn/api/web"
)

//go:embed testdata/axe/axe.min.js
var axe string

// axeRun checks the page as it is shown against WCAG 2.0, 2.1 and 2.2, levels A and AA, and what axe holds to be
// good practice. The page's own policy allows no fetching, so axe is told not to.
const axeRun = `axe.run({
	preload: false, iframes: false, resultTypes: ["violations"],
	runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
}).then(r => JSON.stringify(r.violations.map(v => ({
	rule: v.id, help: v.help, nodes: v.nodes.map(n => n.target.join(" ") + ": " + n.failureSummary),
}))))`

type violation struct {
	Rule, Help string
	Nodes      []string
}

func violations(t *testing.T, tab *apitest.Tab) []violation {
	t.Helper()
	var found []violation
	if err := json.Unmarshal([]byte(apitest.Eval[string](tab, axeRun)), &found); err != nil {
		t.Fatal(err)
	}
	return found
}

// gallery opens a window that shows any case of any page; the logos and frames of these don't exist.
func gallery(t *testing.T, view apitest.View) (tab *apitest.Tab, names []string, url string) {
	t.Helper()
	names, handler := web.Gallery(t)
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	tab = chromium.Window(t, view)
	tab.Expect(".example.com")
	tab.Expect("the server responded with a status of")
	return tab, names, server.URL
}

// TestAxeFindsNothing looks at every page in daylight and in the dark, on a desktop and on a phone.
func TestAxeFindsNothing(t *testing.T) {
	tab, names, url := gallery(t, apitest.View{})
	for _, name := range names {
		tab.Go(url + "/" + name)
		apitest.Eval[*string](tab, axe+"; null")
		for _, view := range []apitest.View{{}, {Dark: true}, {Phone: true}, {Phone: true, Dark: true}} {
			tab.Look(view)
			for _, v := range violations(t, tab) {
				t.Errorf("%s, %+v: %s (%s)\n%q", name, view, v.Help, v.Rule, v.Nodes)
			}
		}
	}
}

// TestAxeIsAwake: it finds what is wrong on purpose.
func TestAxeIsAwake(t *testing.T) {
	tab, _, url := gallery(t, apitest.View{})
	tab.Go(url + "/signin")
	apitest.Eval[*string](tab, axe+`; document.querySelector("label").remove(); document.querySelector("h1").style.color = "#ccc"; null`)
	var rules []string
	for _, v := range violations(t, tab) {
		rules = append(rules, v.Rule)
	}
	if len(rules) < 2 {
		t.Errorf("axe found only %v", rules)
	}
}

// TestConsentFitsAPhone: what is usual to be asked for, and the answer to it, without scrolling on a phone whose browser
// shows its bars.
func TestConsentFitsAPhone(t *testing.T) {
	for _, language := range []string{"en", "de"} {
		tab, _, url := gallery(t, apitest.View{Phone: true, Language: language})
		tab.Resize(390, 664)
		tab.Go(url + "/consent-usual")
		if bottom := apitest.Eval[float64](tab, `document.querySelector(".choice").getBoundingClientRect().bottom`); bottom > 664 {
			t.Errorf("%s: the buttons end at %v of 664", language, bottom)
		}
	}
}

// TestNoPageScrollsSideways: WCAG 2.2, 1.4.10: 320 CSS pixels are a desktop at 400 %. German is the longer
// language.
func TestNoPageScrollsSideways(t *testing.T) {
	tab, names, url := gallery(t, apitest.View{Language: "de"})
	for _, name := range names {
		tab.Go(url + "/" + name)
		for _, width := range []int64{320, 390, 576, 768, 1280} {
			tab.Resize(width, 800)
			if wide := apitest.Eval[int64](tab, "document.documentElement.scrollWidth"); wide > width {
				t.Errorf("%s is %d pixels wide in a window of %d", name, wide, width)
			}
		}
	}
}
