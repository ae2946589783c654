package main

import (
	"fmt"
	"strings"
)

// settingsTable is the table of docs/configuration.md.
func settingsTable() string {
	var b strings.Builder
	b.WriteString("| Environment | Flag, and name in keyturn.yaml | Default | What it does |\n|---|---|---|---|\n")
	for _, s := range settings() {
		byDefault := "`" + s.byDefault + "`"
		if s.byDefault == "" {
			byDefault = ""
		}
		doc := s.doc
		if s.secret {
			doc += " Secret: `" + s.env() + "_FILE` may name a file that holds it."
		}
		fmt.Fprintf(&b, "| `%s` | `--%s`, `%s` | %s | %s |\n", s.env(), s.flag(), s.name, byDefault, doc)
	}
	return b.String()
}
