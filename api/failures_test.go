package api

import (
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"keyturn/accounts"
	"keyturn/issuer"
	"keyturn/keys"
)

// exportedErrors finds the Err… variables that a package declares.
func exportedErrors(t *testing.T, dir string) []string {
	t.Helper()
	var names []string
	files, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no sources in %s: %v", dir, err)
	}
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		source, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, source, 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, decl := range file.Decls {
			group, ok := decl.(*ast.GenDecl)
			if !ok || group.Tok != token.VAR {
				continue
			}
			for _, spec := range group.Specs {
				for _, id := range spec.(*ast.ValueSpec).Names {
					if strings.HasPrefix(id.Name, "Err") {
						names = append(names, filepath.Base(dir)+"."+id.Name)
					}
				}
			}
		}
	}
	return names
}

// TestEveryExportedErrorHasARow names each error of the domain that the table forgot.
func TestEveryExportedErrorHasARow(t *testing.T) {
	source, err := os.ReadFile("failures.go")
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	for _, dir := range []string{"../accounts", "../issuer", "../keys"} {
		for _, name := range exportedErrors(t, dir) {
			found++
			if !strings.Contains(string(source), "\t{"+name+",") {
				t.Errorf("%s has no row in api/failures.go", name)
			}
		}
	}
	if found < 20 {
		t.Fatalf("only %d errors found; the search is broken", found)
	}
}

func TestClassify(t *testing.T) {
	for err, want := range map[error]string{
		fmt.Errorf("refresh: %w", issuer.ErrRefreshReused):         "refresh_reused",
		fmt.Errorf("storage: %w: gone", keys.ErrUnavailable):       "database_unavailable",
		accounts.ErrCredentials:                                    "credentials",
		errors.New("something nobody thought of"):                  "internal",
		&accounts.ImportConflict{Username: "x"}:                    "username_taken",
		errors.Join(issuer.ErrTokenExpired, errors.New("details")): "token_expired",
	} {
		if got := classify(err).name; got != want {
			t.Errorf("%v is %q, want %q", err, got, want)
		}
	}
}

// TestUnknownErrorsSayNothing: the text of an unknown error is for the log only.
func TestUnknownErrorsSayNothing(t *testing.T) {
	f := classify(errors.New("pq: password authentication failed for user keyturn"))
	if f.pair.Status != 500 || f.problem.Status != 500 || strings.Contains(fmt.Sprint(f.pair.Body, f.problem), "pq") {
		t.Errorf("got %+v", f)
	}
}
