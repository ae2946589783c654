package accounts

import (
	"crypto/pbkdf2"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"golang.org/x/crypto/argon2"
	"golang.org/x/crypto/bcrypt"
	"golang.org/x/crypto/scrypt"
)

// parseArgon2 reads $argon2id$v=19$m=…,t=…,p=…$salt$key and the same with argon2i. Version 19 is the
// only one of RFC 9106; a key id or associated data (PHC keyid, data) is not supported.
func parseArgon2(text string) (hash, error) {
	part := strings.Split(text, "$")
	if len(part) != 6 || part[0] != "" || part[1] != "argon2id" && part[1] != "argon2i" {
		return hash{}, errUnknownHash
	}
	if part[2] != "v="+strconv.Itoa(argon2.Version) {
		return hash{}, fmt.Errorf("argon2 of another version than %d", argon2.Version)
	}
	cost, err := parameters(part[3], "m", "t", "p")
	if err != nil {
		return hash{}, fmt.Errorf("argon2: %w", err)
	}
	if err := checkArgon2(cost[0], cost[1], cost[2]); err != nil {
		return hash{}, err
	}
	salt, key, err := saltAndKey(base64.RawStdEncoding, part[4], part[5])
	if err != nil {
		return hash{}, fmt.Errorf("argon2: %w", err)
	}
	derive := argon2.IDKey
	if part[1] == "argon2i" {
		derive = argon2.Key
	}
	return hash{
		cost: strings.Join(part[:4], "$"),
		matches: func(password string) bool {
			got := derive([]byte(password), salt, uint32(cost[1]), uint32(cost[0]), uint8(cost[2]), uint32(len(key)))
			return subtle.ConstantTimeCompare(got, key) == 1
		},
	}, nil
}

// parsePHCScrypt reads $scrypt$ln=…,r=…,p=…$salt$key, where ln is log2 of N.
func parsePHCScrypt(text string) (hash, error) {
	part := strings.Split(text, "$")
	if len(part) != 5 {
		return hash{}, errUnknownHash
	}
	cost, err := parameters(part[2], "ln", "r", "p")
	if err != nil {
		return hash{}, fmt.Errorf("scrypt: %w", err)
	}
	if cost[0] > 62 {
		return hash{}, fmt.Errorf("scrypt with ln = %d is too costly", cost[0])
	}
	salt, key, err := saltAndKey(base64.RawStdEncoding, part[3], part[4])
	if err != nil {
		return hash{}, fmt.Errorf("scrypt: %w", err)
	}
	return scryptHash(strings.Join(part[:3], "$"), salt, key, 1<<cost[0], cost[1], cost[2])
}

// parseDjangoScrypt reads scrypt$N$salt$r$p$key; the salt is used as the text it is.
func parseDjangoScrypt(text string) (hash, error) {
	part := strings.Split(text, "$")
	if len(part) != 6 {
		return hash{}, errUnknownHash
	}
	var cost [3]uint64
	for i, digits := range []string{part[1], part[3], part[4]} {
		n, ok := number(digits)
		if !ok {
			return hash{}, errUnknownHash
		}
		cost[i] = n
	}
	key, err := djangoKey(part[2], part[5], 64)
	if err != nil {
		return hash{}, fmt.Errorf("scrypt: %w", err)
	}
	name := strings.Join([]string{part[0], part[1], part[3], part[4]}, "$")
	return scryptHash(name, []byte(part[2]), key, cost[0], cost[1], cost[2])
}

func scryptHash(cost string, salt, key []byte, n, r, p uint64) (hash, error) {
	if err := checkScrypt(n, r, p); err != nil {
		return hash{}, err
	}
	return hash{
		cost: cost,
		matches: func(password string) bool {
			got, err := scrypt.Key([]byte(password), salt, int(n), int(r), int(p), len(key))
			return err == nil && subtle.ConstantTimeCompare(got, key) == 1
		},
	}, nil
}

// parseDjangoPBKDF2 reads pbkdf2_sha256$iterations$salt$key; the salt is used as the text it is.
func parseDjangoPBKDF2(text string) (hash, error) {
	part := strings.Split(text, "$")
	if len(part) != 4 {
		return hash{}, errUnknownHash
	}
	iterations, ok := number(part[1])
	if !ok || iterations < 1 || iterations > maxPBKDF2Iterations {
		return hash{}, fmt.Errorf("pbkdf2_sha256 iterations are not 1 to %d", maxPBKDF2Iterations)
	}
	key, err := djangoKey(part[2], part[3], sha256.Size)
	if err != nil {
		return hash{}, fmt.Errorf("pbkdf2_sha256: %w", err)
	}
	return hash{
		cost: strings.Join(part[:2], "$"),
		matches: func(password string) bool {
			got, err := pbkdf2.Key(sha256.New, password, []byte(part[2]), int(iterations), len(key))
			return err == nil && subtle.ConstantTimeCompare(got, key) == 1
		},
	}, nil
}

var bcryptForm = regexp.MustCompile(`^\$2[aby]\$([0-9]{2})\$[./A-Za-z0-9]{53}$`)

// parseBcrypt reads $2b$cost$salt+key (also 2a and 2y, which differ in bugs that we don't have). Of a
// longer password bcrypt reads 72 bytes, and so do we: the hash says nothing of the rest.
func parseBcrypt(text string) (hash, error) {
	form := bcryptForm.FindStringSubmatch(text)
	if form == nil {
		return hash{}, errUnknownHash
	}
	if cost, _ := number(strings.TrimPrefix(form[1], "0")); cost < minBcryptCost || cost > maxBcryptCost {
		return hash{}, fmt.Errorf("bcrypt cost is not %d to %d", minBcryptCost, maxBcryptCost)
	}
	return hash{
		cost:  text[:len("$2b$12")],
		reads: bcryptPassword,
		matches: func(password string) bool {
			return bcrypt.CompareHashAndPassword([]byte(text), []byte(password)) == nil
		},
	}, nil
}

// parseDjangoBcryptSHA256 reads bcrypt_sha256$$2b$…: bcrypt of the hexadecimal SHA-256 of the password.
func parseDjangoBcryptSHA256(text string) (hash, error) {
	const prefix = "bcrypt_sha256$"
	inner, err := parseBcrypt(strings.TrimPrefix(text, prefix))
	if err != nil {
		return hash{}, err
	}
	return hash{
		cost: prefix + inner.cost,
		matches: func(password string) bool {
			sum := sha256.Sum256([]byte(password))
			return inner.matches(hex.EncodeToString(sum[:]))
		},
	}, nil
}

// parameters reads "a=1,b=2" with exactly these names in this order, as the PHC format demands.
func parameters(text string, names ...string) ([]uint64, error) {
	fields := strings.Split(text, ",")
	if len(fields) != len(names) {
		return nil, fmt.Errorf("parameters are not exactly %s", strings.Join(names, ", "))
	}
	values := make([]uint64, len(names))
	for i, field := range fields {
		digits, found := strings.CutPrefix(field, names[i]+"=")
		n, ok := number(digits)
		if !found || !ok {
			return nil, fmt.Errorf("parameter %s is not a number", names[i])
		}
		values[i] = n
	}
	return values, nil
}

// number reads decimal digits without sign or leading zero, so that each cost has one spelling. What it
// returns fits into 32 bits: a product of two can't overflow.
func number(digits string) (uint64, bool) {
	n, err := strconv.ParseUint(digits, 10, 32)
	return n, err == nil && strconv.FormatUint(n, 10) == digits
}

// saltAndKey decodes both. A key below 16 bytes could be met by guessing.
func saltAndKey(encoding *base64.Encoding, salt64, key64 string) (salt, key []byte, err error) {
	salt, err = encoding.Strict().DecodeString(salt64)
	if err != nil || len(salt) < 8 || len(salt) > 64 {
		return nil, nil, fmt.Errorf("salt is not base64 of 8 to 64 bytes")
	}
	key, err = encoding.Strict().DecodeString(key64)
	if err != nil || len(key) < 16 || len(key) > 64 {
		return nil, nil, fmt.Errorf("key is not base64 of 16 to 64 bytes")
	}
	return salt, key, nil
}

func djangoKey(salt, key64 string, length int) ([]byte, error) {
	if salt == "" {
		return nil, fmt.Errorf("salt is empty")
	}
	key, err := base64.StdEncoding.Strict().DecodeString(key64)
	if err != nil || len(key) != length {
		return nil, fmt.Errorf("key is not base64 of %d bytes", length)
	}
	return key, nil
}
