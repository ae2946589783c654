package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"strings"
	"testing"
)

// TestEveryActionIsRecordedSomewhere: a name that nothing records promises what the log does not hold, and a text
// that is no constant escapes whoever filters.
func TestEveryActionIsRecordedSomewhere(t *testing.T) {
	fset, named, used := token.NewFileSet(), map[string]bool{}, map[string]bool{}
	must(t, filepath.WalkDir("../..", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") || strings.Contains(path, "storagetest") || strings.Contains(path, "apitest") {
			return err
		}
		file, err := parser.ParseFile(fset, path, nil, 0)
		must(t, err)
		inside := file.Name.Name == "audit"
		ast.Inspect(file, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.ValueSpec:
				if kind, ok := n.Type.(*ast.Ident); inside && ok && kind.Name == "Action" {
					for _, name := range n.Names {
						named[name.Name] = true
					}
				}
			case *ast.SelectorExpr:
				if from, ok := n.X.(*ast.Ident); ok && from.Name == "audit" {
					used[n.Sel.Name] = true
				}
			case *ast.KeyValueExpr:
				if key, ok := n.Key.(*ast.Ident); ok && key.Name == "Action" {
					if text, ok := n.Value.(*ast.BasicLit); ok {
						t.Errorf("%s: the action %s is no constant of audit", fset.Position(text.Pos()), text.Value)
					}
				}
			}
			return true
		})
		return nil
	}))
	if len(named) < 30 {
		t.Fatalf("only %d actions found", len(named))
	}
	for name := range named {
		if !used[name] {
			t.Errorf("audit.%s is recorded nowhere", name)
		}
	}
}
