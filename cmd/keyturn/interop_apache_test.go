//go:build interop

package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestInteropModAuthOpenIDC is Debian's Apache with mod_auth_openidc before a folder.
func TestInteropModAuthOpenIDC(t *testing.T) {
	const install = "apt-get install apache2 libapache2-mod-auth-openidc (.ci/prepare-interop does)"
	needs(t, "/usr/sbin/apache2", install)
	if _, err := os.Stat("/usr/lib/apache2/modules/mod_auth_openidc.so"); err != nil {
		t.Fatalf("mod_auth_openidc is missing; run: %s", install)
	}
	// The same site as the provider, as id.example.com and www.example.com are: the module's cookie for the
	// answer, which comes as a form, is one that is withheld from other sites' forms unless there is https.
	url := hold(t, "127.0.0.1")
	i := serveClients(t, url)
	secret := i.register(t, "orders", "--name", "Orders", "--redirect-uri", url+"/protected/callback",
		"--post-logout-redirect-uri", url+"/", "--backchannel-logout-uri", url+"/protected/callback?logout=backchannel",
		"--access-lifetime", "1m") // each request comes within the minute before expiry, and refreshes
	dir, err := os.MkdirTemp("", "interop") // Apache's own user must be able to enter it, unlike other folders of tests
	must(t, err)
	t.Cleanup(func() { os.RemoveAll(dir) })
	must(t, os.Chmod(dir, 0o755))
	must(t, os.CopyFS(dir, os.DirFS(examples+"mod_auth_openidc")))
	cmd := exec.Command(filepath.Join(dir, "run.sh"))
	cmd.Env = exampleEnv(i, url, "orders", secret, "RUN_DIR="+dir)
	start(t, url, cmd)

	refused := newBrowser(t)
	refused.open(url)
	refused.follow("Sign in")
	refused.press("Sign in", "username", demoUser, "password", "wrong")
	refused.sees(i.url+"/interaction/", "Username or password is wrong.")
	refused.press("Cancel and go back")
	refused.press("Continue")
	refused.sees(url+"/protected/callback", "access_denied")
	refused.open(url + "/protected/")
	refused.press("Sign in", "username", demoUser, "password", demoPassword)
	refused.press("Deny")
	refused.press("Continue")
	refused.sees(url+"/protected/callback", "access_denied")

	peter := signInAtApache(t, i, url, demoUser, demoPassword)
	peter.sees(url+"/protected/", "Hello Peter Parker", demoUser, "peter@example.com")
	first := peter.reads("Access token")
	turnKeys(t, i)
	peter.open(url + "/protected/")
	peter.sees(url+"/protected/", "Hello Peter Parker")
	if again := peter.reads("Access token"); again == first {
		t.Errorf("not refreshed: %s and %s", first, again)
	}
	eddie := signInAtApache(t, i, url, "venom", "anything but this")
	eddie.sees(url+"/protected/", "Hello Eddie Brock", "eddie@example.com")

	peter.follow("Sign out")
	peter.sees(url+"/", "You are not signed in")
	peter.open(url + "/protected/")
	peter.sees(i.url+"/interaction/", "to continue to Orders")
	if grants := i.liveGrants(t, demoUser); grants != 0 {
		t.Errorf("%d sign-ins of %s are left after logout", grants, demoUser)
	}

	eddie.open(url + "/protected/")
	eddie.sees(url+"/protected/", "Hello Eddie Brock")
	eddie.open(i.url + "/account")
	eddie.press("Sign out everywhere")
	eventually(t, 10*time.Second, "Apache is told of the logout", func() bool {
		eddie.open(url + "/protected/")
		return strings.Contains(words(eddie.text), "to continue to Orders")
	})
}

// signInAtApache goes to the protected folder, signs in and allows what is asked.
func signInAtApache(t *testing.T, i *instance, url, username, password string) *browser {
	t.Helper()
	b := newBrowser(t)
	b.open(url + "/protected/")
	b.sees(i.url+"/interaction/", "to continue to Orders")
	b.press("Sign in", "username", username, "password", password)
	b.sees(i.url+"/interaction/", "Orders would like to use your account")
	b.press("Allow")
	b.press("Continue")
	return b
}
