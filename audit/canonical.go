package audit

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"hash"
	"maps"
	"slices"
	"time"
)

// Digest is a SHA-256. The zero Digest stands before the first seal.
type Digest [sha256.Size]byte

// String is lower-case hex.
func (d Digest) String() string { return hex.EncodeToString(d[:]) }

// ParseDigest reads what String writes.
func ParseDigest(text string) (Digest, error) {
	var d Digest
	if len(text) != 2*len(d) {
		return d, fmt.Errorf("audit: a hash has %d hexadecimal digits, this has %d", 2*len(d), len(text))
	}
	if _, err := hex.Decode(d[:], []byte(text)); err != nil {
		return Digest{}, fmt.Errorf("audit: a hash is hexadecimal: %w", err)
	}
	return d, nil
}

// fields hashes a list of fields, each with its length in bytes before it (8 bytes, big-endian), so that no two
// lists hash alike. The first says what is hashed. Numbers are fields of 8 bytes, big-endian two's complement;
// times are microseconds since 1970, UTC, 0 for none.
type fields struct{ hash.Hash }

func hashing(what string) fields {
	f := fields{sha256.New()}
	f.text(what)
	return f
}

func (f fields) bytes(b []byte) {
	var length [8]byte
	binary.BigEndian.PutUint64(length[:], uint64(len(b)))
	f.Write(length[:])
	f.Write(b)
}

func (f fields) text(s string) { f.bytes([]byte(s)) }

func (f fields) number(n int64) { f.bytes(binary.BigEndian.AppendUint64(nil, uint64(n))) }

func (f fields) time(t time.Time) { f.number(microsOf(t)) }

func (f fields) digest() (d Digest) {
	f.Sum(d[:0])
	return d
}

func microsOf(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMicro()
}

// Digest is over "keyturn audit event v1", id, time, action, the actor's kind, id, address and request id, the
// subject's kind and id, the reason, the number of details, and name and text of each detail by ascending name.
func (e Event) Digest() Digest {
	f := hashing("keyturn audit event v1")
	f.number(e.ID)
	f.time(e.At)
	for _, text := range []string{
		string(e.Action), string(e.Actor.Kind), e.Actor.ID, e.Actor.Address, e.Actor.RequestID, e.SubjectKind, e.SubjectID, e.Reason,
	} {
		f.text(text)
	}
	f.number(int64(len(e.Details)))
	for _, name := range slices.Sorted(maps.Keys(e.Details)) {
		f.text(name)
		f.text(e.Details[name])
	}
	return f.digest()
}

// Digest is over "keyturn audit refusal v1", the minute, account, address, reason and count.
func (r RefusalCount) Digest() Digest {
	f := hashing("keyturn audit refusal v1")
	f.time(r.Minute)
	f.text(r.Account)
	f.text(r.Address)
	f.text(r.Reason)
	f.number(r.Count)
	return f.digest()
}
