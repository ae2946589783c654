package audit

import (
	"strings"
	"testing"
)

func TestIsReason(t *testing.T) {
	for text, want := range map[string]bool{
		"": true, "lost laptop": true, strings.Repeat("ä", MaxReason): true, strings.Repeat("a", MaxReason+1): false,
		"two\nlines": false, "a tab\t": false, "\x00": false, "turned \u202e round": false, "soft\u00adhyphen": false, "a\u2028line": false, "a\u2029paragraph": false,
	} {
		if got := IsReason(text); got != want {
			t.Errorf("%.40q: %v, want %v", text, got, want)
		}
	}
}
