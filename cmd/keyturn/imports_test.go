package main

import (
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// mayImport is the table of docs/architecture.md: which of our packages each package may import. A
// package that stands here with a trailing /... speaks for those below it.
var mayImport = map[string][]string{
	"keyturn/audit":               {},
	"keyturn/audit/sentence":      {},
	"keyturn/audit/spoken":        {},
	"keyturn/verify/jws":          {},
	"keyturn/keys":                {"keyturn/verify/jws", "keyturn/audit", "keyturn/audit/sentence", "keyturn/keys/reading"},
	"keyturn/keys/reading":        {},
	"keyturn/accounts":            {"keyturn/keys", "keyturn/audit", "keyturn/audit/sentence", "keyturn/accounts/common"},
	"keyturn/accounts/mail":       {"keyturn/accounts", "keyturn/keys", "keyturn/audit", "keyturn/audit/spoken"},
	"keyturn/issuer":              {"keyturn/keys", "keyturn/accounts", "keyturn/audit", "keyturn/audit/sentence"},
	"keyturn/issuer/fetch":        {},
	"keyturn/issuer/oauth":        {"keyturn/keys", "keyturn/keys/reading", "keyturn/accounts", "keyturn/issuer", "keyturn/issuer/fetch", "keyturn/audit", "keyturn/audit/sentence"},
	"keyturn/storage":             {"keyturn/keys", "keyturn/accounts", "keyturn/issuer", "keyturn/issuer/oauth", "keyturn/audit"},
	"keyturn/storage/storagetest": {"keyturn/storage", "keyturn/keys", "keyturn/accounts", "keyturn/issuer", "keyturn/issuer/oauth", "keyturn/audit"},
	"keyturn/api/tokenpair":       {"keyturn/api/openapi", "keyturn/keys", "keyturn/accounts", "keyturn/issuer", "keyturn/audit"},
	"keyturn/api/oauth":           {"keyturn/keys", "keyturn/accounts", "keyturn/issuer", "keyturn/issuer/oauth", "keyturn/audit"},
	"keyturn/api/web":             {"keyturn/keys", "keyturn/accounts", "keyturn/issuer", "keyturn/issuer/oauth", "keyturn/audit", "keyturn/audit/sentence", "keyturn/audit/spoken"},
	"keyturn/api/openapi":         {"keyturn/audit/spoken"},
	"keyturn/api/admin":           {"keyturn/api/openapi", "keyturn/keys", "keyturn/accounts", "keyturn/issuer", "keyturn/issuer/oauth", "keyturn/audit", "keyturn/audit/sentence"},
	"keyturn/api/web/console":     {"keyturn/keys", "keyturn/accounts", "keyturn/issuer", "keyturn/issuer/oauth", "keyturn/audit", "keyturn/audit/sentence", "keyturn/api/web", "keyturn/api/admin"},
	"keyturn/api": {
		"keyturn/keys", "keyturn/accounts", "keyturn/issuer", "keyturn/issuer/oauth", "keyturn/audit",
		"keyturn/api/openapi", "keyturn/api/tokenpair", "keyturn/api/oauth", "keyturn/api/admin", "keyturn/api/web", "keyturn/api/web/console",
	},
	"keyturn/api/apitest": {
		"keyturn/keys", "keyturn/accounts", "keyturn/issuer", "keyturn/issuer/oauth", "keyturn/issuer/fetch", "keyturn/audit", "keyturn/audit/sentence",
		"keyturn/accounts/mail", "keyturn/api", "keyturn/api/openapi", "keyturn/api/admin", "keyturn/api/web", "keyturn/api/web/console", "keyturn/storage",
	},
	"keyturn/verify":           {"keyturn/verify/jws"},
	"keyturn/verify/ginverify": {"keyturn/verify"},
	"keyturn/cmd/hello/server": {"keyturn/verify"},
	"keyturn/cmd/hello":        {"keyturn/verify", "keyturn/cmd/hello/server"},
	"keyturn/cmd/keyturn":      {"*"},

	"keyturn/accounts/common":          {},
	"keyturn/accounts/common/generate": {"keyturn/accounts", "keyturn/accounts/common"},
}

// ownAlone is what one package (or two) of ours may import of others, and nobody else.
var ownAlone = map[string][]string{
	"github.com/go-jose/go-jose/v4":                  {"keyturn/keys", "keyturn/verify/jws", "keyturn/verify"},
	"filippo.io/age":                                 {"keyturn/keys"},
	"golang.org/x/crypto/argon2":                     {"keyturn/accounts"},
	"golang.org/x/crypto/bcrypt":                     {"keyturn/accounts"},
	"golang.org/x/crypto/scrypt":                     {"keyturn/accounts"},
	"rsc.io/qr":                                      {"keyturn/api/web"},
	"github.com/go-webauthn/webauthn/webauthn":       {"keyturn/accounts"},
	"github.com/go-webauthn/webauthn/protocol":       {"keyturn/accounts"},
	"github.com/gin-gonic/gin":                       {"keyturn/api", "keyturn/api/apitest", "keyturn/api/tokenpair", "keyturn/api/oauth", "keyturn/api/admin", "keyturn/api/web", "keyturn/api/web/console", "keyturn/verify/ginverify"},
	"html/template":                                  {"keyturn/api/web", "keyturn/api/web/console", "keyturn/accounts/mail", "keyturn/api/openapi"},
	"github.com/wneessen/go-mail":                    {"keyturn/accounts/mail"},
	"golang.org/x/net/idna":                          {"keyturn/accounts/mail"},
	"database/sql":                                   {"keyturn/storage", "keyturn/storage/storagetest"},
	"github.com/jmoiron/sqlx":                        {"keyturn/storage", "keyturn/storage/storagetest"},
	"github.com/lib/pq":                              {"keyturn/storage", "keyturn/storage/storagetest"},
	"modernc.org/sqlite":                             {"keyturn/storage", "keyturn/storage/storagetest"},
	"github.com/pressly/goose/v3":                    {"keyturn/storage", "keyturn/storage/storagetest"},
	"github.com/spf13/cobra":                         {"keyturn/cmd/keyturn"},
	"go.yaml.in/yaml/v3":                             {"keyturn/cmd/keyturn"},
	"github.com/prometheus/client_golang/prometheus": {"keyturn/cmd/keyturn"},
	"github.com/chromedp/chromedp":                   {"keyturn/api/apitest"},
	"github.com/santhosh-tekuri/jsonschema/v6":       {"keyturn/api/apitest"},
}

type goPackage struct {
	ImportPath string
	Imports    []string
}

func listPackages(t *testing.T) []goPackage {
	t.Helper()
	out, err := exec.Command("go", "list", "-json=ImportPath,Imports", "keyturn/...").Output()
	if err != nil {
		t.Fatal(err)
	}
	var all []goPackage
	for decoder := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p goPackage
		if err := decoder.Decode(&p); errors.Is(err, io.EOF) {
			return all
		} else if err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
}

// TestImports holds the direction of the architecture: keys ← accounts ← issuer ← api ← cmd, storage
// beside it, and one owner for each means.
func TestImports(t *testing.T) {
	all := listPackages(t)
	if len(all) < 10 {
		t.Fatalf("only %d packages found", len(all))
	}
	for _, p := range all {
		for _, problem := range judgeImports(p) {
			t.Error(problem)
		}
	}
}

func judgeImports(p goPackage) []string {
	allowed, known := mayImport[p.ImportPath]
	if !known {
		return []string{p.ImportPath + " is not in the table of docs/architecture.md"}
	}
	var problems []string
	for _, imported := range p.Imports {
		ours := imported == "keyturn" || strings.HasPrefix(imported, "keyturn/")
		if ours && !slices.Contains(allowed, imported) && !slices.Contains(allowed, "*") {
			problems = append(problems, p.ImportPath+" must not import "+imported)
		}
		if owners, owned := ownAlone[imported]; owned && !slices.Contains(owners, p.ImportPath) {
			problems = append(problems, p.ImportPath+" must not import "+imported+", which others own")
		}
	}
	return problems
}

func TestImportTableRefuses(t *testing.T) {
	for _, p := range []goPackage{
		{"keyturn/issuer", []string{"keyturn/storage"}},
		{"keyturn/issuer", []string{"github.com/gin-gonic/gin"}},
		{"keyturn/keys", []string{"keyturn/issuer"}},
		{"keyturn/api/admin", []string{"database/sql"}},
		{"keyturn/util", nil},
	} {
		if len(judgeImports(p)) == 0 {
			t.Errorf("%s importing %v went through", p.ImportPath, p.Imports)
		}
	}
}
