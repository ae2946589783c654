package sentence

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
)

// Catalogue holds the translations of sentences, by their English format. nil is English itself.
type Catalogue map[string]string

// ReadCatalogue reads a catalogue: a JSON object of English formats and those of another language. It refuses a
// translation that puts other arguments in, or puts them in otherwise, than the English format. Their order may differ
// where both number them, as %[2]d does.
func ReadCatalogue(file []byte) (Catalogue, error) {
	c := Catalogue{}
	if err := json.Unmarshal(file, &c); err != nil {
		return nil, err
	}
	for _, english := range slices.Sorted(maps.Keys(c)) {
		wanted, err := Verbs(english)
		if err != nil {
			return nil, fmt.Errorf("%q: %w", english, err)
		}
		has, err := Verbs(c[english])
		if err != nil {
			return nil, fmt.Errorf("%q: %w", c[english], err)
		}
		if c[english] == "" || !maps.Equal(wanted, has) {
			return nil, fmt.Errorf("%q puts in other things than %q", c[english], english)
		}
	}
	return c, nil
}

// Verbs are those of a format by the number of the argument that each puts in, from 1. A format has but what sentences
// need: %s, %d, %q and %v, numbered (%[2]s) or not, each argument once, and %% for the sign itself.
func Verbs(format string) (map[int]string, error) {
	verbs := map[int]string{}
	next := 1
	for at := 0; at < len(format); at++ {
		if format[at] != '%' {
			continue
		}
		if at++; at < len(format) && format[at] == '%' {
			continue
		}
		if end := at; end < len(format) && format[end] == '[' {
			for end < len(format) && format[end] != ']' {
				end++
			}
			n, err := strconv.Atoi(format[at+1 : end])
			if err != nil || n < 1 {
				return nil, fmt.Errorf("a verb with a number that is none")
			}
			next, at = n, end+1
		}
		if at >= len(format) || !slices.Contains([]byte("sdqv"), format[at]) {
			return nil, fmt.Errorf("a %% that begins none of %%s, %%d, %%q and %%v")
		}
		if verbs[next] != "" {
			return nil, fmt.Errorf("argument %d is there twice", next)
		}
		verbs[next] = format[at : at+1]
		next++
	}
	return verbs, nil
}
