package accounts

import (
	"context"
	"crypto/rand"
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"

	"keyturn/audit"
	"keyturn/keys"
)

const (
	// recoveryLength is in characters of 5 bits: 80 bits withstand whoever has a copy of the database and
	// tries codes at all accounts.
	recoveryLength = 16
	recoveryGroup  = 4
	// recoveryAlphabet is Crockford's base 32: no letter is taken for a digit.
	recoveryAlphabet = "0123456789abcdefghjkmnpqrstvwxyz"
)

// newRecoveryCode makes a code as it is shown, in groups.
func newRecoveryCode() string {
	var random [recoveryLength]byte
	rand.Read(random[:]) // never fails: crypto/rand ends the program instead
	var text strings.Builder
	for i, b := range random {
		if i > 0 && i%recoveryGroup == 0 {
			text.WriteByte('-')
		}
		text.WriteByte(recoveryAlphabet[b%byte(len(recoveryAlphabet))])
	}
	return text.String()
}

// plainCode is a code as it was meant: without blanks and hyphens, small.
func plainCode(typed string) string {
	if len(typed) > maxPassword {
		return ""
	}
	return strings.ToLower(strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) || unicode.Is(unicode.Pd, r) {
			return -1
		}
		return r
	}, norm.NFKC.String(typed)))
}

// readDigits are the letters that people read for the digits of a recovery code.
var readDigits = strings.NewReplacer("o", "0", "i", "1", "l", "1")

// recoveryHash is what is stored of a code. The user is part of it, so that codes can't be tried at all accounts
// at once.
func recoveryHash(userID, plain string) keys.Hash {
	return keys.SecretOf("recovery code " + userID + " " + readDigits.Replace(plain)).Hash()
}

// MakeRecoveryCodes replaces the recovery codes by new ones, which are shown this once. ErrReauthenticate,
// ErrNoSecondFactor.
func (f *Factors) MakeRecoveryCodes(ctx context.Context, who Authentication, actor audit.Actor) ([]string, error) {
	user, err := f.owner(ctx, who)
	if err != nil {
		return nil, err
	}
	codes, hashes := make([]string, RecoveryCodes), make([]keys.Hash, RecoveryCodes)
	for i := range codes {
		codes[i] = newRecoveryCode()
		hashes[i] = recoveryHash(user.ID, plainCode(codes[i]))
	}
	ctx, cancel := outlive(ctx)
	defer cancel()
	err = f.Store.SetRecoveryCodes(ctx, owned(who), hashes, Told{
		Event:   userEvent(audit.RecoveryCodesMade, user.ID, person(who.userID, actor)),
		Letters: f.waysChanged(user, "recovery_codes_made", ""),
	})
	if err != nil {
		return nil, err
	}
	return codes, nil
}
