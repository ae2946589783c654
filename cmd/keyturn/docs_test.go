package main

import (
	"flag"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"keyturn/api/admin"
)

var update = flag.Bool("update", false, "write the generated parts of the documentation anew")

// TestConfigurationPage compares the table of the settings with the program; -update writes it.
func TestConfigurationPage(t *testing.T) {
	compareGenerated(t, "../../docs/configuration.md", "settings", settingsTable())
}

// TestArchitecturePage does the same for the table of imports.
func TestArchitecturePage(t *testing.T) {
	var table strings.Builder
	table.WriteString("| package | may import |\n|---|---|\n")
	for _, name := range slices.Sorted(maps.Keys(mayImport)) {
		allowed := strings.ReplaceAll(strings.Join(mayImport[name], ", "), "keyturn/", "")
		switch allowed {
		case "":
			allowed = "nothing"
		case "*":
			allowed = "everything"
		}
		table.WriteString("| `" + strings.TrimPrefix(name, "keyturn/") + "` | " + allowed + " |\n")
	}
	compareGenerated(t, "../../docs/architecture.md", "imports", table.String())
}

// TestAdminAPIPage does the same for the admin API's routes and scopes.
func TestAdminAPIPage(t *testing.T) {
	var table strings.Builder
	table.WriteString("| Route | Scope | Query |\n|---|---|---|\n")
	for _, r := range (&admin.Handlers{}).Routes() {
		query := ""
		if r.Query != "" {
			query = "`" + strings.Join(strings.Fields(r.Query), "`, `") + "`"
		}
		table.WriteString("| `" + r.Method + " " + admin.Prefix + r.Path + "` | `" + r.Scope + "` | " + query + " |\n")
	}
	compareGenerated(t, "../../docs/admin-api.md", "routes", table.String())
}

// compareGenerated compares what stands between a page's markers with what should.
func compareGenerated(t *testing.T, page, name, want string) {
	t.Helper()
	begins, ends := "<!-- "+name+" -->\n", "<!-- /"+name+" -->"
	text, err := os.ReadFile(page)
	must(t, err)
	before, rest, found := strings.Cut(string(text), begins)
	got, after, ended := strings.Cut(rest, ends)
	switch {
	case !found || !ended:
		t.Fatalf("%s lacks the markers %q and %q", page, begins, ends)
	case got == want:
	case *update:
		must(t, os.WriteFile(page, []byte(before+begins+want+ends+after), 0o644))
	default:
		t.Fatalf("%s is not what the program says; run make docs", page)
	}
}

// pages are all pages for readers, by their path from here.
func pages(t *testing.T) map[string]string {
	t.Helper()
	all := map[string]string{}
	for _, pattern := range []string{"../../*.md", "../../docs/*.md", "../../docs/*/*.md"} {
		names, err := filepath.Glob(pattern)
		must(t, err)
		for _, name := range names {
			text, err := os.ReadFile(name)
			must(t, err)
			all[name] = string(text)
		}
	}
	if len(all) < 10 {
		t.Fatalf("only %d pages found", len(all))
	}
	return all
}

var link = regexp.MustCompile(`\]\(([^)\s]+)\)`)

// TestLinks: every relative link leads to a file, and to a heading of it where it names one.
func TestLinks(t *testing.T) {
	all := pages(t)
	for page, text := range all {
		for _, match := range link.FindAllStringSubmatch(text, -1) {
			target := match[1]
			if strings.Contains(target, "://") || strings.HasPrefix(target, "mailto:") {
				continue
			}
			file, heading, _ := strings.Cut(target, "#")
			name := page
			if file != "" {
				name = filepath.Join(filepath.Dir(page), file)
			}
			if _, err := os.Stat(name); err != nil {
				t.Errorf("%s links to %s, which does not exist", page, target)
			} else if heading != "" && !slices.Contains(anchors(all[name]), heading) {
				t.Errorf("%s links to %s; there is no such heading", page, target)
			}
		}
	}
}

// anchors are what a page's headings are called in links.
func anchors(text string) []string {
	var names []string
	for line := range strings.Lines(text) {
		title, isHeading := strings.CutPrefix(strings.TrimLeft(line, "#"), " ")
		if !isHeading || !strings.HasPrefix(line, "#") {
			continue
		}
		names = append(names, strings.Map(func(r rune) rune {
			switch {
			case r == ' ':
				return '-'
			case r == '-' || r == '_' || r >= 'a' && r <= 'z' || r >= '0' && r <= '9':
				return r
			}
			return -1
		}, strings.ToLower(strings.TrimSpace(title))))
	}
	return names
}

// TestCommandsInPages: every keyturn command line in the pages is one that the program has, flags and all.
func TestCommandsInPages(t *testing.T) {
	found := 0
	for page, text := range pages(t) {
		for _, args := range commandLines(text) {
			found++
			if problem := checkCommandLine(args); problem != "" {
				t.Errorf("%s: keyturn %s: %s", page, strings.Join(args, " "), problem)
			}
		}
	}
	if found < 30 {
		t.Errorf("only %d command lines found", found)
	}
	for _, wrong := range []string{"nonsense", "user nonsense", "keys rotate --nonsense", "user create x --kid y"} {
		if checkCommandLine(strings.Fields(wrong)) == "" {
			t.Errorf("keyturn %s went through", wrong)
		}
	}
}

var (
	fence   = regexp.MustCompile("(?ms)^```sh\n(.*?)^```")
	inline  = regexp.MustCompile("`((?:bin/)?keyturn [^`]+)`")
	program = regexp.MustCompile(`(?:^|[\s(/])keyturn ((?:[a-z-]+)[^|>;&)#\n]*)`)
)

// commandLines are the arguments of the calls of keyturn in a page's shell blocks and inline code.
func commandLines(text string) (lines [][]string) {
	var shell []string
	for _, block := range fence.FindAllStringSubmatch(text, -1) {
		shell = append(shell, strings.Split(strings.ReplaceAll(block[1], "\\\n", " "), "\n")...)
	}
	for _, code := range inline.FindAllStringSubmatch(text, -1) {
		shell = append(shell, code[1])
	}
	for _, line := range shell {
		if strings.HasPrefix(strings.TrimSpace(line), "#") {
			continue
		}
		for _, call := range program.FindAllStringSubmatch(line, -1) {
			lines = append(lines, strings.Fields(call[1]))
		}
	}
	return lines
}

// checkCommandLine says what is wrong with a call of keyturn, "" for nothing. Values are not looked at.
func checkCommandLine(args []string) string {
	root := newRoot(streams{strings.NewReader(""), io.Discard, io.Discard})
	command, rest, err := root.Find(args)
	if err != nil {
		return "no command: " + err.Error()
	}
	if command == root || command.HasSubCommands() && len(rest) > 0 && !strings.HasPrefix(rest[0], "-") {
		return "no command of that name"
	}
	for _, arg := range rest {
		name, isFlag := strings.CutPrefix(arg, "--")
		if name, _, _ = strings.Cut(strings.TrimRight(name, "`.,:'\""), "="); isFlag && name != "" && !hasFlag(command, name) {
			return "no flag --" + name
		}
	}
	return ""
}

func hasFlag(c *cobra.Command, name string) bool {
	return c.Flags().Lookup(name) != nil || c.InheritedFlags().Lookup(name) != nil || name == "help"
}

var (
	settingName = regexp.MustCompile(`\bKEYTURN_[A-Z][A-Z_]*[A-Z]\b`)
	metricName  = regexp.MustCompile(`\bkeyturn_[a-z_]+\b`)
)

// otherVariables are no settings, and are named in pages all the same.
var otherVariables = []string{"KEYTURN_CONFIG", "KEYTURN_TEST_DATABASE_URL", "KEYTURN_PORT"}

// TestSettingsInPages: no page tells of a setting that does not exist.
func TestSettingsInPages(t *testing.T) {
	known := slices.Clone(otherVariables)
	for _, s := range settings() {
		known = append(known, s.env())
		if s.secret {
			known = append(known, s.env()+"_FILE")
		}
	}
	for page, text := range pages(t) {
		for _, name := range settingName.FindAllString(text, -1) {
			if !slices.Contains(known, name) {
				t.Errorf("%s tells of %s, which is no setting", page, name)
			}
		}
	}
}

var (
	testName       = regexp.MustCompile("`((?:Test|Fuzz)[A-Z][A-Za-z0-9_]*)(?:/([A-Za-z]+))?`")
	testDefinition = regexp.MustCompile(`(?m)^func ((?:Test|Fuzz)[A-Z]\w*)\(`)
	suitePart      = regexp.MustCompile(`\{"([A-Z][A-Za-z]+)", test`)
)

// TestTestsInPages: a test that a page calls to witness exists.
func TestTestsInPages(t *testing.T) {
	known := map[string]bool{}
	must(t, filepath.WalkDir("../..", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || !strings.HasSuffix(name, "_test.go") && !strings.HasPrefix(entry.Name(), "suite") {
			return err
		}
		text, err := os.ReadFile(name)
		for _, pattern := range []*regexp.Regexp{testDefinition, suitePart} {
			for _, match := range pattern.FindAllStringSubmatch(string(text), -1) {
				known[match[1]] = true
			}
		}
		return err
	}))
	found := 0
	for page, text := range pages(t) {
		for _, match := range testName.FindAllStringSubmatch(text, -1) {
			found++
			if !known[match[1]] || match[2] != "" && !known[match[2]] {
				t.Errorf("%s names %s, which does not exist", page, match[0])
			}
		}
	}
	if found < 30 {
		t.Errorf("only %d tests are named in the pages", found)
	}
}

// TestMetricsInPages: docs/operations.md lists the program's own metrics, all of them and no others.
func TestMetricsInPages(t *testing.T) {
	flags := pflag.NewFlagSet("", pflag.ContinueOnError)
	addFlags(flags)
	config, err := loadConfig(source{environ: []string{"KEYTURN_DATA_DIR=" + t.TempDir()}, flags: flags, readFile: noFile})
	must(t, err)
	a, err := openApp(t.Context(), config, newLog(io.Discard, config), mayUpgrade)
	must(t, err)
	t.Cleanup(func() { a.Close() })
	m := newMetrics(a)
	m.Request("GET", "/", 200, 0)
	families, err := m.registry.Gather()
	must(t, err)
	program := map[string]bool{}
	for _, family := range families {
		if strings.HasPrefix(family.GetName(), "keyturn_") {
			program[family.GetName()] = true
		}
	}
	page := map[string]bool{}
	for _, name := range metricName.FindAllString(pages(t)["../../docs/operations.md"], -1) {
		page[strings.TrimSuffix(name, "_bucket")] = true
	}
	if !maps.Equal(program, page) {
		t.Errorf("the program has %v, the page %v", slices.Sorted(maps.Keys(program)), slices.Sorted(maps.Keys(page)))
	}
}
