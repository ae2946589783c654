package accounts

import (
	"errors"
	"fmt"
	"math/bits"
	"strings"
)

// Bounds on stored hashes. An imported hash names its own cost, so without them one row could hold a
// hashing slot for minutes or take gigabytes. Each bound is a second or two of one core.
const (
	maxHashLength       = 512
	maxMemory           = 256 << 10 // KiB for one hash
	maxMemoryPasses     = 1 << 20   // KiB times passes over them
	maxArgon2Threads    = 64
	maxScryptParallel   = 16
	maxPBKDF2Iterations = 5_000_000
	minBcryptCost       = 4
	maxBcryptCost       = 15
	bcryptPassword      = 72 // bytes that bcrypt reads of a password
)

var errUnknownHash = errors.New("not a password hash of a known form")

// hash is a stored password hash, taken apart.
type hash struct {
	// cost is what stands before the salt: the scheme and its parameters.
	cost string
	// reads is how many bytes of a password count, 0 for all.
	reads int
	// matches derives from the password and compares in constant time. It costs what cost says.
	matches func(password string) bool
}

// CheckHash returns nil for a password hash that Authenticate can verify at a bearable cost. The error
// never repeats the text.
func CheckHash(text string) error {
	_, err := parseHash(text)
	return err
}

// parseHash takes a hash apart by its prefix: the PHC string format
// (github.com/P-H-C/phc-string-format), modular crypt for bcrypt, and the forms of
// django.contrib.auth.hashers.
func parseHash(text string) (hash, error) {
	if len(text) > maxHashLength || strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || r > '~' }) {
		return hash{}, errUnknownHash
	}
	switch scheme, _, _ := strings.Cut(text, "$"); scheme {
	case "": // "$scheme$…"
		return parseModular(text)
	case "argon2": // Django puts its own name before the PHC string
		h, err := parseArgon2(strings.TrimPrefix(text, "argon2"))
		h.cost = "argon2" + h.cost
		return h, err
	case "pbkdf2_sha256":
		return parseDjangoPBKDF2(text)
	case "scrypt":
		return parseDjangoScrypt(text)
	case "bcrypt":
		h, err := parseBcrypt(strings.TrimPrefix(text, "bcrypt$"))
		h.cost = "bcrypt$" + h.cost
		return h, err
	case "bcrypt_sha256":
		return parseDjangoBcryptSHA256(text)
	}
	return hash{}, errUnknownHash
}

func parseModular(text string) (hash, error) {
	switch scheme, _, _ := strings.Cut(strings.TrimPrefix(text, "$"), "$"); scheme {
	case "argon2id", "argon2i":
		return parseArgon2(text)
	case "scrypt":
		return parsePHCScrypt(text)
	case "2a", "2b", "2y":
		return parseBcrypt(text)
	}
	return hash{}, errUnknownHash
}

func checkArgon2(memory, time, threads uint64) error {
	switch {
	case threads < 1 || threads > maxArgon2Threads:
		return fmt.Errorf("argon2 parallelism %d is not 1 to %d", threads, maxArgon2Threads)
	case memory < 8*threads || memory > maxMemory:
		return fmt.Errorf("argon2 memory of %d KiB is not %d to %d", memory, 8*threads, maxMemory)
	case time < 1 || time > maxMemoryPasses/memory:
		return fmt.Errorf("argon2 with %d passes over %d KiB is not 1 to %d passes", time, memory, maxMemoryPasses/memory)
	}
	return nil
}

// checkScrypt checks N, r and p (RFC 7914 section 2); the memory is 128 * N * r bytes.
func checkScrypt(n, r, p uint64) error {
	switch {
	case n < 2 || bits.OnesCount64(n) != 1 || n > maxMemory<<10:
		return fmt.Errorf("scrypt cost N = %d is not a power of two from 2 to %d", n, maxMemory<<10)
	case p < 1 || p > maxScryptParallel:
		return fmt.Errorf("scrypt parallelism %d is not 1 to %d", p, maxScryptParallel)
	case r < 1 || r > maxMemory<<10/128/n:
		return fmt.Errorf("scrypt with N = %d and r = %d takes more than %d KiB", n, r, maxMemory)
	case n*r*p*128>>10 > maxMemoryPasses:
		return fmt.Errorf("scrypt with N = %d, r = %d and p = %d is too costly", n, r, p)
	}
	return nil
}
