package mail

import (
	netmail "net/mail"
	"strings"
	"testing"
)

func TestAddresses(t *testing.T) {
	for in, want := range map[string]string{
		"peter@example.com":                     "peter@example.com",
		"peter@Bücher.example":                  "peter@xn--bcher-kva.example", // RFC 5891 section 4.4
		"пётр@example.com":                      "пётр@example.com",            // RFC 6531 section 3.3
		"peter+tag@[192.0.2.1]":                 "peter+tag@[192.0.2.1]",
		"":                                      "",
		"peter":                                 "",
		"peter@":                                "",
		"Peter <peter@example.com>":             "",
		"<peter@example.com>":                   "",
		"peter@example.com\r\nBcc: a@b.com":     "",
		"peter@example.com\nRCPT TO:<a@b.com>":  "",
		"peter@example.com, a@example.com":      "",
		"\"a b\"@example.com":                   "",
		"peter@example.com\x00":                 "",
		"peter@-bad-.example":                   "",
		strings.Repeat("a", 250) + "@b.example": "",
	} {
		got, err := address(in)
		if got != want || (err == nil) != (want != "") {
			t.Errorf("%q: got %q, %v, want %q", in, got, err, want)
		}
	}
}

func TestParseSender(t *testing.T) {
	for in, want := range map[string]Sender{
		"id@example.com":                     {"", "id@example.com"},
		"Daily Bugle <id@example.com>":       {"Daily Bugle", "id@example.com"},
		"\"A, B\" <id@bücher.example>":       {"A, B", "id@xn--bcher-kva.example"},
		"=?utf-8?q?a=0Ab?= <id@example.com>": {},
		"id":                                 {},
		"пётр@example.com":                   {},
		"a@example.com, b@example.com":       {},
		"a <id@example.com>\r\nBcc: b":       {},
	} {
		got, err := ParseSender(in)
		if got != want || (err == nil) != (want != Sender{}) {
			t.Errorf("%q: got %+v, %v, want %+v", in, got, err, want)
		}
	}
}

// FuzzAddress: whatever is taken is one address, on one line.
func FuzzAddress(f *testing.F) {
	f.Add("peter@example.com")
	f.Add("пётр@bücher.example")
	f.Add("a@b\r\nc")
	f.Fuzz(func(t *testing.T, in string) {
		got, err := address(in)
		if err != nil {
			return
		}
		parsed, err := netmail.ParseAddressList(got)
		if err != nil || len(parsed) != 1 || strings.ContainsAny(got, "\r\n\x00 ,<>") {
			t.Errorf("%q became %q: %v, %v", in, got, parsed, err)
		}
	})
}
