package admin

import (
	"strings"
	"testing"

	"keyturn/audit"
)

// Whatever If-Match holds, it never becomes "any state" but by "*", and never names a version that it does not hold
// in double quotes.
func FuzzEntityTags(f *testing.F) {
	for _, seed := range []string{`"abc"`, `W/"abc"`, `*`, ``, `""`, `"a", "b"`, `,, "a" ,`, `"a`, `"a"b`, `"a b"`, ` * `, `*,"a"`, `"é"`, "\"\xff\"", `"a,abc,b"`} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		list, ok := readTags(text)
		if ok && list.any != (strings.Trim(text, " \t") == "*") {
			t.Fatalf("%q is taken for any", text)
		}
		if !ok || list.any {
			return
		}
		if strings.TrimSpace(list.seen()) == "" {
			t.Fatalf("%q demands nothing", text)
		}
		const version = audit.Version("abc")
		saw := audit.Actor{Seen: list.seen()}.Saw(version) == nil
		if saw && !strings.Contains(text, `"abc"`) {
			t.Fatalf("%q names %s", text, version)
		}
		if saw && !list.names(version) {
			t.Fatalf("%q names %s by strong comparison alone", text, version)
		}
	})
}
