package audit

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"time"
)

// ErrChainBroken says that the newest seal is not one that Keyturn made. Nothing is sealed upon it: a new seal
// would vouch for what was forged.
var ErrChainBroken = errors.New("audit: the newest seal was altered, or made under another master identity")

// Mark stands for a sealed row: the event's id, or the microseconds at which a refusal's minute begins, and the
// row's digest.
type Mark struct {
	Key    int64
	Digest Digest
}

const markSize = 8 + len(Digest{})

// Marks are those of a batch, in ascending order of key, then digest.
type Marks []Mark

// Bytes are 40 for each mark: the key, big-endian, then the digest.
func (m Marks) Bytes() []byte {
	out := make([]byte, 0, len(m)*markSize)
	for _, mark := range m {
		out = binary.BigEndian.AppendUint64(out, uint64(mark.Key))
		out = append(out, mark.Digest[:]...)
	}
	return out
}

// ParseMarks reads what Bytes writes.
func ParseMarks(from []byte) (Marks, error) {
	if len(from)%markSize != 0 {
		return nil, fmt.Errorf("audit: marks of %d bytes", len(from))
	}
	marks := make(Marks, 0, len(from)/markSize)
	for one := range slices.Chunk(from, markSize) {
		marks = append(marks, Mark{int64(binary.BigEndian.Uint64(one)), Digest(one[8:])})
	}
	return marks, nil
}

// Keys are the marks' keys, in their order.
func (m Marks) Keys() []int64 {
	out := make([]int64, len(m))
	for i, mark := range m {
		out[i] = mark.Key
	}
	return out
}

func (m Marks) sort() {
	slices.SortFunc(m, func(a, b Mark) int {
		if a.Key != b.Key {
			if a.Key < b.Key {
				return -1
			}
			return 1
		}
		return bytes.Compare(a.Digest[:], b.Digest[:])
	})
}

// MarkEvents are the marks of the events of these ids. One that is gone has the zero digest, which no row has:
// so it stays known that it was gone when it was to be sealed.
func MarkEvents(ids []int64, events []Event) Marks {
	digests := make(map[int64]Digest, len(events))
	for _, e := range events {
		digests[e.ID] = e.Digest()
	}
	marks := make(Marks, len(ids))
	for i, id := range ids {
		marks[i] = Mark{id, digests[id]}
	}
	marks.sort()
	return marks
}

// MarkRefusals are the marks of refusals.
func MarkRefusals(refusals []RefusalCount) Marks {
	marks := make(Marks, len(refusals))
	for i, r := range refusals {
		marks[i] = Mark{microsOf(r.Minute), r.Digest()}
	}
	marks.sort()
	return marks
}

// Seal covers a batch of rows and, by Previous, every seal before it.
type Seal struct {
	// Number counts from 1; 0 is no seal.
	Number int64
	// At is the database's time.
	At time.Time
	// CompleteAt is a time before which every committed event is covered by this seal or an earlier one.
	CompleteAt time.Time
	// RefusalsThrough is the newest minute whose refusals this seal or an earlier one covers.
	RefusalsThrough time.Time
	// Previous is the hash of the seal before.
	Previous Digest
	// Body is over the marks, Hash over all of the above.
	Body, Hash Digest
	// Tag proves that whoever made the seal held the master identity.
	Tag []byte

	Events, Refusals Marks
	// PrunedAt is when the rows were removed, as retention says; the marks left with them.
	PrunedAt time.Time
}

// body is over "keyturn audit body v1" and the bytes of both marks.
func (s Seal) body() Digest {
	f := hashing("keyturn audit body v1")
	f.bytes(s.Events.Bytes())
	f.bytes(s.Refusals.Bytes())
	return f.digest()
}

// hash is over "keyturn audit seal v1", Previous, Number, At, CompleteAt, RefusalsThrough and Body.
func (s Seal) hash() Digest {
	f := hashing("keyturn audit seal v1")
	f.bytes(s.Previous[:])
	f.number(s.Number)
	f.time(s.At)
	f.time(s.CompleteAt)
	f.time(s.RefusalsThrough)
	f.bytes(s.Body[:])
	return f.digest()
}

// Tagger makes and checks the tags of seals; it is made from the master identity.
type Tagger interface {
	TagSeal(hash []byte) []byte
	SealTagged(hash, tag []byte) bool
}

// Intact tells whether the seal's hash is that of its fields, and its tag one of the tagger's.
func (s Seal) Intact(by Tagger) bool { return s.hash() == s.Hash && by.SealTagged(s.Hash[:], s.Tag) }

// Next is the seal after s, of its own marks and times; its number, hashes and tag are set.
func (s Seal) Next(batch Seal, by Tagger) Seal {
	batch.Number, batch.Previous = s.Number+1, s.Hash
	batch.Body = batch.body()
	batch.Hash = batch.hash()
	batch.Tag = by.TagSeal(batch.Hash[:])
	return batch
}
