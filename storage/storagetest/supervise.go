package storagetest

import (
	"bufio"
	"errors"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
)

// lifelines are the supervisors' standard inputs. Held here, they end when this process does and not
// when the garbage collector finds them.
var lifelines struct {
	sync.Mutex
	held []io.Closer
}

// startSupervised runs a shell script that starts a server in a folder of its own (its $2, after the
// argument), says "ready", and tidies up when its standard input ends, which it does when this process
// ends, in whatever way.
func startSupervised(script, argument string) (dir string, err error) {
	dir, err = os.MkdirTemp("", "keyturn-test-")
	if err != nil {
		return "", err
	}
	cmd := exec.Command("/bin/sh", "-c", script, "sh", argument, dir)
	if err := separate(cmd, dir); err != nil {
		return "", err
	}
	lifeline, err := cmd.StdinPipe()
	if err != nil {
		return "", err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return "", err
	}
	if err := cmd.Start(); err != nil {
		return "", err
	}
	lifelines.Lock()
	lifelines.held = append(lifelines.held, lifeline)
	lifelines.Unlock()
	said := bufio.NewScanner(out)
	if said.Scan() && said.Text() == "ready" {
		return dir, nil
	}
	var log []string
	for said.Scan() {
		log = append(log, said.Text())
	}
	return "", errors.New(strings.Join(log, "\n"))
}
