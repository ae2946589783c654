package console_test

import (
	"regexp"
	"strings"
	"testing"

	"keyturn/api/apitest"
)

// TestFirstPaintIsSmall is the bound of a first paint, one page and one stylesheet, uncompressed: 30 kB together. Lists are
// as long as what they hold; the page that one comes to is not.
func TestFirstPaintIsSmall(t *testing.T) {
	s := apitest.New(t)
	b := administrator(t, s)
	for _, path := range []string{"/admin", "/admin/users/new", "/admin/settings"} {
		p := b.Get(path)
		sheets := regexp.MustCompile(`<link rel="stylesheet" href="([^"]+)">`).FindAllStringSubmatch(p.Body, -1)
		if len(sheets) != 1 || strings.Contains(p.Body, "<style") {
			t.Fatalf("%s: stylesheets %v", path, sheets)
		}
		style := b.Get(sheets[0][1]).Body
		if strings.Contains(style, "@import") || strings.Contains(style, "url(") {
			t.Errorf("%s loads more", sheets[0][1])
		}
		if total := len(p.Body) + len(style); total >= 30_000 || len(style) < 1000 {
			t.Errorf("%s: %d bytes with %d of style", path, total, len(style))
		}
	}
}
