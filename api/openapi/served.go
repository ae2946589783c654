package openapi

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"time"

	"keyturn/audit/spoken"
)

// Where an API is described, below its own address: for programs, and for people.
const (
	DocumentPath   = "/openapi.json"
	PagePath       = "/docs"
	stylesheetPath = "/docs.css"
)

// pagePolicy lets the page load its stylesheet and nothing else; it has no script and no form.
const pagePolicy = "default-src 'none'; style-src 'self'; form-action 'none'; frame-ancestors 'none'; base-uri 'none'"

// Served is something that is the same for everybody for as long as the program runs, but for its language.
type Served struct {
	// Path is below the API's address.
	Path         string
	kind, policy string
	// versions is the only one, or one for each of spoken.Languages.
	versions []version
}

// version is a body with its entity tag.
type version struct {
	body []byte
	tag  string
}

func served(path, kind, policy string, bodies ...[]byte) Served {
	s := Served{Path: path, kind: kind, policy: policy}
	for _, body := range bodies {
		hash := sha256.Sum256(body)
		s.versions = append(s.versions, version{body, `"` + base64.RawURLEncoding.EncodeToString(hash[:12]) + `"`})
	}
	return s
}

// ServeHTTP answers with it, or with 304 to who has it (RFC 9110 section 13.1.2), in the reader's language.
func (s Served) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	header, v := w.Header(), s.versions[0]
	if len(s.versions) > 1 {
		n := spoken.Accepted(r.Header.Get("Accept-Language"))
		v = s.versions[n]
		header.Set("Content-Language", spoken.Languages()[n])
		header.Add("Vary", "Accept-Language")
	}
	header.Set("Content-Type", s.kind)
	header.Set("ETag", v.tag)
	header.Set("Cache-Control", "no-cache") // it is another one after an update
	if s.policy != "" {
		header.Set("Content-Security-Policy", s.policy)
	}
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(v.body))
}

// Publish is what says what an API does: its document, and a page of it with the kinds of its problems.
func Publish(doc *Document, kinds []Kind) ([]Served, error) {
	text, err := json.Marshal(doc)
	if err != nil {
		return nil, err
	}
	pages, err := Pages(doc, kinds, stylesheetPath[1:], DocumentPath[1:])
	if err != nil {
		return nil, err
	}
	return []Served{
		served(DocumentPath, "application/json", "", text),
		served(PagePath, "text/html; charset=utf-8", pagePolicy, pages...),
		served(stylesheetPath, "text/css; charset=utf-8", "", Stylesheet),
	}, nil
}
