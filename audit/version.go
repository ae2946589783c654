package audit

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"slices"
	"strings"
)

// ErrChanged says that a thing is in another state than the one that the actor decided by, and nothing was changed.
var ErrChanged = errors.New("audit: it was changed meanwhile")

// Version names a state of a thing, base64url: another state has another one.
type Version string

// VersionOf is the version of what the parts, which have a form in JSON, are the whole state of.
func VersionOf(parts ...any) Version {
	text, err := json.Marshal(parts)
	if err != nil {
		panic(err) // times, texts and numbers
	}
	sum := sha256.Sum256(text)
	return Version(base64.RawURLEncoding.EncodeToString(sum[:18]))
}

// Saw returns nil where the actor decided by this state of what they change, or without looking; else ErrChanged. It
// is for the transaction that makes the change, which holds the state still.
func (a Actor) Saw(v Version) error {
	if a.Seen == "" || slices.Contains(strings.Fields(a.Seen), string(v)) {
		return nil
	}
	return ErrChanged
}
