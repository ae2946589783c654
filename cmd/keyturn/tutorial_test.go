package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// tutorialHead ends what the tutorial starts, and waits for it for at most half a minute.
const tutorialHead = `set -eu -o pipefail
trap 'kill $(jobs -p)' EXIT
await() { for _ in $(seq 300); do "$@" >/dev/null 2>&1 && return; sleep 0.1; done; cat *.log; return 1; }
`

// TestTutorial plays the README's tutorial as a reader would paste it, on ports that are free.
func TestTutorial(t *testing.T) {
	text, err := os.ReadFile("../../README.md")
	must(t, err)
	_, part, found := strings.Cut(string(text), "\n## The tutorial")
	part, _, ended := strings.Cut(part, "\n## ")
	if !found || !ended {
		t.Fatal("README.md has no tutorial")
	}
	blocks := ""
	for _, block := range fence.FindAllStringSubmatch(part, -1) {
		blocks += block[1]
	}

	dir, public, resource := t.TempDir(), freeAddress(t), freeAddress(t)
	build := exec.Command("go", "build", "-o", filepath.Join(dir, "bin")+"/", "./cmd/keyturn", "./cmd/hello")
	build.Dir = "../.."
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	// What a reader starts in terminals of their own goes to the background.
	script := tutorialHead + strings.NewReplacer(
		"make build\n", "",
		"bin/keyturn serve\n", "bin/keyturn serve 2>serve.log &\nawait bin/keyturn healthcheck\n",
		"bin/hello --issuer http://127.0.0.1:8080\n",
		"bin/hello --issuer http://"+public+" --listen "+resource+" 2>hello.log &\nawait curl -sf http://"+resource+"/healthz\n",
		"127.0.0.1:8080", public, "127.0.0.1:8081", resource,
	).Replace(blocks)
	play := exec.Command("bash", "-c", script)
	play.Dir = dir
	play.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + dir, "KEYTURN_LISTEN=" + public, "KEYTURN_OPS_LISTEN=" + freeAddress(t)}
	out, err := play.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	rest := string(out)
	const greeting, refused = `{"msg":"Hello Peter Parker"}`, `{"code":"token_not_valid",`
	for _, want := range []string{
		"created user spiderman", `{"refresh":"ey`, `"access":"ey`, greeting, refused, "rotated by hand: signs at once", "note: ",
		greeting, greeting, "\n{}\n", refused, "Token is blacklisted", "JTI", "logout",
	} {
		if _, rest, found = strings.Cut(rest, want); !found {
			t.Fatalf("%q is missing, or not where it should be:\n%s", want, out)
		}
	}
}
