//go:build interop

package main

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"keyturn/verify"
)

// shellOf returns a page's shell blocks, one after the other.
func shellOf(t *testing.T, page string) string {
	t.Helper()
	text, err := os.ReadFile("../../docs/connect/" + page)
	must(t, err)
	var blocks strings.Builder
	for _, block := range fence.FindAllStringSubmatch(string(text), -1) {
		blocks.WriteString(block[1])
	}
	return blocks.String()
}

// play runs shell as a reader would, with keyturn in the PATH.
func (i *instance) play(t *testing.T, shell string) string {
	t.Helper()
	bin := filepath.Join(i.dir, "bin")
	must(t, os.MkdirAll(bin, 0o700))
	must(t, os.WriteFile(filepath.Join(bin, "keyturn"), []byte("#!/bin/sh\nRUN_AS_KEYTURN=1 exec "+os.Args[0]+" \"$@\"\n"), 0o700))
	cmd := exec.Command("bash", "-euo", "pipefail", "-c", shell)
	cmd.Dir, cmd.Env = i.dir, append(i.env, "PATH="+bin+":"+os.Getenv("PATH"))
	var errs bytes.Buffer
	cmd.Stderr = &errs
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v\n%s%s\nof\n%s", err, out, errs.String(), shell)
	}
	return string(out)
}

// TestInteropService plays docs/connect/service.md by curl, up to an API that lets the service in.
func TestInteropService(t *testing.T) {
	i := newInstance(t)
	i.serve(t)
	v, err := verify.New(i.url, verify.Audience("orders"))
	must(t, err)
	api := httptest.NewServer(v.RequireScope("orders:read").Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		token, _ := verify.FromContext(r.Context())
		w.Write([]byte("\nHello " + token.Subject))
	})))
	t.Cleanup(api.Close)
	register, call, found := strings.Cut(strings.NewReplacer(
		"https://id.example.com", i.url, "https://orders.example.com", api.URL,
	).Replace(shellOf(t, "service.md")), "curl ")
	if !found {
		t.Fatal("nothing is called")
	}
	_, secret, _ := strings.Cut(i.play(t, register), "client secret  ")
	secret, _, _ = strings.Cut(secret, "\n")
	var out string
	eventually(t, 10*time.Second, "the running server knows the scopes", func() bool {
		out = i.play(t, "SECRET="+secret+"\ncurl "+call+"echo")
		return strings.Contains(out, `"scope":"orders:read"}`)
	})
	if !strings.Contains(out, `{"access_token":"ey`) || !strings.Contains(out, `"token_type":"Bearer","expires_in":300,`) || !strings.HasSuffix(out, "Hello reports\n") {
		t.Errorf("got %s", out)
	}
}

// TestInteropRegistration plays the registrations of docs/connect/README.md, with a key made by openssl.
func TestInteropRegistration(t *testing.T) {
	i := newMigrated(t)
	i.must(t, "", "resource", "create", "orders", "--scopes", "orders:read")
	kinds, key, found := strings.Cut(shellOf(t, "README.md"), "openssl")
	if !found {
		t.Fatal("no key is made")
	}
	i.play(t, kinds)
	i.play(t, "openssl"+key)
	if shown := i.object(t, "", "client", "show", "keyed"); shown["token_endpoint_auth_method"] != "private_key_jwt" || !strings.Contains(text(shown["jwks"]), `"crv":"Ed25519"`) {
		t.Errorf("registered %s", text(shown))
	}
}
