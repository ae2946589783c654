package main

import (
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"database/sql"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"net/http"
	"net/url"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/go-jose/go-jose/v4"

	"keyturn/keys"
)

// bareGin serves one route of Gin and nothing else, behind the http.Server that Keyturn uses: it reads
// the body and answers with as many bytes.
func bareGin(b *testing.B, method string, answer []byte) (address string) {
	return serveGin(b, method, "/bare", func(c *gin.Context) {
		if _, err := io.Copy(io.Discard, c.Request.Body); err != nil {
			c.Status(http.StatusBadRequest)
			return
		}
		c.Header("Content-Length", strconv.Itoa(len(answer)))
		c.Data(http.StatusOK, "application/json", answer)
	})
}

// bareTokenEndpoint is what no token endpoint can do without: Gin, a form that is parsed, the claims signed once,
// and as many bytes of JSON in answer.
func bareTokenEndpoint(b *testing.B, path string, a keys.Algorithm, claims []byte, scope string) (address string) {
	bare := newSigning(b)
	var private any = bare.ed
	if a == keys.RS256 {
		private = bare.rsa
	}
	signer, err := jose.NewSigner(
		jose.SigningKey{Algorithm: jose.SignatureAlgorithm(a), Key: jose.JSONWebKey{Key: private, KeyID: keys.NewTokenID()}},
		(&jose.SignerOptions{}).WithType("at+jwt"))
	if err != nil {
		b.Fatal(err)
	}
	return serveGin(b, "POST", path, func(c *gin.Context) {
		if c.Request.ParseForm() != nil || c.Request.PostForm.Get("grant_type") != "client_credentials" {
			c.Status(http.StatusBadRequest)
			return
		}
		signed, err := signer.Sign(claims)
		if err != nil {
			c.Status(http.StatusInternalServerError)
			return
		}
		token, err := signed.CompactSerialize()
		if err != nil {
			c.Status(http.StatusInternalServerError)
			return
		}
		c.JSON(http.StatusOK, gin.H{"access_token": token, "token_type": "Bearer", "expires_in": 300, "scope": scope})
	})
}

// serveGin serves one route of Gin and nothing else.
func serveGin(b *testing.B, method, path string, handle gin.HandlerFunc) (address string) {
	gin.SetMode(gin.ReleaseMode)
	router := gin.New()
	router.Handle(method, path, handle)
	listener := anyPort(b)
	bare := httpServer(router, quiet)
	ended := make(chan error, 1)
	go func() { ended <- bare.Serve(listener) }()
	b.Cleanup(func() {
		bare.Close()
		if err := <-ended; !errors.Is(err, http.ErrServerClosed) {
			b.Error(err)
		}
	})
	return listener.Addr().String()
}

// signing is the bare work of package crypto on tokens of the given sizes. RS256 stands for RSA with
// 2048 bits, EdDSA for Ed25519.
type signing struct {
	rsa     *rsa.PrivateKey
	ed      ed25519.PrivateKey
	edInput []byte
	edSigned,
	rsaInput, rsaSigned []byte
}

func newSigning(b *testing.B) *signing {
	s := &signing{edInput: make([]byte, 600), rsaInput: make([]byte, 900)}
	var err error
	if s.rsa, err = rsa.GenerateKey(rand.Reader, 2048); err != nil {
		b.Fatal(err)
	}
	if _, s.ed, err = ed25519.GenerateKey(rand.Reader); err != nil {
		b.Fatal(err)
	}
	s.edSigned = ed25519.Sign(s.ed, s.edInput)
	sum := sha256.Sum256(s.rsaInput)
	if s.rsaSigned, err = rsa.SignPKCS1v15(nil, s.rsa, crypto.SHA256, sum[:]); err != nil {
		b.Fatal(err)
	}
	return s
}

func (s *signing) sign(a keys.Algorithm) error {
	if a == keys.EdDSA {
		ed25519.Sign(s.ed, s.edInput)
		return nil
	}
	sum := sha256.Sum256(s.rsaInput)
	_, err := rsa.SignPKCS1v15(nil, s.rsa, crypto.SHA256, sum[:])
	return err
}

func (s *signing) verify(a keys.Algorithm) error {
	if a == keys.EdDSA {
		if !ed25519.Verify(s.ed.Public().(ed25519.PublicKey), s.edInput, s.edSigned) {
			return errors.New("a signature does not verify")
		}
		return nil
	}
	sum := sha256.Sum256(s.rsaInput)
	return rsa.VerifyPKCS1v15(&s.rsa.PublicKey, crypto.SHA256, sum[:], s.rsaSigned)
}

// database is a pool of the same driver, size and settings as package storage opens, without the package.
type database struct {
	*sql.DB
	postgres bool
}

func bareDatabase(b *testing.B, at string) database {
	driver, name, open := "postgres", at+"&binary_parameters=yes", benchPool
	if path, embedded := strings.CutPrefix(at, "sqlite:"); embedded {
		driver, open = "sqlite", 1
		name = "file:" + path + "?" + url.Values{
			"_busy_timeout": {"5000"}, "_foreign_keys": {"on"}, "_synchronous": {"FULL"}, "_dqs": {"false"},
			"_journal_mode": {"WAL"}, "_txlock": {"immediate"},
		}.Encode()
	}
	db, err := sql.Open(driver, name)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { db.Close() })
	db.SetMaxOpenConns(open)
	db.SetMaxIdleConns(open)
	return database{db, driver == "postgres"}
}

// statement is a statement of package storage in the words of this database, taken from the package's
// source, so that the floor is the very same SQL.
func (d database) statement(b *testing.B, name string) string {
	text := storageConstant(b, name)
	arguments := strings.Count(text, "?")
	mark, now := "?", fmt.Sprintf("CAST(?%d AS BIGINT)", arguments+1)
	if d.postgres {
		mark, now = "$", storageConstant(b, "serverClock")
	}
	for n := range arguments {
		text = strings.Replace(text, "?", "\x00"+strconv.Itoa(n+1), 1)
	}
	text = strings.ReplaceAll(strings.ReplaceAll(text, "\x00", mark), "{now}", now)
	return braces.ReplaceAllStringFunc(text, func(token string) string {
		kind, words, _ := strings.Cut(token[1:len(token)-1], " ")
		switch {
		case kind == "for" && d.postgres:
			return "FOR " + strings.ToUpper(words)
		case kind == "postgres" && d.postgres, kind == "sqlite" && !d.postgres:
			return words
		}
		return ""
	})
}

var braces = regexp.MustCompile(`\{[^}]*\}`)

// bind adds the time where the statement wants it as an argument.
func (d database) bind(args ...any) []any {
	if d.postgres {
		return args
	}
	return append(args, time.Now().UnixMicro())
}

// storageConstant evaluates a constant text of package storage.
func storageConstant(b *testing.B, name string) string {
	b.Helper()
	constants := map[string]ast.Expr{}
	files, err := filepath.Glob("../../storage/*.go")
	if err != nil {
		b.Fatal(err)
	}
	for _, file := range files {
		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
		if err != nil {
			b.Fatal(err)
		}
		ast.Inspect(parsed, func(n ast.Node) bool {
			if spec, ok := n.(*ast.ValueSpec); ok && len(spec.Values) == len(spec.Names) {
				for k, id := range spec.Names {
					constants[id.Name] = spec.Values[k]
				}
			}
			return true
		})
	}
	var evaluate func(ast.Expr) string
	evaluate = func(e ast.Expr) string {
		switch e := e.(type) {
		case *ast.BinaryExpr:
			return evaluate(e.X) + evaluate(e.Y)
		case *ast.Ident:
			return evaluate(constants[e.Name])
		case *ast.BasicLit:
			if text, err := strconv.Unquote(e.Value); err == nil {
				return text
			}
		}
		b.Fatalf("package storage has no constant text %s", name)
		return ""
	}
	return evaluate(constants[name])
}

// row is where the columns of a returned row go.
func row(columns int) (into []any) {
	for range columns {
		into = append(into, new(any))
	}
	return into
}
