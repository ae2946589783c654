package fetch

import (
	"net/netip"
	"strings"
	"testing"
)

func TestAllowEntries(t *testing.T) {
	for _, bad := range []string{
		"", "*", "*.example", "https://client.example", "client.example/keys", "client.example:", "client.example:0", "client.example:x",
		":443", "10.0.0.1/8", "10.0.0.0/33", "0.0.0.0/0", "::/0", "10.0.0.0/", "::ffff:10.0.0.0/104", "::ffff:127.0.0.1", "127.1", "a b",
		"[::1]", "::1:99999", "fe80::1%eth0", "user@host", "bücher.example",
	} {
		_, err := New(Options{Allow: []string{"localhost", bad}})
		if err == nil || !strings.Contains(err.Error(), "allow \""+bad+"\"") {
			t.Errorf("Allow %q: %v; want an error that names it", bad, err)
		}
	}
}

func TestAllowMatches(t *testing.T) {
	a, err := parseAllow([]string{"App.internal", "keys.internal:8443", "10.1.0.0/16", "127.0.0.1:9000", "::1", "[fd00::1]:8443"})
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		host, port string
		want       bool
	}{
		{"app.internal", "1", true}, {"APP.INTERNAL.", "443", true}, {"app.internal.example", "443", false}, {"xapp.internal", "443", false},
		{"keys.internal", "8443", true}, {"keys.internal", "443", false},
	} {
		if got := a.name(test.host, test.port); got != test.want {
			t.Errorf("name %s port %s: %v; want %v", test.host, test.port, got, test.want)
		}
	}
	for _, test := range []struct {
		ip, port string
		want     bool
	}{
		{"10.1.0.0", "1", true}, {"10.1.255.255", "443", true}, {"10.2.0.0", "443", false},
		{"127.0.0.1", "9000", true}, {"127.0.0.1", "9001", false}, {"127.0.0.2", "9000", false},
		{"::1", "1", true}, {"::1%lo", "1", false}, {"fd00::1", "8443", true}, {"fd00::1", "443", false}, {"::ffff:10.1.0.0", "1", false},
	} {
		if got := a.address(netip.MustParseAddr(test.ip), test.port); got != test.want {
			t.Errorf("address %s port %s: %v; want %v", test.ip, test.port, got, test.want)
		}
	}
}
