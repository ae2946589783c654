package admin

import (
	"encoding/json"
	"net/http"

	"github.com/gin-gonic/gin"

	"keyturn/audit"
)

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
	text, err := json.Marshal(Document(base))
	if err != nil {
		return nil, err
	}
	return []Served{served(DocumentPath, "application/json", "", text)}, nil
}
