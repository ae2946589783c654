package accounts

import (
	"slices"
	"strings"
	"unicode"

	"keyturn/accounts/common"
)

// weakness is why a password of the right length would be guessed first, "" for one that would not. It is
// judged in its folded form, so that letter case and full-width characters make no difference. about are words
// that are known of the person.
func weakness(password string, about []string) PasswordFault {
	text := Fold(password)
	unit := repeatedUnit(text)
	switch {
	case len([]rune(unit)) <= longestUnit && unit != text || fewCharacters(text):
		return PasswordRepeated
	case isSequence(text):
		return PasswordSequence
	case isAbout(text, about) || isAbout(unit, about):
		return PasswordAboutYou
	case common.Has(text) || common.Has(unit) || common.Has(withoutDigits(text)):
		return PasswordCommon
	}
	return ""
}

// longestUnit is how long what is repeated may be for the repetition alone to be no password.
const longestUnit = 4

// repeatedUnit is the shortest text of which the given one is a whole number of repetitions: itself where it
// repeats nothing.
func repeatedUnit(text string) string {
	if text == "" {
		return text
	}
	// The text occurs in its double first at the length of the unit.
	return text[:strings.Index((text + text)[1:], text)+1]
}

// fewCharacters tells that there are no more than two different characters.
func fewCharacters(text string) bool {
	var seen []rune
	for _, r := range text {
		if slices.Contains(seen, r) {
			continue
		}
		if seen = append(seen, r); len(seen) > 2 {
			return false
		}
	}
	return true
}

// withoutDigits is the text without what people put around a word to make it a password.
func withoutDigits(text string) string {
	return strings.TrimFunc(text, func(r rune) bool { return unicode.IsDigit(r) || unicode.IsPunct(r) || unicode.IsSymbol(r) })
}

// isAbout tells that the text is one of the words, as a whole or with digits and marks around it.
func isAbout(text string, words []string) bool {
	for _, word := range words {
		word = strings.TrimSpace(Fold(word))
		if word == "" {
			continue
		}
		if text == word || withoutDigits(text) == word || withoutDigits(text) == withoutDigits(word) && withoutDigits(word) != "" {
			return true
		}
	}
	return false
}

// rows are what people run along: the alphabet, the digits, and the rows and slopes of the keyboards in wide use.
var rows = []string{
	"abcdefghijklmnopqrstuvwxyz", "01234567890",
	"qwertyuiop", "asdfghjkl", "zxcvbnm", // English
	"qwertzuiopü", "asdfghjklöä", "yxcvbnm", // German
	"azertyuiop", "qsdfghjklm", "wxcvbn", // French
	"!@#$%^&*()", "!\"§$%&/()=",
	"1qaz", "2wsx", "3edc", "4rfv", "5tgb", "6yhn", "7ujm", "8ik", "9ol",
}

// shortestRun is how many characters make a run.
const shortestRun = 3

// isSequence tells that the text is nothing but runs along the rows, forwards or backwards, or of one
// character again and again.
func isSequence(text string) bool {
	for rest := []rune(text); len(rest) > 0; {
		n := longestRun(rest)
		if n < shortestRun {
			return false
		}
		rest = rest[n:]
	}
	return true
}

// longestRun is the length of the longest run that the text begins with.
func longestRun(text []rune) int {
	same := 1
	for same < len(text) && text[same] == text[0] {
		same++
	}
	longest := same
	for _, row := range rows {
		keys := []rune(row)
		longest = max(longest, commonStart(text, keys))
		slices.Reverse(keys)
		longest = max(longest, commonStart(text, keys))
	}
	return longest
}

// commonStart is how many characters of text run along the row, from wherever its first one stands.
func commonStart(text, row []rune) int {
	longest := 0
	for at := range row {
		n := 0
		for n < len(text) && at+n < len(row) && text[n] == row[at+n] {
			n++
		}
		longest = max(longest, n)
	}
	return longest
}
