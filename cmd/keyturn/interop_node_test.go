//go:build interop

package main

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// nodeExample is the command that runs an example of node's; its packages are there already.
func nodeExample(t *testing.T, name string) *exec.Cmd {
	t.Helper()
	node := needs(t, "node", "apt-get install nodejs npm (.ci/prepare-interop does)")
	if _, err := os.Stat(examples + name + "/node_modules"); err != nil {
		t.Fatalf("the packages of docs/examples/%s are missing; run: npm ci --prefix docs/examples/%s", name, name)
	}
	cmd := exec.Command(node, "server.js")
	cmd.Dir = examples + name
	return cmd
}

// openIDClientFlags register docs/examples/openid-client at the URL.
func openIDClientFlags(url string) []string {
	return []string{
		"--name", "Orders", "--redirect-uri", url + "/callback", "--userinfo-algorithm", "RS256",
		"--post-logout-redirect-uri", url + "/", "--backchannel-logout-uri", url + "/backchannel-logout",
	}
}

// TestInteropOpenIDClient is npm's openid-client 6: a confidential client that gets the answer as a form
// (response_mode form_post) and UserInfo signed, introspects and revokes, and checks all signatures.
func TestInteropOpenIDClient(t *testing.T) {
	url := clientURL(t)
	i := serveClients(t, url)
	secret := i.register(t, "orders", openIDClientFlags(url)...)
	cmd := nodeExample(t, "openid-client")
	cmd.Env = exampleEnv(i, url, "orders", secret)
	playWebApp(t, start(t, url, cmd), i, true)

	b := newBrowser(t)
	b.open(url)
	b.follow("Sign in")
	b.press("Sign in", "username", "venom", "password", "anything but this")
	b.press("Continue") // Eddie has allowed it before
	if told := b.reads("Introspection"); told != "active, for venom" {
		t.Errorf("introspection tells %s", told)
	}
	i.must(t, "", "session", "end", "--user", "venom")
	b.press("Refresh")
	b.sees(url, "Not signed in", "Please sign in again.")
	b.follow("Try again")
	b.press("Sign in", "username", "venom", "password", "anything but this") // the browser's session has ended with it
	b.press("Continue")
	b.sees(url+"/", "Hello Eddie Brock")
	i.must(t, "", "user", "deactivate", "venom")
	eventually(t, 15*time.Second, "the client is told that the user is deactivated", func() bool {
		b.open(url)
		return strings.Contains(b.text, "You are not signed in")
	})
}

// TestInteropOpenIDClientSecretRefused: the refusal comes with a challenge, which openid-client throws as such.
func TestInteropOpenIDClientSecretRefused(t *testing.T) {
	seesSecretRefused(t, nodeExample(t, "openid-client"), openIDClientFlags)
}

// TestInteropOpenIDClientByKey is the same client, which authenticates with a key of its own (private_key_jwt).
func TestInteropOpenIDClientByKey(t *testing.T) {
	url := clientURL(t)
	i := serveClients(t, url)
	keyFile, jwks := ed25519Key(t, i.dir)
	i.register(t, "orders", append(openIDClientFlags(url), "--private-key-jwt", "--jwks-file", jwks)...)
	cmd := nodeExample(t, "openid-client")
	cmd.Env = exampleEnv(i, url, "orders", "", "KEY_FILE="+keyFile)
	playWebApp(t, start(t, url, cmd), i, true)
}

// ed25519Key makes a key, and returns the names of its PKCS #8 file and of a file with the JWK set for the provider.
func ed25519Key(t *testing.T, dir string) (keyFile, jwksFile string) {
	t.Helper()
	public, private, err := ed25519.GenerateKey(rand.Reader)
	must(t, err)
	der, err := x509.MarshalPKCS8PrivateKey(private)
	must(t, err)
	keyFile, jwksFile = filepath.Join(dir, "client-key.pem"), filepath.Join(dir, "client-jwks.json")
	must(t, os.WriteFile(keyFile, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), 0o600))
	must(t, os.WriteFile(jwksFile, []byte(`{"keys":[{"kty":"OKP","crv":"Ed25519","use":"sig","x":"`+base64.RawURLEncoding.EncodeToString(public)+`"}]}`), 0o600))
	return keyFile, jwksFile
}
