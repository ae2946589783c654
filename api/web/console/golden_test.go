package console_test

import (
	"flag"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"keyturn/api/web/console"
)

var update = flag.Bool("update", false, "write the golden files of testdata anew")

// changing is what is another at each run: ids, hashes, times, addresses, and what is drawn from the time.
var changing = []struct{ pattern, with string }{
	{`/assets/([a-z]+)\.[0-9a-f]{16}\.`, "/assets/$1."},
	{`[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}`, "UUID"},
	{`\b[0-9a-f]{32}\b`, "ID"}, {`\b[0-9a-f]{16}\b`, "SECRET"},
	{`<time[^>]*>[^<]*</time>`, "TIME"}, {`[0-9]{1,2}\.? [A-ZÄ][a-zä]+ [0-9]{4}, [0-9:]{5}( Uhr)? UTC`, "TIME"},
	{`127\.0\.0\.1:[0-9]+`, "HOST"}, {`(?s)<svg viewBox.*?</svg>`, "DRAWING"}, {`(?s)<tbody>\s*<tr><th scope="row">[0-9]{2}:00.*?</tbody>`, "HOURS"},
	{`[A-Za-z0-9_-]{43}`, "KID"}, {`user=[0-9a-f-]{11}…`, "user=UUID…"}, {`[A-Za-z0-9_-]{8}…`, "KID…"}, {`name="seen" value="[0-9A-Za-z_-]{24}"`, `name="seen" value="VERSION"`}, {`>[0-9a-zA-Z_-]{22}<`, ">REFERENCE<"},
}

// TestPagesAreAsTheGoldenFiles, of those that show most of what there is, in both languages.
func TestPagesAreAsTheGoldenFiles(t *testing.T) {
	in := newTown(t)
	for name, path := range map[string]string{
		"overview": "", "users": "/users", "user": "/users/" + in.spider.ID, "deactivate": "/users/" + in.spider.ID + "/deactivate", "user-new": "/users/new", "user-invite": "/users/invite", "invitations": "/users/invitations", "invitation-withdraw": "/users/invitations/" + in.invitation + "/withdraw",
		"group": "/groups/" + in.group.ID, "clients": "/clients", "client": "/clients/orders", "client-edit": "/clients/orders/edit", "resources": "/resources",
		"keys": "/keys", "rotate": "/keys/rotate?mode=graceful&lane=RS256", "grants": "/grants", "settings": "/settings", "mail": "/mail", "letter": "/mail/" + in.letter.ID, "letter-drop": "/mail/" + in.letter.ID + "/drop", "setup": "/set-up", "setup-kinds": "/set-up/client", "setup-web": "/set-up/client/web", "setup-api": "/set-up/api", "not-found": "/grants/none", "search": "/search?q=none",
	} {
		for _, language := range []string{"en", "de"} {
			q, err := http.NewRequest(http.MethodGet, in.URL+console.Path+path, nil)
			if err != nil {
				t.Fatal(err)
			}
			q.Header.Set("Accept-Language", language)
			got := in.boss.Send(q).Body
			for _, c := range changing {
				got = regexp.MustCompile(c.pattern).ReplaceAllString(got, c.with)
			}
			file := filepath.Join("testdata", name+"."+language+".html")
			if *update {
				if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if got != string(want) {
				t.Errorf("differs from %s; look at the page, then run with -update:\n%s", file, firstDifference(got, string(want)))
			}
		}
	}
}

// firstDifference is the first line that is another, of both.
func firstDifference(got, want string) string {
	g, w := strings.Split(got, "\n"), strings.Split(want, "\n")
	for n := range min(len(g), len(w)) {
		if g[n] != w[n] {
			return "got  " + g[n] + "\nwant " + w[n]
		}
	}
	return "one is longer"
}
