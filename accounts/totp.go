package accounts

import (
	"crypto/hmac"
	"crypto/sha1"
	"crypto/subtle"
	"encoding/base32"
	"encoding/binary"
	"fmt"
	"net/url"
	"time"
)

// The parameters that every authenticator app knows (RFC 6238 section 4, RFC 4226 section 5.3).
const (
	totpStep   = 30 * time.Second
	totpDigits = 6
	// totpSecret is in bytes: 160 bits, as RFC 4226 section 4 recommends.
	totpSecret = 20
	// totpWindow is how many steps a clock may be off, either way (RFC 6238 section 5.2).
	totpWindow = 1
)

// totpAt is the number of the time step (T of RFC 6238 section 4.2).
func totpAt(now time.Time) int64 { return now.Unix() / int64(totpStep/time.Second) }

// totpCode is the code of a step (RFC 4226 section 5.3 with HMAC-SHA-1), of that many digits.
func totpCode(secret []byte, step int64, digits int) string {
	mac := hmac.New(sha1.New, secret)
	mac.Write(binary.BigEndian.AppendUint64(nil, uint64(step)))
	sum := mac.Sum(nil)
	offset := sum[len(sum)-1] & 0xf
	number := binary.BigEndian.Uint32(sum[offset:]) & 0x7fffffff
	modulus := uint32(1)
	for range digits {
		modulus *= 10
	}
	return fmt.Sprintf("%0*d", digits, number%modulus)
}

// totpMatch finds the step of the code within the window around now, later than the step after. All steps are
// computed, whichever matches.
func totpMatch(secret []byte, code string, now time.Time, after int64) (step int64, ok bool) {
	for t := totpAt(now) - totpWindow; t <= totpAt(now)+totpWindow; t++ {
		matches := subtle.ConstantTimeCompare([]byte(totpCode(secret, t, totpDigits)), []byte(code)) == 1
		if matches && t > after {
			step, ok = t, true
		}
	}
	return step, ok
}

// typedSecret is base32 without padding, as apps take it.
func typedSecret(secret []byte) string {
	return base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(secret)
}

// totpURI is the form that authenticator apps read from a QR code (the Key Uri Format of Google Authenticator).
// The defaults are left out: some apps refuse what they need not be told.
func totpURI(provider, username string, secret []byte) string {
	query := "secret=" + typedSecret(secret) + "&issuer=" + url.PathEscape(provider)
	return "otpauth://totp/" + url.PathEscape(provider) + ":" + url.PathEscape(username) + "?" + query
}
