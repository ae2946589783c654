package main

import (
	"strings"
	"testing"
)

// TestMistypedNamesAreSuggested: a letter too many, too few, another one or two exchanged, wherever it is.
func TestMistypedNamesAreSuggested(t *testing.T) {
	known := map[string]setting{}
	for _, s := range settings() {
		known[s.name] = s
	}
	for typed, want := range map[string]string{
		"lisen": "KEYTURN_LISTEN", "listten": "KEYTURN_LISTEN", "lisetn": "KEYTURN_LISTEN", "isuer": "KEYTURN_ISSUER", "mali_url": "KEYTURN_MAIL_URL",
		"database_url_fil": "KEYTURN_DATABASE_URL_FILE", "selfservice": "KEYTURN_SELF_SERVICE",
		"nonsense": "", "x": "", "": "", "mail": "",
	} {
		if got := nearest(typed, known); want == "" && got != "" || !strings.Contains(got, want) {
			t.Errorf("%q: %q, want %q", typed, got, want)
		}
	}
	for typed, want := range map[string]string{"redirect-url": "--redirect-uri?", "postlogout-redirect-uri": "--post-logout-redirect-uri?", "jsno": "--json?", "xyz": ""} {
		c, _, err := newRoot(streams{}).Find([]string{"client", "create"})
		must(t, err)
		if got := nearestFlag(c, typed); want == "" && got != "" || !strings.Contains(got, want) {
			t.Errorf("%q: %q, want %q", typed, got, want)
		}
	}
}

// TestDistance is the optimal string alignment's.
func TestDistance(t *testing.T) {
	for _, tt := range []struct {
		a, b string
		want int
	}{{"", "", 0}, {"", "abc", 3}, {"abc", "", 3}, {"abc", "abc", 0}, {"abc", "acb", 1}, {"abc", "abcd", 1}, {"abc", "ab", 1}, {"abc", "axc", 1}, {"ca", "abc", 3}} {
		if got := distance(tt.a, tt.b); got != tt.want {
			t.Errorf("%q to %q: %d, want %d", tt.a, tt.b, got, tt.want)
		}
	}
}
