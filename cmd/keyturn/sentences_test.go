package main

import (
	"bytes"
	"encoding/json"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"keyturn/audit/sentence"
)

// onNoPage are the files whose sentences no page of the console shows, and why. Those of all others are translated, so
// that a new file can't be forgotten.
var onNoPage = map[string]string{
	"issuer/oauth/authenticate.go":  toClients,
	"issuer/oauth/authorize.go":     toClients,
	"issuer/oauth/claimsrequest.go": toClients,
	"issuer/oauth/logout.go":        toClients,
	"issuer/oauth/requestobject.go": toClients,
	"cmd/keyturn/doctor.go":         inTerminal,
	"cmd/keyturn/master.go":         inTerminal,
}

const (
	toClients  = "told to clients and their developers, in the ASCII English of RFC 6749 sections 4.1.2.1 and 5.2"
	inTerminal = "told on the command line and in the log"
)

// handsOn are the functions of packages that make sentences of what they are given, and which of their arguments is the
// format. Those behind it are put in.
var handsOn = map[string]map[string]int{"accounts": {"invalid": 1}, "issuer/oauth": {"invalid": 1}, "keys": {"badKeys": 0}}

// fixed are the functions of the table of errors whose texts the console shows as they are kept there (sentence.Fixed),
// and which of their arguments these are. Of people's pages it has that of a forged form alone.
var fixed = map[string]int{"admin.NotFound": 0, "admin.Conflict": 0, "page": 2}

const forged = "forged"

// said is a sentence in the source, and how many things are put into it.
type said struct {
	format, where string
	args          int
}

// sayingSource reads what the source of a package says.
type sayingSource struct {
	t     *testing.T
	files *token.FileSet
	path  string
	// constants are those of the package whose value is written down.
	constants map[string]string
	said      []said
}

// readSentences reads what one package says.
func readSentences(t *testing.T, dir string) []said {
	t.Helper()
	names, err := filepath.Glob(filepath.Join("../..", dir, "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	s := sayingSource{t: t, files: token.NewFileSet(), constants: map[string]string{}}
	parsed := map[string]*ast.File{}
	for _, name := range names {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(s.files, name, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		parsed[filepath.ToSlash(strings.TrimPrefix(name, filepath.Join("..", "..")+string(filepath.Separator)))] = file
		ast.Inspect(file, s.constant)
	}
	for _, path := range slices.Sorted(maps.Keys(parsed)) {
		s.path = path
		ast.Inspect(parsed[path], s.node)
	}
	return s.said
}

// constant remembers the constants of a declaration.
func (s *sayingSource) constant(n ast.Node) bool {
	if spec, ok := n.(*ast.ValueSpec); ok && len(spec.Names) == len(spec.Values) {
		for i, name := range spec.Names {
			if text, ok := s.text(spec.Values[i]); ok {
				s.constants[name.Name] = text
			}
		}
	}
	return true
}

// text is the value of an expression that is written down.
func (s *sayingSource) text(e ast.Expr) (string, bool) {
	switch e := e.(type) {
	case *ast.BasicLit:
		text, err := strconv.Unquote(e.Value)
		return text, err == nil && e.Kind == token.STRING
	case *ast.Ident:
		text, ok := s.constants[e.Name]
		return text, ok
	case *ast.BinaryExpr:
		left, ok := s.text(e.X)
		right, also := s.text(e.Y)
		return left + right, ok && also && e.Op == token.ADD
	}
	return "", false
}

// node collects what a part of a file says. The functions that hand a format on are not looked into.
func (s *sayingSource) node(n ast.Node) bool {
	switch n := n.(type) {
	case *ast.FuncDecl:
		_, is := handsOn[filepath.Dir(s.path)][n.Name.Name]
		return !is || n.Recv != nil
	case *ast.ValueSpec:
		s.trouble(n)
	case *ast.CompositeLit:
		s.problem(n)
	case *ast.CallExpr:
		s.call(n)
	}
	return true
}

// at is where something stands.
func (s *sayingSource) at(n ast.Node) string {
	return s.path + ":" + strconv.Itoa(s.files.Position(n.Pos()).Line)
}

func (s *sayingSource) call(c *ast.CallExpr) {
	name := ""
	switch f := c.Fun.(type) {
	case *ast.Ident:
		name = f.Name
	case *ast.SelectorExpr:
		if x, ok := f.X.(*ast.Ident); ok {
			name = x.Name + "." + f.Sel.Name
		}
	}
	at := s.at(c)
	if name == "sentence.Verbatim" {
		if text, ok := s.text(c.Args[0]); ok && strings.Contains(text, " ") {
			s.t.Errorf("%s: %q has words of a language", at, text)
		}
		return
	}
	if n, ok := fixed[name]; ok && s.path == "api/failures.go" {
		key, _ := s.text(c.Args[max(0, n-1)])
		if text, ok := s.text(c.Args[n]); ok && (n == 0 || key == forged) {
			s.said = append(s.said, said{format: strings.ReplaceAll(text, "%", "%%"), where: at})
		}
		return
	}
	n, ok := handsOn[filepath.Dir(s.path)][name]
	if !ok && name != "sentence.Say" {
		return
	}
	format, ok := s.text(c.Args[n])
	if !ok || c.Ellipsis.IsValid() {
		s.t.Errorf("%s: what is said is no constant, so nobody can translate it", at)
		return
	}
	for _, arg := range c.Args[n+1:] {
		// Say writes a duration with its units.
		if b, ok := arg.(*ast.BinaryExpr); ok && b.Op == token.QUO && strings.Contains(format, "%d") {
			s.t.Errorf("%s: a part of a duration is no number where it is still a time.Duration", at)
		}
	}
	s.said = append(s.said, said{format, at, len(c.Args) - n - 1})
}

// problem collects the details of the admin API's own problems, which the console shows of errors that it shares with
// it.
func (s *sayingSource) problem(c *ast.CompositeLit) {
	if name, ok := c.Type.(*ast.Ident); !ok || name.Name != "Problem" || filepath.Dir(s.path) != "api/admin" {
		return
	}
	for _, e := range c.Elts {
		pair, ok := e.(*ast.KeyValueExpr)
		if !ok || pair.Key.(*ast.Ident).Name != "Detail" {
			continue
		}
		if detail, ok := s.text(pair.Value); ok {
			s.said = append(s.said, said{format: strings.ReplaceAll(detail, "%", "%%"), where: s.at(c)})
		}
	}
}

// trouble collects the words for what a letter failed for, which are stored with it.
func (s *sayingSource) trouble(v *ast.ValueSpec) {
	if kind, ok := v.Type.(*ast.Ident); !ok || kind.Name != "Trouble" || filepath.Dir(s.path) != "accounts/mail" {
		return
	}
	for _, value := range v.Values {
		if word, ok := s.text(value); ok {
			s.said = append(s.said, said{format: word, where: s.at(v)})
		}
	}
}

// everySentence is all that the console may show, by format.
func everySentence(t *testing.T) map[string]said {
	t.Helper()
	all := map[string]said{}
	excused := map[string]bool{}
	err := filepath.WalkDir("../..", func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.IsDir() {
			return err
		}
		if name := d.Name(); name == "testdata" || name == "node_modules" || strings.HasPrefix(name, ".") && name != ".." {
			return filepath.SkipDir
		}
		dir := filepath.ToSlash(strings.TrimPrefix(strings.TrimPrefix(path, filepath.Join("..", "..")), string(filepath.Separator)))
		for _, s := range readSentences(t, dir) {
			verbs, err := sentence.Verbs(s.format)
			if err != nil || len(verbs) != s.args {
				t.Errorf("%s: %q puts %d things in and is given %d (%v)", s.where, s.format, len(verbs), s.args, err)
			}
			if file, _, _ := strings.Cut(s.where, ":"); onNoPage[file] != "" {
				excused[file] = true
				continue
			}
			all[s.format] = s
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for file := range onNoPage {
		if !excused[file] {
			t.Errorf("%s says nothing and needs no excuse", file)
		}
	}
	for _, s := range settings() {
		all[strings.ReplaceAll(s.doc, "%", "%%")] = said{where: s.env()}
	}
	return all
}

// TestEverySentenceIsTranslated: what the domain says on a page of the console is said in each language of the console,
// and no catalogue holds what nobody says.
func TestEverySentenceIsTranslated(t *testing.T) {
	all := everySentence(t)
	if len(all) < 200 {
		t.Errorf("only %d sentences were found in the source", len(all))
	}
	const folder = "../../api/web/console/texts/"
	languages, err := filepath.Glob(folder + "[a-z][a-z]*.json")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range languages {
		tag := strings.TrimSuffix(filepath.Base(name), ".json")
		if tag == "en" || strings.HasPrefix(tag, "sentences.") {
			continue
		}
		text, err := os.ReadFile(folder + "sentences." + tag + ".json")
		if err != nil {
			t.Fatal(err)
		}
		catalogue, err := sentence.ReadCatalogue(text)
		if err != nil {
			t.Fatal(err)
		}
		if n := bytes.Count(text, []byte("\n")) - 2; n != len(catalogue) {
			t.Errorf("%s has %d lines and %d sentences: one is there twice, or not on a line of its own", tag, n, len(catalogue))
		}
		var missing []string
		for _, format := range slices.Sorted(maps.Keys(all)) {
			if catalogue[format] == "" {
				missing = append(missing, all[format].where+": "+inCatalogue(t, format))
			}
		}
		if len(missing) > 0 {
			t.Errorf("%s lacks:\n%s", tag, strings.Join(missing, "\n"))
		}
		for _, format := range slices.Sorted(maps.Keys(catalogue)) {
			if _, used := all[format]; !used {
				t.Errorf("%s: nobody says %q", tag, format)
			}
		}
	}
}

// inCatalogue is a text as a catalogue holds it.
func inCatalogue(t *testing.T, text string) string {
	t.Helper()
	var out strings.Builder
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(text); err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(out.String())
}
