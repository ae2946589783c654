//go:build !unix

package storagetest

import (
	"errors"
	"os/exec"
)

// separate refuses: the supervisor is a shell script.
func separate(*exec.Cmd, string) error {
	return errors.New("starting PostgreSQL here needs a Unix; name a server in " + serverURL)
}
