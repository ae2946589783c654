package console

import (
	"slices"

	"keyturn/api/admin"
)

// snippet is code to copy. Its name is the text of the key "snippet."+Name; Open shows it at once.
type snippet struct {
	admin.Snippet
	Open bool
}

// opened shows one of the snippets at once: that of the name, or else the first.
func opened(all []admin.Snippet, name string) []snippet {
	shown := max(0, slices.IndexFunc(all, func(s admin.Snippet) bool { return s.Name == name }))
	views := make([]snippet, len(all))
	for n, s := range all {
		views[n] = snippet{s, n == shown}
	}
	return views
}
