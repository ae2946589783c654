package admin

import (
	"encoding/json"
	"net/http"

	"github.com/gin-gonic/gin"

	"keyturn/api/openapi"
	"keyturn/audit"
)

// pagePolicy lets the page load its stylesheet and nothing else; it has no script and no form.
const pagePolicy = "default-src 'none'; style-src 'self'; form-action 'none'; frame-ancestors 'none'; base-uri 'none'"

// Served is something that is the same for everybody for as long as the program runs.
type Served struct {
	// Path is below Prefix.
	Path    string
	body    []byte
	kind    string
	version audit.Version
	policy  string
}

// Get answers with it, or with 304 (RFC 9110 section 13.1.2).
func (s Served) Get(c *gin.Context) {
	header := c.Writer.Header()
	header.Set("ETag", `"`+string(s.version)+`"`)
	header.Set("Cache-Control", "no-cache") // it is another one after an update
	if s.policy != "" {
		header.Set("Content-Security-Policy", s.policy)
	}
	if fresh(c.Request.Header, s.version) {
		c.Status(http.StatusNotModified)
		c.Writer.WriteHeaderNow()
		return
	}
	c.Data(http.StatusOK, s.kind, s.body)
}

func served(path, kind, policy string, body []byte) Served {
	return Served{Path: path, body: body, kind: kind, policy: policy, version: audit.VersionOf(body)}
}

// Description is what says what the API at base, its absolute URL, does.
func Description(base string) ([]Served, error) {
	doc := Document(base)
	text, err := json.Marshal(doc)
	if err != nil {
		return nil, err
	}
	page, err := openapi.Page(doc, Kinds(), "docs.css", "openapi.json")
	if err != nil {
		return nil, err
	}
	return []Served{
		served(DocumentPath, "application/json", "", text),
		served(DocsPath, "text/html; charset=utf-8", pagePolicy, page),
		served("/docs.css", "text/css; charset=utf-8", "", openapi.Stylesheet),
	}, nil
}
