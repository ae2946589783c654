package audit

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// MaxReason is how long the words of whoever acts may be, in characters.
const MaxReason = 500

// IsReason tells whether text is one line of at most MaxReason characters, each of which can be seen: line ends forge
// lines of a log, and what can't be seen, or turns the direction of writing, forges what is read there.
func IsReason(text string) bool {
	unseen := func(r rune) bool { return unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp) }
	return utf8.RuneCountInString(text) <= MaxReason && !strings.ContainsFunc(text, unseen)
}
