package accounts

import (
	"crypto/rand"
	"encoding/base64"
	"fmt"

	"golang.org/x/crypto/argon2"
)

// The default cost of a new password hash: the OWASP Password Storage Cheat Sheet's argon2id
// setting for one lane.
const (
	DefaultArgon2Memory  = 19456 // KiB
	DefaultArgon2Time    = 2
	DefaultArgon2Threads = 1
)

const (
	argon2SaltLength = 16
	argon2KeyLength  = 32
)

// Argon2 is the cost of new password hashes (RFC 9106 section 3.1). The zero value stands for the default.
type Argon2 struct {
	// Memory is in KiB.
	Memory uint32
	// Time is the number of passes over the memory.
	Time uint32
	// Threads is the number of lanes.
	Threads uint8
}

// Check returns an error where the cost is impossible (RFC 9106 section 3.1) or above what this
// package verifies.
func (a Argon2) Check() error {
	a = a.orDefault()
	return checkArgon2(uint64(a.Memory), uint64(a.Time), uint64(a.Threads))
}

func (a Argon2) orDefault() Argon2 {
	if a == (Argon2{}) {
		return Argon2{Memory: DefaultArgon2Memory, Time: DefaultArgon2Time, Threads: DefaultArgon2Threads}
	}
	return a
}

// cost is what stands before the salt in a hash of this cost.
func (a Argon2) cost() string {
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d", argon2.Version, a.Memory, a.Time, a.Threads)
}

// hash makes the hash of a new password, with a random salt.
func (a Argon2) hash(password string) string {
	salt := make([]byte, argon2SaltLength)
	rand.Read(salt) // never fails, see crypto/rand
	return a.encode(salt, argon2.IDKey([]byte(password), salt, a.Time, a.Memory, a.Threads, argon2KeyLength))
}

// dummy is a hash that nobody has the password of; checking one costs what checking a real one does.
func (a Argon2) dummy() string {
	return a.encode(make([]byte, argon2SaltLength), make([]byte, argon2KeyLength))
}

func (a Argon2) encode(salt, key []byte) string {
	b64 := base64.RawStdEncoding
	return a.cost() + "$" + b64.EncodeToString(salt) + "$" + b64.EncodeToString(key)
}
