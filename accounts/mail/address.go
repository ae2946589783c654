package mail

import (
	"errors"
	"fmt"
	netmail "net/mail"
	"strings"
	"unicode"

	"golang.org/x/net/idna"
)

// maxAddress is the longest that fits into a path (RFC 5321 section 4.5.3.1.3), without its brackets.
const maxAddress = 254

var errAddress = errors.New("is not an email address")

// address is an e-mail address as it goes over the wire: the domain in ASCII (RFC 5891). It refuses whatever
// could become a header or a command of its own.
func address(s string) (string, error) {
	if len(s) > maxAddress || strings.ContainsFunc(s, func(r rune) bool { return unicode.IsControl(r) || unicode.IsSpace(r) }) {
		return "", errAddress
	}
	parsed, err := netmail.ParseAddress(s)
	if err != nil || parsed.Name != "" || parsed.Address != s {
		return "", errAddress
	}
	local, domain := s[:strings.LastIndexByte(s, '@')], s[strings.LastIndexByte(s, '@')+1:]
	if strings.HasPrefix(domain, "[") {
		return s, nil // an address literal (RFC 5321 section 4.1.3)
	}
	ascii, err := idna.Lookup.ToASCII(domain)
	if err != nil {
		return "", fmt.Errorf("has a domain that can't be: %w", err)
	}
	return local + "@" + ascii, nil
}

// Sender is who letters come from.
type Sender struct{ Name, Address string }

// ParseSender reads an address with or without a name: id@example.com, Team <id@example.com>.
func ParseSender(s string) (Sender, error) {
	parsed, err := netmail.ParseAddress(s)
	if err != nil || line(parsed.Name) != parsed.Name {
		return Sender{}, errAddress
	}
	plain, err := address(parsed.Address)
	if err != nil {
		return Sender{}, err
	}
	if !isASCII(plain) {
		return Sender{}, errors.New("has characters before the @ that not every mail server takes")
	}
	return Sender{parsed.Name, plain}, nil
}

func isASCII(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r > unicode.MaxASCII })
}
