package sentence

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Sentence is text for people. The zero value says nothing.
type Sentence struct {
	format string
	args   []any
}

// Say is a sentence in English, with the verbs of fmt where args are put in. The format is the key of its translations,
// so it is a constant: what differs from time to time is an argument. One that is a Sentence is translated with it, and a
// duration is put in with the signs of its units, which are the same in all languages: 1 min 3 s.
func Say(format string, args ...any) Sentence {
	args = slices.Clone(args)
	for n, arg := range args {
		if d, is := arg.(time.Duration); is {
			args[n] = units.Replace(d.String())
		}
	}
	return Sentence{format, args}
}

// units writes Go's text of a duration for people. Zeros at its end say nothing.
var units = strings.NewReplacer("h0m0s", " h", "m0s", " min", "ms", " ms", "µs", " µs", "ns", " ns", "h", " h ", "m", " min ", "s", " s")

// verbatim is the format of what is no sentence.
const verbatim = "%s"

// Verbatim is for what is the same in all languages and stands where a sentence may: a path, an address, a setting,
// the error of a library. Empty is the zero value.
func Verbatim(text string) Sentence {
	if text == "" {
		return Sentence{}
	}
	return Say(verbatim, text)
}

// Fixed is the sentence of an English text that is kept elsewhere as it is, such as the documentation of a setting.
func Fixed(text string) Sentence { return Say(strings.ReplaceAll(text, "%", "%%")) }

// IsZero tells whether it says nothing.
func (s Sentence) IsZero() bool { return s.format == "" }

// IsVerbatim tells whether it is what Verbatim makes.
func (s Sentence) IsVerbatim() bool { return s.format == verbatim }

// String is the sentence in English.
func (s Sentence) String() string { return fmt.Sprintf(s.format, s.args...) }

// MarshalText makes it a text in English wherever programs read it.
func (s Sentence) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText reads what MarshalText wrote, which has no translation any more.
func (s *Sentence) UnmarshalText(text []byte) error {
	*s = Verbatim(string(text))
	return nil
}

// In is the sentence in the language of the catalogue. Where it, or one that is put into it, has no translation, it is
// all in English and known is false.
func (s Sentence) In(c Catalogue) (text string, known bool) {
	said, known := s.in(c)
	if !known {
		return s.String(), false
	}
	return said.String(), true
}

// in is the sentence with the formats of the catalogue.
func (s Sentence) in(c Catalogue) (said Sentence, known bool) {
	if c == nil || s.IsZero() || s.IsVerbatim() {
		return s, true
	}
	if said.format, known = c[s.format]; !known {
		return s, false
	}
	for _, arg := range s.args {
		if part, is := arg.(Sentence); is {
			if arg, known = part.in(c); !known {
				return s, false
			}
		}
		said.args = append(said.args, arg)
	}
	return said, true
}
