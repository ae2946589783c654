package accounts

import (
	"cmp"
	"context"
	"fmt"
	"strings"
	"unicode/utf8"

	"keyturn/audit/sentence"
)

// Lengths of passwords (NIST SP 800-63B-4 section 3.1.1.2): 15 characters where the password is all that is asked
// for, 8 where a second factor is asked for, too.
const (
	// MinPassword is the least, which also holds for passwords that administrators set.
	MinPassword = 8
	// MinPasswordAlone is the default for people who have nothing but a password.
	MinPasswordAlone = 15
	maxPassword      = 1024 // bytes
)

// PasswordFault is why a password is refused.
type PasswordFault string

// The faults.
const (
	PasswordTooShort PasswordFault = "too_short"
	PasswordTooLong  PasswordFault = "too_long"
	PasswordCommon   PasswordFault = "common"    // one of those that are tried first
	PasswordAboutYou PasswordFault = "about_you" // the person's name or address, or this service's name
	PasswordRepeated PasswordFault = "repeated"  // one or few characters again and again
	PasswordSequence PasswordFault = "sequence"  // runs of the alphabet, the digits or the keyboard
)

// PasswordRefused is why a new password is not taken. It is an *InvalidRequest of the parameter password, too.
type PasswordRefused struct {
	Why PasswordFault
	// Least is how many characters it must have; only with PasswordTooShort.
	Least int
}

func (e *PasswordRefused) Error() string { return "accounts: the password " + e.problem().String() }

// Unwrap makes errors.As find the *InvalidRequest.
func (e *PasswordRefused) Unwrap() error { return &InvalidRequest{"password", e.problem()} }

func (e *PasswordRefused) problem() sentence.Sentence {
	switch e.Why {
	case PasswordTooShort:
		return sentence.Say("is shorter than %d characters", e.Least)
	case PasswordTooLong:
		return sentence.Say("is longer than %d bytes", maxPassword)
	case PasswordCommon:
		return sentence.Say("is one of the most common passwords, which are tried first")
	case PasswordAboutYou:
		return sentence.Say("is little more than a name or address of the person, or the name of this service")
	case PasswordRepeated:
		return sentence.Say("is a few characters again and again")
	}
	return sentence.Say("is a run of the alphabet, the digits or the keyboard")
}

func refused(why PasswordFault) error { return &PasswordRefused{Why: why} }

// LeastPassword is how many characters a password must have that the user chooses for themselves; an empty id
// is that of somebody who has no account yet.
func (s *SelfService) LeastPassword(ctx context.Context, userID string) (int, error) {
	alone := cmp.Or(s.People.LeastAlone, MinPasswordAlone)
	if userID == "" {
		return alone, nil
	}
	has, err := s.People.Store.FactorCounts(ctx, userID)
	if err != nil {
		return 0, fmt.Errorf("count factors: %w", err)
	}
	if has.SecondFactor() {
		return MinPassword, nil
	}
	return alone, nil
}

// checkPassword checks a new password of u, which needs least characters. There are no rules of composition,
// and nothing is trimmed or cut.
func (s *Service) checkPassword(password string, least int, u User) error {
	switch {
	case !utf8.ValidString(password):
		return invalid("password", "is not valid UTF-8")
	case strings.ContainsRune(password, 0):
		return invalid("password", "holds a NUL character")
	case utf8.RuneCountInString(password) < least:
		return &PasswordRefused{Why: PasswordTooShort, Least: least}
	case len(password) > maxPassword:
		return refused(PasswordTooLong)
	}
	if why := weakness(password, s.about(u)); why != "" {
		return refused(why)
	}
	return nil
}

// about are the words that a password of u must not be.
func (s *Service) about(u User) []string {
	local, domain, _ := strings.Cut(u.Email, "@")
	host, _, _ := strings.Cut(domain, ".")
	return []string{
		u.Username, u.Email, local, domain, host, u.GivenName, u.FamilyName, u.GivenName + u.FamilyName,
		u.GivenName + " " + u.FamilyName, u.Claims.Nickname, s.Name,
	}
}
