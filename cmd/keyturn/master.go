package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"keyturn/audit/sentence"
	"keyturn/keys"
)

// masterFile is the name of a generated master identity in the data folder.
const masterFile = "master.key"

// masterWish says whether a missing master identity may be generated.
type masterWish bool

const (
	mayGenerate masterWish = true
	mustExist   masterWish = false
)

// openMaster reads the master identity. One is generated only where none is configured and the database
// holds no key: with keys there, a missing identity is a lost one, and new keys would hide the loss.
func (a *app) openMaster(ctx context.Context, wish masterWish) error {
	text, where, err := a.readMaster()
	if errors.Is(err, fs.ErrNotExist) && a.config.MasterKeyFile == "" {
		if text, err = a.generateMaster(ctx, where, wish); err != nil {
			return err
		}
	}
	if err != nil {
		return fmt.Errorf("KEYTURN_MASTER_KEY_FILE: %w", err)
	}
	master, err := keys.ParseMaster(text)
	if err != nil {
		return fmt.Errorf("KEYTURN_MASTER_KEY_FILE: %s: %w", where, err)
	}
	a.keys.Master = master
	return nil
}

func (a *app) readMaster() (text []byte, where string, err error) {
	if a.config.MasterKey != "" {
		return []byte(a.config.MasterKey), "KEYTURN_MASTER_KEY", nil
	}
	where = a.config.MasterKeyFile
	if where == "" {
		where = filepath.Join(a.config.DataDir, masterFile)
	}
	text, err = os.ReadFile(where)
	return text, where, err
}

func (a *app) generateMaster(ctx context.Context, where string, wish masterWish) ([]byte, error) {
	stored, err := a.db.Keys(ctx)
	if err != nil {
		return nil, fmt.Errorf("read keys: %w", err)
	}
	if len(stored) > 0 {
		return nil, fmt.Errorf("KEYTURN_MASTER_KEY_FILE: %s does not exist, but the database holds %d keys sealed to a master identity; put that identity there (new keys are never made in its place)", where, len(stored))
	}
	if wish == mustExist {
		return nil, errors.New("there are no keys yet: start `keyturn serve` once, which makes them")
	}
	text, _, err := keys.GenerateMaster()
	if err != nil {
		return nil, err
	}
	switch err := writeNew(where, text); {
	case errors.Is(err, fs.ErrExist):
		return os.ReadFile(where) // another instance on this machine was first
	case err != nil:
		return nil, fmt.Errorf("KEYTURN_DATA_DIR: write the master identity: %w", err)
	}
	a.log.Info("generated a master identity; back it up apart from the database, without it no key can be opened", "file", where)
	return text, nil
}

// nameMaster says which file holds an identity that is not the database's.
func (a *app) nameMaster(err error) error {
	if !errors.Is(err, keys.ErrForeignMaster) {
		return err
	}
	_, where, _ := a.readMaster()
	return fmt.Errorf("KEYTURN_MASTER_KEY_FILE: %s: %w", where, err)
}

// checkFiles looks whether others on the machine can read what only Keyturn should: a restored backup or
// a copied identity easily has the wrong mode.
func (a *app) checkFiles() check {
	var files []string
	if a.config.MasterKey == "" {
		_, where, _ := a.readMaster()
		files = append(files, where)
	}
	if path, embedded := strings.CutPrefix(a.config.databaseURL(), "sqlite:"); embedded {
		files = append(files, path, path+"-wal", path+"-shm")
	}
	for _, file := range files {
		if info, err := os.Stat(file); err == nil && info.Mode().Perm()&0o077 != 0 {
			return check{"files", "warning", sentence.Say("%s has mode %s: others on this machine may get at it; chmod 600", file, fmt.Sprintf("%04o", info.Mode().Perm()))}
		}
	}
	return check{Name: "files", Status: "ok"}
}

// writeNew makes a file that only its owner can read, whole or not at all, and never over another one.
func writeNew(path string, text []byte) error {
	dir := filepath.Dir(path)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	draft, err := os.CreateTemp(dir, ".new-*") // CreateTemp makes it 0600
	if err != nil {
		return err
	}
	defer os.Remove(draft.Name())
	_, err = draft.Write(text)
	if err = errors.Join(err, draft.Sync(), draft.Close()); err != nil {
		return err
	}
	return os.Link(draft.Name(), path)
}
