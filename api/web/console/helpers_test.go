package console_test

import (
	"fmt"
	"html"
	"regexp"
	"testing"
)

func names(n int) []string {
	list := make([]string, n)
	for i := range list {
		list[i] = fmt.Sprintf("u%03d", i)
	}
	return list
}

// linkOf is where the link of a kind leads.
func linkOf(t *testing.T, page, rel string) string {
	t.Helper()
	m := regexp.MustCompile(`rel="` + rel + `" href="([^"]+)"`).FindStringSubmatch(page)
	if m == nil {
		t.Fatalf("no link %s in:\n%s", rel, page)
	}
	return html.UnescapeString(m[1])
}
