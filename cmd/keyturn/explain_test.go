package main

import (
	"fmt"
	"strings"
	"testing"
)

// TestRefusalsNameTheFlag: who types a command is told which flag or argument is wrong and which of several values,
// in the command line's words and not in those of the admin API or of our packages.
func TestRefusalsNameTheFlag(t *testing.T) {
	i := newMigrated(t)
	const uri = "https://shop.example.com/callback"
	for _, tt := range []struct{ command, want string }{
		{"client create shop --redirect-uri " + uri + " --redirect-uri http://a.example --redirect-uri http://b.example", `--redirect-uri "http://a.example" must be https`},
		{"client create a/b --redirect-uri " + uri, `ID "a/b" must have 1 to 64 letters`},
		{"client create shop", "--redirect-uri must name at least one"},
		{"client create shop --service", "--scope must be named"},
		{"client create shop --service --public --scope x", "--service has client_credentials"},
		{"client create shop --public --private-key-jwt --jwks-uri https://a.example/k --redirect-uri " + uri, "--public and --private-key-jwt exclude each other: a client authenticates in one way"},
		{"client create shop --public --auth-method client_secret_post --redirect-uri " + uri, "--public says how it authenticates, and so does --auth-method: say one of them"},
		{"client create shop --public=false --redirect-uri " + uri, "--public=false does not say how it authenticates instead; --auth-method does"},
		{"client create shop --private-key-jwt=false --redirect-uri " + uri, "--private-key-jwt=false does not say how it authenticates instead; --auth-method does"},
		{"client create shop --private-key-jwt --jwks-file k.json --jwks-uri https://a.example/k --redirect-uri " + uri, "--jwks-file and --jwks-uri exclude each other: its keys are registered, or read from where it publishes them"},
		{"client create shop --private-key-jwt --redirect-uri " + uri, "--jwks-file must be given for private_key_jwt, or --jwks-uri in its place"},
		{"client create shop --secret-stdin --redirect-uri " + uri, "--secret-stdin must have 32 to 512 characters; leave it out and one is made"},
		{"client create shop --backchannel-logout-uri ftp://a.example --redirect-uri " + uri, `--backchannel-logout-uri "ftp://a.example" must be https`},
		{"client create shop --redirect " + uri, "`keyturn client create --help`"},
		{"client create shop --redirect-url " + uri, "did you mean --redirect-uri? `keyturn client create --help`"},
		{"user create", "usage: keyturn user create NAME [flags]\n  `keyturn user create --help`"},
		{"client creat shop", "did you mean create?"},
		{"cleint list", "did you mean client?"},
		{"client list shop", "`keyturn client list` takes no argument"},
		{"client show shop", "keyturn: no such client\n  `keyturn client list`"},
		{"user create peter --email nonsense", `--email "nonsense" is not an email address`},
		{"user invite nonsense --print-link", `EMAIL "nonsense" is not an email address`},
		{"user invite gwen@example.com --print-link --expires 721h", `--expires "721h0m0s" is not from 1 minute to 30 days`},
		{"user invite gwen@example.com", "not offered here\n  KEYTURN_MAIL_URL is not set, so no letters leave; --print-link"},
		{"resource create orders --scopes openid", "--scopes must not name openid"},
		{"user list --limit 0", `--limit "0" is not 1 to`},
		{"session end-browser nonsense", "no such browser session\n  `keyturn session browsers --user NAME`"},
		{"session end nonsense", "no such grant\n  `keyturn session list --user NAME`"},
	} {
		out, status := i.run(t, "too short\n", strings.Fields(tt.command)...)
		wantOneLine(t, out, status, tt.want)
	}
	file := i.file(t, "shop.json", `{"redirect_uris": ["http://a.example"]}`)
	out, status := i.run(t, "", "client", "create", "shop", "--file", file)
	wantOneLine(t, out, status, "redirect_uris must be https")
}

// TestClientNotes: what of a registration will not work yet is told, and hinders nothing.
func TestClientNotes(t *testing.T) {
	i := newMigrated(t, "KEYTURN_FETCH_ALLOW=inside.example:8443")
	i.must(t, "", "resource", "create", "orders", "--scopes", "orders:read")
	for n, tt := range []struct {
		flags string
		want  []string // none for no note
	}{
		{"--service --resource orders --scope orders:read", nil},
		{"--service --resource nosuch --scope orders:read", []string{"`keyturn resource create nosuch`", "scope orders:read is of none"}},
		{"--service --scope orders:read", []string{"scope orders:read is of none"}},
		{"--redirect-uri https://a.example/cb --scope openid --backchannel-logout-uri https://a.example/out", nil},
		{"--redirect-uri https://a.example/cb --backchannel-logout-uri http://localhost:3000/out", []string{"KEYTURN_FETCH_ALLOW names localhost:3000"}},
		{"--redirect-uri https://a.example/cb --backchannel-logout-uri https://10.0.0.7/out", []string{"KEYTURN_FETCH_ALLOW names 10.0.0.7"}},
		{"--redirect-uri https://a.example/cb --private-key-jwt --jwks-uri https://app.internal/keys", []string{"JWKS URI", "KEYTURN_FETCH_ALLOW names app.internal"}},
		{"--redirect-uri https://a.example/cb --backchannel-logout-uri https://inside.example:8443/out", nil},
	} {
		id := fmt.Sprintf("app%d", n)
		out, status := i.run(t, "", append([]string{"client", "create", id}, strings.Fields(tt.flags)...)...)
		if status != 0 || len(tt.want) == 0 && strings.Contains(out, "note: ") {
			t.Errorf("%s: status %d: %s", tt.flags, status, out)
		}
		for _, want := range tt.want {
			if !strings.Contains(out, want) {
				t.Errorf("%s: %q is missing: %s", tt.flags, want, out)
			}
		}
		if serves := strings.Contains(out, i.url+"/oauth2/token"); serves != strings.Contains(tt.flags, "--service") {
			t.Errorf("%s: the token endpoint is told: %t", tt.flags, serves)
		}
	}
}

// TestServiceIsToldWhatItGets: a scope that nothing has yet does not stand among those that it gets.
func TestServiceIsToldWhatItGets(t *testing.T) {
	i := newMigrated(t)
	if said := i.must(t, "", "resource", "create", "api", "--scopes", "orders:read"); !strings.Contains(said, "created resource api, which had the defaults") {
		t.Errorf("the audience that is there from the start: %s", said)
	}
	if said := i.must(t, "", "resource", "create", "orders"); said != "created resource orders\n" {
		t.Errorf("another one: %s", said)
	}
	said := i.must(t, "", "client", "create", "robot", "--service", "--resource", "api", "--scope", "orders:read", "--scope", "orders:write")
	if !strings.Contains(said, "  scope           orders:read, and once a resource has it orders:write\n") {
		t.Errorf("one of two: %s", said)
	}
	said = i.must(t, "", "client", "create", "robot2", "--service", "--resource", "api", "--scope", "orders:write")
	if !strings.Contains(said, "  scope           (none), and once a resource has it orders:write\n") {
		t.Errorf("none: %s", said)
	}
}
