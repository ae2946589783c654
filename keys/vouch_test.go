package keys

import (
	"bytes"
	"testing"
)

func TestVouch(t *testing.T) {
	one, other := &Ring{Master: newMaster(t)}, &Ring{Master: newMaster(t)}
	both := &Ring{Master: &Master{identities: append(append([]identity{}, other.Master.identities...), one.Master.identities...)}}
	text := []byte("a question")
	tag, err := one.Vouch("asked", text)
	if err != nil || !one.Vouched("asked", text, tag) || !both.Vouched("asked", text, tag) {
		t.Errorf("what one of the identities vouched for is refused: %v", err)
	}
	for name, taken := range map[string]bool{
		"another identity": other.Vouched("asked", text, tag), "another purpose": one.Vouched("aske", append([]byte("d"), text...), tag),
		"another text": one.Vouched("asked", text[1:], tag), "a cut tag": one.Vouched("asked", text, tag[1:]), "no tag": one.Vouched("asked", text, nil),
		"no identity": (&Ring{}).Vouched("asked", text, tag), "the tag of a seal": one.Vouched("asked", text, one.Master.TagSeal(text)),
	} {
		if taken {
			t.Errorf("%s is taken", name)
		}
	}
	if again, _ := both.Vouch("asked", text); bytes.Equal(again, tag) || !other.Vouched("asked", text, again) {
		t.Error("it is not the first identity that vouches")
	}
	if _, err := (&Ring{}).Vouch("asked", text); err == nil {
		t.Error("nobody vouches")
	}
}
