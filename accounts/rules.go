package accounts

import (
	"net/mail"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/google/uuid"

	"keyturn/audit/sentence"
)

// Limits on what an account may hold.
const (
	maxUsername   = 254  // bytes, so that an e-mail address fits
	maxFolded     = 1024 // bytes of a username's Fold, which can be eleven times as long; PostgreSQL indexes 2704
	maxEmail      = 254  // bytes, RFC 5321 section 4.5.3.1.3 less the angle brackets
	maxName       = 150  // characters
	maxExternalID = 255  // bytes
	maxPage       = 1000
)

// InvalidRequest says which parameter is wrong and how. It never repeats the value.
type InvalidRequest struct {
	Param string
	// Problem is what is wrong with it, as said behind its name.
	Problem sentence.Sentence
}

func (e *InvalidRequest) Error() string {
	return "accounts: " + e.Param + " " + e.Problem.String()
}

func invalid(param, format string, args ...any) error {
	return &InvalidRequest{Param: param, Problem: sentence.Say(format, args...)}
}

// checkText checks what every text must be: UTF-8 without control characters (NUL among them, which
// PostgreSQL refuses, and line ends, which forge log lines and mail headers).
func checkText(param, text string) error {
	if !utf8.ValidString(text) {
		return invalid(param, "is not valid UTF-8")
	}
	if strings.ContainsFunc(text, unicode.IsControl) {
		return invalid(param, "holds a control character")
	}
	return nil
}

// checkUsername refuses what could never sign in: callers strip blanks around a typed name.
func checkUsername(username string) error {
	switch {
	case username == "":
		return invalid("username", "is empty")
	case len(username) > maxUsername:
		return invalid("username", "is longer than %d bytes", maxUsername)
	case strings.TrimSpace(username) != username:
		return invalid("username", "has blanks at an end")
	case len(Fold(username)) > maxFolded:
		return invalid("username", "stands for more than %d bytes", maxFolded)
	}
	return checkText("username", username)
}

// checkEmail checks the form only; empty is none.
func checkEmail(email string) error {
	if email == "" {
		return nil
	}
	if len(email) > maxEmail {
		return invalid("email", "is longer than %d bytes", maxEmail)
	}
	if err := checkText("email", email); err != nil {
		return err
	}
	// The comparison refuses display names, comments and quoting.
	if address, err := mail.ParseAddress(email); err != nil || address.Address != email {
		return invalid("email", "is not an email address")
	}
	return nil
}

func checkName(param, name string) error {
	if utf8.RuneCountInString(name) > maxName {
		return invalid(param, "is longer than %d characters", maxName)
	}
	return checkText(param, name)
}

func checkExternalID(id string) error {
	if len(id) > maxExternalID {
		return invalid("external_id", "is longer than %d bytes", maxExternalID)
	}
	return checkText("external_id", id)
}

// checkID refuses what can't be an id before the store is asked, with the answer that the store would give.
func checkID(id string) error {
	if parsed, err := uuid.Parse(id); err != nil || parsed.String() != id {
		return ErrUserNotFound
	}
	return nil
}

// checkQuery checks what selects a page of users, groups or members.
func checkQuery(q Query) error {
	if q.Limit < 1 || q.Limit > maxPage {
		return invalid("limit", "is not 1 to %d", maxPage)
	}
	if err := checkText("prefix", q.Prefix); err != nil {
		return err
	}
	return checkText("after", q.After+q.Before)
}

// checkChange checks the fields that are set.
func checkChange(c Change) error {
	checks := []struct {
		value *string
		check func(string) error
	}{
		{c.Username, checkUsername},
		{c.Email, checkEmail},
		{c.GivenName, func(name string) error { return checkName("given_name", name) }},
		{c.FamilyName, func(name string) error { return checkName("family_name", name) }},
		{c.ExternalID, checkExternalID},
	}
	for _, field := range checks {
		if field.value == nil {
			continue
		}
		if err := field.check(*field.value); err != nil {
			return err
		}
	}
	if c.Email != nil && *c.Email == "" && c.EmailVerified != nil && *c.EmailVerified {
		return invalid("email_verified", "is true without an email address")
	}
	if c.Claims != nil {
		return checkClaims(*c.Claims)
	}
	return nil
}
