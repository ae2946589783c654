package accounts

import (
	"net/url"
	"regexp"
	"strings"
	"time"
	"unicode/utf8"

	"keyturn/audit/sentence"
)

// Limits on what the standard claims may hold.
const (
	maxFullName = 300 // characters
	maxShort    = 64  // characters of a gender, bytes of a time zone, locale or phone number
	maxLink     = 2000
	maxAddress  = 500 // characters of each part of an address
)

// The forms of OIDC Core section 5.1. Whether a time zone or a language exists is not asked: lists of them
// grow, and readers have newer ones than this program.
var (
	zoneForm   = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_+-]*(/[A-Za-z0-9_+-]+)*$`)
	localeForm = regexp.MustCompile(`^[A-Za-z]{2,8}([-_][A-Za-z0-9]{1,8})*$`)
	phoneForm  = regexp.MustCompile(`^\+?[0-9 ().-]*[0-9][0-9 ().-]*(;ext=[0-9]+)?$`)
)

// checkClaims checks the claims that are set; an empty one is none. Readers of UserInfo take the types and
// forms of OIDC Core section 5.1 for granted.
func checkClaims(c StandardClaims) error {
	for _, claim := range []struct {
		name, value string
		check       func(param, text string) error
	}{
		{"claims.name", c.Name, atMost(maxFullName)},
		{"claims.middle_name", c.MiddleName, checkName},
		{"claims.nickname", c.Nickname, checkName},
		{"claims.profile", c.Profile, checkLink},
		{"claims.picture", c.Picture, checkLink},
		{"claims.website", c.Website, checkLink},
		{"claims.gender", c.Gender, atMost(maxShort)},
		{"claims.birthdate", c.Birthdate, checkBirthdate},
		{"claims.zoneinfo", c.Zoneinfo, shaped(zoneForm, sentence.Say("is not a time zone such as Europe/Paris"))},
		{"claims.locale", c.Locale, shaped(localeForm, sentence.Say("is not a language tag such as en-US"))},
		{"claims.phone_number", c.PhoneNumber, shaped(phoneForm, sentence.Say("is not a phone number such as +1 604 555 1234"))},
	} {
		if err := checkClaim(claim.name, claim.value, claim.check); err != nil {
			return err
		}
	}
	if c.PhoneNumberVerified && c.PhoneNumber == "" {
		return invalid("claims.phone_number_verified", "is true without a phone number")
	}
	return checkAddress(c.Address)
}

// checkClaim checks one text, if there is one.
func checkClaim(param, text string, check func(param, text string) error) error {
	switch {
	case text == "":
		return nil
	case strings.TrimSpace(text) != text:
		return invalid(param, "has blanks at an end")
	case text == "null":
		return invalid(param, "is the word null; leave it out for none")
	}
	return check(param, text)
}

func atMost(characters int) func(param, text string) error {
	return func(param, text string) error {
		if utf8.RuneCountInString(text) > characters {
			return invalid(param, "is longer than %d characters", characters)
		}
		return checkText(param, text)
	}
}

func shaped(form *regexp.Regexp, problem sentence.Sentence) func(param, text string) error {
	return func(param, text string) error {
		if len(text) > maxShort || !form.MatchString(text) {
			return &InvalidRequest{param, problem}
		}
		return nil
	}
}

// checkLink checks the URL of a page or picture, which readers make links of.
func checkLink(param, text string) error {
	if err := atMost(maxLink)(param, text); err != nil {
		return err
	}
	u, err := url.Parse(text)
	if err != nil || u.Host == "" || u.User != nil || u.Scheme != "https" && u.Scheme != "http" {
		return invalid(param, "is not a URL such as https://example.com/me")
	}
	return nil
}

// checkBirthdate takes YYYY-MM-DD, 0000-MM-DD for an unknown year, and YYYY.
func checkBirthdate(param, text string) error {
	for _, form := range []string{time.DateOnly, "2006"} {
		if day, err := time.Parse(form, text); err == nil && day.Format(form) == text && text != "0000" {
			return nil
		}
	}
	return invalid(param, "is not a date such as 2001-12-31, 0000-12-31 or 2001")
}

// checkAddress checks the claim of OIDC Core section 5.1.1, whose formatted and street_address may have lines.
func checkAddress(a *Address) error {
	if a == nil {
		return nil
	}
	if *a == (Address{}) {
		return invalid("claims.address", "is empty; leave it out for none")
	}
	lines := func(param, text string) error {
		return atMost(maxAddress)(param, strings.NewReplacer("\r\n", "", "\n", "").Replace(text))
	}
	for _, part := range []struct {
		name, value string
		check       func(param, text string) error
	}{
		{"claims.address.formatted", a.Formatted, lines},
		{"claims.address.street_address", a.StreetAddress, lines},
		{"claims.address.locality", a.Locality, atMost(maxAddress)},
		{"claims.address.region", a.Region, atMost(maxAddress)},
		{"claims.address.postal_code", a.PostalCode, atMost(maxAddress)},
		{"claims.address.country", a.Country, atMost(maxAddress)},
	} {
		if err := checkClaim(part.name, part.value, part.check); err != nil {
			return err
		}
	}
	return nil
}
