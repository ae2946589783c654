package keys

import (
	"bytes"
	"testing"
)

func TestSealTags(t *testing.T) {
	one, other := newMaster(t), newMaster(t)
	hash := bytes.Repeat([]byte{7}, 32)
	tag := one.TagSeal(hash)
	both := &Master{identities: append(append([]identity{}, other.identities...), one.identities...)}
	if !one.SealTagged(hash, tag) || !both.SealTagged(hash, tag) {
		t.Error("the tag of one of the identities is refused")
	}
	if other.SealTagged(hash, tag) || one.SealTagged(hash[1:], tag) || one.SealTagged(hash, tag[1:]) || one.SealTagged(hash, nil) {
		t.Error("another identity's tag, hash or a cut one is taken")
	}
	if bytes.Equal(both.TagSeal(hash), tag) || !other.SealTagged(hash, both.TagSeal(hash)) {
		t.Error("it is not the first identity that tags")
	}
}
