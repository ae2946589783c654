package web

import (
	"net/http/httptest"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// TestAssetsNeverChange: each path holds a hash of what it serves, so browsers may keep it for a year.
func TestAssetsNeverChange(t *testing.T) {
	pages := testPages(t, Theme{Logo: []byte("png"), LogoType: "image/png"})
	types := map[string]string{
		"css": "text/css; charset=utf-8", "js": "text/javascript; charset=utf-8", "svg": "image/svg+xml", "png": "image/png",
	}
	if got := len(pages.Assets()); got != len(types)+3 { // four scripts
		t.Errorf("%d assets", got)
	}
	for _, a := range pages.Assets() {
		parts := regexp.MustCompile(`^/assets/[a-z]+\.([0-9a-f]{16})\.([a-z]+)$`).FindStringSubmatch(a.Path)
		if parts == nil || a.Type != types[parts[2]] {
			t.Fatalf("%s is %s", a.Path, a.Type)
		}
		answer := answerOf(t, a.Get)
		for header, want := range map[string]string{
			"Content-Type": a.Type, "Content-Length": strconv.Itoa(len(a.Body)), "X-Content-Type-Options": "nosniff",
			"Cache-Control": "public, max-age=31536000, immutable",
		} {
			if got := answer.Header().Get(header); got != want {
				t.Errorf("%s: %s: %q, want %q", a.Path, header, got, want)
			}
		}
		if answer.Body.String() != string(a.Body) {
			t.Errorf("%s is served otherwise", a.Path)
		}
	}
	other := testPages(t, Theme{Logo: []byte("other"), LogoType: "image/png"})
	if other.assets.logo == pages.assets.logo || other.assets.style != pages.assets.style {
		t.Error("a path does not follow from the bytes")
	}
}

// TestFirstPaintIsSmall is the bound of UI.md: one page and the stylesheet, which are all that a first paint
// needs, are less than 30 kB together.
func TestFirstPaintIsSmall(t *testing.T) {
	own, err := assetFiles.ReadFile("assets/keyturn.css")
	if err != nil {
		t.Fatal(err)
	}
	style, err := stylesheet(Theme{Accent: accentLight, AccentDark: accentDark}, own)
	if err != nil {
		t.Fatal(err)
	}
	eachPage(t, func(t *testing.T, name string, tc testCase, answer *httptest.ResponseRecorder) {
		if total := len(style) + answer.Body.Len(); total >= 30_000 {
			t.Errorf("%d bytes", total)
		}
		var sheets int
		for _, e := range readMarkup(t, answer.Body.String()) {
			if e.name == "link" && e.attr["rel"] == "stylesheet" {
				sheets++
			}
		}
		if sheets != 1 || strings.Contains(string(style), "@import") || strings.Contains(string(style), "url(") {
			t.Errorf("%d stylesheets", sheets)
		}
	})
}
