package web_test

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"keyturn/api/admin"
	"keyturn/api/apitest"
	"keyturn/api/openapi"
	"keyturn/api/tokenpair"
)

// TestAxeFindsNothingInTheDescriptionsOfAPIs looks at the pages that api/openapi makes, here, where axe is.
func TestAxeFindsNothingInTheDescriptionsOfAPIs(t *testing.T) {
	mux := http.NewServeMux()
	for prefix, describe := range map[string]func(base string) ([]openapi.Served, error){admin.Prefix: admin.Description, tokenpair.Prefix: tokenpair.Description} {
		described, err := describe("https://id.example.com")
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range described {
			mux.Handle(prefix+d.Path, d)
		}
	}
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	tab := chromium.Window(t, apitest.View{})
	tab.Expect("favicon")
	tab.Expect("the server responded with a status of 404")
	for _, view := range []apitest.View{{}, {Dark: true}, {Phone: true}, {Language: "de"}} {
		tab.Look(view)
		for _, page := range []string{tokenpair.Prefix + openapi.PagePath, admin.Prefix + admin.DocsPath} {
			tab.Go(server.URL + page)
			apitest.Eval[*string](tab, axe+"; null")
			for _, v := range violations(t, tab) {
				t.Errorf("%s, %+v: %s (%s)\n%q", page, view, v.Help, v.Rule, v.Nodes)
			}
		}
	}
	if lang := apitest.Eval[string](tab, "document.documentElement.lang"); lang != "de" {
		t.Errorf("the last page is in %q", lang)
	}
	tab.Resize(320, 800)
	// WCAG 2.2, 1.4.10: at 320 CSS pixels nothing has to be scrolled in two directions.
	if wide := apitest.Eval[float64](tab, "document.documentElement.scrollWidth"); wide > 320 {
		t.Errorf("the page is %v wide at 320", wide)
	}
	if style := apitest.Eval[string](tab, "getComputedStyle(document.querySelector('pre')).whiteSpaceCollapse"); style != "preserve" {
		t.Errorf("the stylesheet is not in use: %q", style)
	}
}
