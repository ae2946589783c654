package web_test

import (
	"net/http/httptest"
	"testing"

	"github.com/gin-gonic/gin"

	"keyturn/api/admin"
	"keyturn/api/apitest"
)

// TestAxeFindsNothingInTheDescriptionOfTheAdminAPI looks at the page that api/openapi makes, here, where axe is.
func TestAxeFindsNothingInTheDescriptionOfTheAdminAPI(t *testing.T) {
	described, err := admin.Description("https://id.example.com/admin/v1")
	if err != nil {
		t.Fatal(err)
	}
	gin.SetMode(gin.ReleaseMode)
	router := gin.New()
	for _, d := range described {
		router.GET(admin.Prefix+d.Path, gin.WrapH(d))
	}
	server := httptest.NewServer(router)
	t.Cleanup(server.Close)
	tab := chromium.Window(t, apitest.View{})
	tab.Expect("favicon")
	tab.Expect("the server responded with a status of 404")
	tab.Go(server.URL + admin.Prefix + admin.DocsPath)
	apitest.Eval[*string](tab, axe+"; null")
	for _, view := range []apitest.View{{}, {Dark: true}, {Phone: true}} {
		tab.Look(view)
		for _, v := range violations(t, tab) {
			t.Errorf("%+v: %s (%s)\n%q", view, v.Help, v.Rule, v.Nodes)
		}
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
