package main

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestNoConflictIsLeftOpen: a stylesheet with the marks of a merge in it builds and is served, and loses rules.
func TestNoConflictIsLeftOpen(t *testing.T) {
	marks := [][]byte{[]byte(strings.Repeat("<", 7) + " "), []byte(strings.Repeat(">", 7) + " ")}
	looked := 0
	must(t, filepath.WalkDir("../..", func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() {
			if name := entry.Name(); name == ".git" || name == "node_modules" {
				return filepath.SkipDir
			}
			return nil
		}
		if !slices.Contains([]string{".go", ".css", ".js", ".html", ".json", ".sql", ".md", ".yml", ".yaml", ".txt"}, filepath.Ext(path)) {
			return nil
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		looked++
		for line := range bytes.Lines(text) {
			if slices.ContainsFunc(marks, func(mark []byte) bool { return bytes.HasPrefix(line, mark) }) {
				t.Errorf("%s: %s", path, line)
			}
		}
		return nil
	}))
	if looked < 500 {
		t.Errorf("only %d files looked at", looked)
	}
}
