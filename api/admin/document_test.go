package admin_test

import (
	"bytes"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"

	"keyturn/api/admin"
	"keyturn/api/openapi"
)

// TestEveryRouteIsDescribed holds the document to the table of routes, in both directions, and demands words for
// each.
func TestEveryRouteIsDescribed(t *testing.T) {
	doc := admin.Document(base)
	inTable, ids := map[string]bool{}, map[string]bool{}
	for _, r := range (&admin.Handlers{}).Routes() {
		inTable[r.Method+" "+template(r.Path)] = true
	}
	described := 0
	for _, item := range doc.Paths {
		for _, o := range *item.Value {
			name := strings.ToUpper(o.Name) + " " + item.Name
			described++
			if !inTable[name] {
				t.Errorf("%s is described, and no route", name)
			}
			v := o.Value
			if v.ID == "" || v.Summary == "" || !slices.ContainsFunc(doc.Tags, func(tag openapi.Tag) bool { return tag.Name == v.Tags[0] }) {
				t.Errorf("%s has no description: add one to a described….go of this package", name)
			}
			if ids[v.ID] {
				t.Errorf("%s: the operationId %q is another route's", name, v.ID)
			}
			ids[v.ID] = true
			for _, p := range v.Parameters {
				if p.Description == "" || p.Schema == nil {
					t.Errorf("%s: the parameter %s has no description", name, p.Name)
				}
			}
		}
	}
	if described != len(inTable) {
		t.Errorf("%d operations, want %d", described, len(inTable))
	}
	for _, r := range admin.Undescribed() {
		t.Errorf("%s is described, and no route", r)
	}
}

func template(path string) string {
	parts := strings.Split(path, "/")
	for i, part := range parts {
		if strings.HasPrefix(part, ":") {
			parts[i] = "{" + part[1:] + "}"
		}
	}
	return strings.Join(parts, "/")
}

func TestDocumentIsValid(t *testing.T) {
	schemas, examples, problems := theContract().Faults()
	for _, problem := range problems {
		t.Error(problem)
	}
	if schemas < 100 || examples < 40 {
		t.Errorf("%d schemas and %d examples were looked at", schemas, examples)
	}
}

// What a body may hold is told by the handler itself, to whoever sends a member that it does not know: the document
// names the same, and their types.
func TestBodiesAreWhatHandlersRead(t *testing.T) {
	f := newFixture(t)
	all := f.token("admin")
	eachRoute(t, func(t *testing.T, name, method, path string) {
		f.T = t
		if method == http.MethodGet || strings.HasSuffix(path, "/import") {
			return
		}
		if path == "/resources" && method != http.MethodPost {
			path += "?identifier=api"
		}
		out := f.send(method, path, all, `{"\u0001": 1}`).want(http.StatusBadRequest)
		_, list, _ := strings.Cut(out["detail"].(string), "; it knows ")
		var known []string
		if list != "" {
			known = strings.Split(list, ", ")
		}
		r, err := http.NewRequest(method, base+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		_, _, o := theContract().Operation(r)
		var described []string
		if o.Body != nil {
			media, _ := o.Body.Content.Get("application/json")
			for _, p := range media.Schema.Properties {
				described = append(described, p.Name)
				wrong := `[1]`
				if p.Value.Type == "array" {
					wrong = `"x"`
				}
				if got := f.send(method, path, all, `{"`+p.Name+`": `+wrong+`}`).want(http.StatusBadRequest)["param"]; got != p.Name {
					t.Errorf("%s of another type than the document says: the handler names %v", p.Name, got)
				}
			}
		}
		slices.Sort(described)
		if !slices.Equal(described, known) {
			t.Errorf("the document has %v, the handler %v", described, known)
		}
	})
}

func TestDocumentIsServed(t *testing.T) {
	f := newFixture(t)
	a := f.send(http.MethodGet, admin.DocumentPath, "", "")
	if a.Code != http.StatusOK || a.Header().Get("Content-Type") != "application/json" {
		t.Fatalf("%d of type %s", a.Code, a.Header().Get("Content-Type"))
	}
	want, err := json.Marshal(admin.Document(base))
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(a.Body.Bytes(), want) {
		t.Error("another document is served")
	}
	// RFC 9110 section 13.1.2: the condition of If-None-Match is false, and the answer to GET is 304.
	again := f.send(http.MethodGet, admin.DocumentPath, "", "", "If-None-Match", `W/"x", `+a.Header().Get("ETag"))
	if again.Code != http.StatusNotModified || again.Body.Len() != 0 || a.Header().Get("ETag") == "" {
		t.Errorf("%d with %d bytes", again.Code, again.Body.Len())
	}
}
