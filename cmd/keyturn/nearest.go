package main

import (
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// distance is how many letters have to be put in, left out, replaced or exchanged with their neighbour to make
// b of a (optimal string alignment).
func distance(a, b string) int {
	before, above := make([]int, len(b)+1), make([]int, len(b)+1)
	for n := range above {
		above[n] = n
	}
	for i := 1; i <= len(a); i++ {
		row := make([]int, len(b)+1)
		row[0] = i
		for j := 1; j <= len(b); j++ {
			replaced := above[j-1]
			if a[i-1] != b[j-1] {
				replaced++
			}
			row[j] = min(above[j]+1, row[j-1]+1, replaced)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, above = above, row
	}
	return above[len(b)]
}

// closest is the name that was probably meant by a mistyped one, "" where none is close: a third of the letters
// may be wrong, at most three.
func closest(typed string, names []string) string {
	best, least := "", min(3, len(typed)/3)+1
	for _, name := range names {
		if d := distance(typed, name); d < least {
			best, least = name, d
		}
	}
	return best
}

// nearest suggests a setting for a mistyped one.
func nearest(name string, known map[string]setting) string {
	var names []string
	for _, s := range settings() {
		names = append(names, s.name)
		if s.secret {
			names = append(names, s.name+"_file")
		}
	}
	best := closest(name, names)
	if best == "" {
		return ""
	}
	return " (did you mean " + envPrefix + strings.ToUpper(best) + "?)"
}

// nearestFlag suggests a flag of the command for a mistyped one.
func nearestFlag(c *cobra.Command, typed string) string {
	names := []string{"help"}
	for _, flags := range []*pflag.FlagSet{c.LocalFlags(), c.InheritedFlags()} {
		flags.VisitAll(func(f *pflag.Flag) { names = append(names, f.Name) })
	}
	best := closest(typed, names)
	if best == "" {
		return ""
	}
	return "did you mean --" + best + "? "
}
