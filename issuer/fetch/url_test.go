package fetch

import (
	"errors"
	"net/netip"
	"net/url"
	"strings"
	"testing"
)

func TestCheckURL(t *testing.T) {
	for _, good := range []string{
		"https://client.example/jwks.json",
		"https://client.example",
		"https://CLIENT.example:8443/a%20b?c=d&e=%2F",
		"https://xn--bcher-kva.example/keys",
		"https://client.example./keys",
		"https://under_score.example/",
		"https://93.184.216.34/keys",
		"https://[2606:2800:220:1::1]:8443/keys",
		"https://10.0.0.1/keys", // where it leads is judged when it is fetched
		"http://127.0.0.1:9000/logout",
		"http://[::1]/logout",
		"http://localhost:9000/logout",
		"HTTPS://client.example/",
	} {
		if err := CheckURL(good); err != nil {
			t.Errorf("CheckURL(%s) = %v; want it accepted", good, err)
		}
	}
	for name, bad := range map[string]string{
		"empty":                   "",
		"relative":                "/jwks.json",
		"no scheme":               "client.example/jwks.json",
		"scheme-relative":         "//client.example/jwks.json",
		"file":                    "file:///etc/passwd",
		"gopher":                  "gopher://client.example/",
		"opaque":                  "https:client.example",
		"no host":                 "https:///jwks.json",
		"port only":               "https://:443/",
		"plain http":              "http://client.example/",
		"plain http, private":     "http://10.0.0.1/",
		"localhost as a suffix":   "http://localhost.client.example/",
		"user":                    "https://user@client.example/",
		"password":                "https://user:secret@client.example/",
		"empty user":              "https://@client.example/",
		"fragment":                "https://client.example/#keys",
		"empty fragment":          "https://client.example/#",
		"space":                   "https://client.example/a b",
		"leading space":           " https://client.example/",
		"newline":                 "https://client.example/\n",
		"NUL":                     "https://client.example/\x00",
		"backslash":               `https://client.example\@10.0.0.1/`,
		"not ASCII":               "https://bücher.example/",
		"fullwidth digits":        "https://１２７.0.0.1/",
		"percent-encoded host":    "https://%31%32%37.0.0.1/",
		"zone":                    "https://[fe80::1%25eth0]/",
		"IPv4-mapped":             "https://[::ffff:127.0.0.1]/",
		"IPv4-mapped, hex":        "https://[::ffff:7f00:1]/",
		"short IPv4":              "https://127.1/",
		"IPv4 as a number":        "https://2130706433/",
		"IPv4 in hex":             "https://0x7f000001/",
		"IPv4 in octal":           "https://0177.0.0.1/",
		"IPv4 with a hex label":   "https://127.0.0.0x1/",
		"IPv4 with a dot":         "https://127.0.0.1./",
		"IPv6 without brackets":   "https://::1/",
		"empty label":             "https://client..example/",
		"dots only":               "https://../",
		"long label":              "https://" + strings.Repeat("a", 64) + ".example/",
		"long name":               "https://" + strings.Repeat("abc.", 64) + "example/",
		"long":                    "https://client.example/" + strings.Repeat("a", maxURL),
		"empty port":              "https://client.example:/",
		"port 0":                  "https://client.example:0/",
		"port too high":           "https://client.example:65536/",
		"port by name":            "https://client.example:https/",
		"wildcard":                "https://*.example/",
		"broken percent-encoding": "https://client.example/%zz",
	} {
		err := CheckURL(bad)
		if !errors.Is(err, ErrRefused) {
			t.Errorf("%s: CheckURL(%q) = %v; want %v", name, bad, err, ErrRefused)
			continue
		}
		if strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: the error repeats the URL: %v", name, err)
		}
	}
}

// FuzzCheckURL demands that what is accepted reads the same to every program: no user, no fragment, a host
// that is a name or an address in its usual form.
func FuzzCheckURL(f *testing.F) {
	for _, seed := range []string{
		"https://client.example/a?b=c", "http://127.0.0.1:1/", "https://[::1]:443", "https://a@b/", "https://127.1",
		"https://0x7f.1/", "https://a/#", `https://a\b`, "https://%6c/", "https:///", "HTTPS://A./", "https://[::ffff:1.2.3.4]/",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		err := CheckURL(raw)
		if err != nil {
			if !errors.Is(err, ErrRefused) {
				t.Errorf("CheckURL = %v; want %v", err, ErrRefused)
			}
			return
		}
		u, err := url.Parse(raw)
		if err != nil {
			t.Fatalf("accepted %q: %v", raw, err)
		}
		again, err := url.Parse(u.String())
		if err != nil || again.Host != u.Host {
			t.Errorf("%q written anew has another host: %v", raw, err)
		}
		if u.User != nil || u.Host == "" || strings.ContainsAny(raw, "#\\ \t\r\n\x00") {
			t.Errorf("accepted %q", raw)
		}
		// The authority is all between the slashes, and nothing but host and port.
		_, rest, _ := strings.Cut(raw, "://")
		authority, _, _ := strings.Cut(rest+"/", "/")
		authority, _, _ = strings.Cut(authority, "?")
		if authority != u.Host {
			t.Errorf("%q: another reader may take the host for %q, not %q", raw, authority, u.Host)
		}
		if ip, err := netip.ParseAddr(u.Hostname()); err == nil {
			if ip.Is4In6() || ip.Zone() != "" {
				t.Errorf("accepted the address %q", u.Hostname())
			}
			return
		}
		labels := strings.Split(strings.ToLower(strings.TrimSuffix(u.Hostname(), ".")), ".")
		if last := labels[len(labels)-1]; strings.HasPrefix(last, "0x") || strings.Trim(last, "0123456789") == "" {
			t.Errorf("accepted the host %q, which resolvers may read as an address", u.Hostname())
		}
		if u.Scheme == "http" && !strings.EqualFold(u.Hostname(), "localhost") {
			t.Errorf("accepted plain http to %q", u.Hostname())
		}
	})
}
