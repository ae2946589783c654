package api

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"keyturn/accounts"
	"keyturn/api/admin"
	clients "keyturn/api/oauth"
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
	for _, dir := range []string{"../audit", "../accounts", "../issuer", "../issuer/oauth", "../keys"} {
		for _, name := range exportedErrors(t, dir) {
			found++
			if !strings.Contains(string(source), "{"+name+",") && !strings.Contains(string(source), "("+name+",") {
				t.Errorf("%s has no row in api/failures.go", name)
			}
		}
	}
	if found < 40 {
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

var update = flag.Bool("update", false, "write the golden files anew")

// TestWhatEachErrorBecomes is a golden file of the whole table: what a client is told, in a body or a redirect, and
// what a person sees. A change of it is a change of the contract.
func TestWhatEachErrorBecomes(t *testing.T) {
	var got strings.Builder
	for _, f := range failures {
		client, _ := clientFailure(f.err)
		body, err := json.Marshal(map[string]string{"error": client.Code, "error_description": client.Description})
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&got, "%s\n\tclient %d %s\n", f.name, client.Status, body)
		if f.page.Status != 0 {
			page, _ := pageFailure(f.err)
			fmt.Fprintf(&got, "\tpage   %d %s: %s\n", page.Status, page.Key, page.Developers)
			if page.Developers == "" || page.Developers == clients.BadRequest.Description {
				t.Errorf("%s: the page tells developers nothing: %q", f.name, page.Developers)
			}
		}
		if strings.ContainsFunc(client.Description, func(r rune) bool { return r < ' ' || r > '~' || r == '"' || r == '\\' }) {
			t.Errorf("%s: characters that error_description may not have (RFC 6749 section 5.2): %q", f.name, client.Description)
		}
	}
	const golden = "testdata/failures.txt"
	if *update {
		if err := os.WriteFile(golden, []byte(got.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil || string(want) != got.String() {
		t.Errorf("%s is not what the table says (%v); -update writes it:\n%s", golden, err, got.String())
	}
}

// TestEveryProblemIsOfAKindThatIsDescribed: the type of a problem leads to a page (RFC 9457 section 3.1.1).
func TestEveryProblemIsOfAKindThatIsDescribed(t *testing.T) {
	known := map[string]int{}
	for _, k := range admin.Kinds() {
		known[k.Title] = k.Status
	}
	for _, f := range failures {
		if f.problem.Status != 0 && known[f.problem.Title] != f.problem.Status {
			t.Errorf("%s: %q with %d is no kind of problem; add it to admin.Kinds", f.name, f.problem.Title, f.problem.Status)
		}
	}
}
