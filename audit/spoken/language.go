package spoken

import "golang.org/x/text/language"

// languages are those that there are texts in; the first one is for everybody else.
var languages = []language.Tag{language.English, language.German}

var matcher = language.NewMatcher(languages)

// Languages are the BCP 47 tags of those that there are texts in. The first one is for everybody else.
func Languages() []string {
	tags := make([]string, len(languages))
	for n, l := range languages {
		tags[n] = l.String()
	}
	return tags
}

// Pick is the index, in Languages, of the first of the tags that somebody who wants it can read; false for none. What
// is no tag is passed over.
func Pick(tags ...string) (n int, found bool) {
	for _, text := range tags {
		tag, err := language.Parse(text)
		if err != nil {
			continue
		}
		if _, n, confidence := matcher.Match(tag); confidence > language.No {
			return n, true
		}
	}
	return 0, false
}

// maxAccepted bounds what is read of Accept-Language, in bytes.
const maxAccepted = 1000

// Accepted is the index, in Languages, of what Accept-Language asks for (RFC 9110 section 12.5.4).
func Accepted(header string) int {
	if len(header) > maxAccepted {
		return 0
	}
	tags, _, err := language.ParseAcceptLanguage(header)
	if err != nil {
		return 0
	}
	_, n, _ := matcher.Match(tags...)
	return n
}
