package openapi

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"time"
)

// Where an API is described, below its own address: for programs, and for people.
const (
	DocumentPath   = "/openapi.json"
	PagePath       = "/docs"
	stylesheetPath = "/docs.css"
)

// pagePolicy lets the page load its stylesheet and nothing else; it has no script and no form.
const pagePolicy = "default-src 'none'; style-src 'self'; form-action 'none'; frame-ancestors 'none'; base-uri 'none'"

// Served is something that is the same for everybody for as long as the program runs.
type Served struct {
	// Path is below the API's address.
	Path         string
	body         []byte
	kind, policy string
	tag          string
}

func served(path, kind, policy string, body []byte) Served {
	hash := sha256.Sum256(body)
	return Served{Path: path, body: body, kind: kind, policy: policy, tag: `"` + base64.RawURLEncoding.EncodeToString(hash[:12]) + `"`}
}

// ServeHTTP answers with it, or with 304 to who has it (RFC 9110 section 13.1.2).
func (s Served) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	header := w.Header()
	header.Set("Content-Type", s.kind)
	header.Set("ETag", s.tag)
	header.Set("Cache-Control", "no-cache") // it is another one after an update
	if s.policy != "" {
		header.Set("Content-Security-Policy", s.policy)
	}
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(s.body))
}

// Publish is what says what an API does: its document, and a page of it with the kinds of its problems.
func Publish(doc *Document, kinds []Kind) ([]Served, error) {
	text, err := json.Marshal(doc)
	if err != nil {
		return nil, err
	}
	page, err := Page(doc, kinds, stylesheetPath[1:], DocumentPath[1:])
	if err != nil {
		return nil, err
	}
	return []Served{
		served(DocumentPath, "application/json", "", text),
		served(PagePath, "text/html; charset=utf-8", pagePolicy, page),
		served(stylesheetPath, "text/css; charset=utf-8", "", Stylesheet),
	}, nil
}
