package openapi

import (
	"bytes"
	"embed"
	"encoding/json"
	"html/template"
	"strconv"
	"strings"

	"keyturn/audit/spoken"
)

//go:embed page.html
var pageText string

// Stylesheet is what the page of a document looks like; it is to be served where Page says.
//
//go:embed page.css
var Stylesheet []byte

// Kind is a kind of problem that the API answers (RFC 9457 section 3.1.1); it stands on the page under Name, which is
// the fragment of its type.
type Kind struct {
	Name, Title string
	Status      int
	What        string
}

//go:embed texts/*.json
var textFiles embed.FS

// Pages are the document for people: one page without script in each of spoken.Languages. What the document says stays
// in English, since it is what programs are written by. The stylesheet is at style, and the document for programs at
// source, both relative to the page.
func Pages(doc *Document, kinds []Kind, style, source string) ([][]byte, error) {
	all, err := spoken.Read(textFiles)
	if err != nil {
		return nil, err
	}
	pages := make([][]byte, len(all))
	for n, texts := range all {
		p := page{doc: doc, words: words{texts}, Kinds: kinds, Style: style, Source: source}
		t, err := template.New("page").Funcs(template.FuncMap{"t": texts.Text}).Parse(pageText)
		if err != nil {
			return nil, err
		}
		var out bytes.Buffer
		if err := t.Execute(&out, p); err != nil {
			return nil, err
		}
		pages[n] = out.Bytes()
	}
	return pages, nil
}

// words are the texts of the page itself, in one language.
type words struct{ spoken.Texts }

// of is a text about a type. One that is missing is a broken program.
func (w words) of(key, name string) string {
	text, err := w.Text(key)
	if err != nil {
		panic(err)
	}
	return spoken.Fill(text, "type", name)
}

// page is what the template asks.
type page struct {
	words
	doc           *Document
	Kinds         []Kind
	Style, Source string
}

func (p page) Info() Info                { return p.doc.Info }
func (p page) Server() string            { return p.doc.Servers[0].URL }
func (p page) Security() []NamedSecurity { return named(p.doc.Components.SecuritySchemes) }

// English marks what is in English on a page in another language (WCAG 2.2, 3.1.2).
func (w words) English() template.HTMLAttr {
	if w.Language == "en" {
		return ""
	}
	return ` lang="en"`
}

// NamedSecurity is a security scheme with its name.
type NamedSecurity = Member[SecurityScheme]

func named(o Ordered[SecurityScheme]) []NamedSecurity { return o }

// chapter is a tag with its operations.
type chapter struct {
	Tag
	Operations []operation
}

func (p page) Chapters() []chapter {
	chapters := make([]chapter, len(p.doc.Tags))
	for i, tag := range p.doc.Tags {
		chapters[i].Tag = tag
		for _, path := range p.doc.Paths {
			for _, o := range *path.Value {
				if o.Value.Tags[0] == tag.Name {
					chapters[i].Operations = append(chapters[i].Operations, operation{o.Value, strings.ToUpper(o.Name), path.Name, p})
				}
			}
		}
	}
	return chapters
}

// operation is one in its place.
type operation struct {
	*Operation
	Method, Path string
	page         page
}

// Scopes are what a token needs, "" for none.
func (o operation) Scopes() string {
	var all []string
	for _, way := range o.Security {
		for _, scopes := range way {
			all = append(all, scopes...)
		}
	}
	return strings.Join(all, " ")
}

// Members are those of a body that is an object.
func (o operation) Members() []member { return o.page.membersOf(o.Body.Content[0].Value.Schema) }

func (o operation) BodyTypes() string {
	var kinds []string
	for _, c := range o.Body.Content {
		kinds = append(kinds, c.Name)
	}
	return strings.Join(kinds, " "+o.page.of("or", "")+" ")
}

// answer is a status with what it says.
type answer struct {
	Status string
	Response
	Example string
	Schema  typeName
}

func (o operation) Answers() []answer {
	var all []answer
	for _, r := range o.Responses {
		a := answer{Status: r.Name, Response: r.Value}
		if name, refers := strings.CutPrefix(r.Value.Ref, "#/components/responses/"); refers {
			a.Response, _ = o.page.doc.Components.Responses.Get(name)
		} else if len(a.Content) > 0 {
			a.Example, a.Schema = indented(a.Content[0].Value.Example), o.page.nameOf(a.Content[0].Value.Schema)
		}
		all = append(all, a)
	}
	return all
}

// Curl is a line for a shell, with API and TOKEN as variables of it.
func (o operation) Curl() string {
	url, query := o.Path, ""
	for _, p := range o.Parameters {
		switch {
		case p.In == "path":
			url = strings.ReplaceAll(url, "{"+p.Name+"}", "$"+strings.ToUpper(p.Name))
		case p.In == "query" && p.Required:
			query += "&" + p.Name + "=$" + strings.ToUpper(p.Name)
		}
	}
	if query != "" {
		url += "?" + query[1:]
	}
	line := "curl"
	if o.Method != "GET" && (o.Method != "POST" || o.Body == nil) {
		line += " -X " + o.Method
	}
	line += ` "$API` + url + `"`
	if len(o.Security) > 0 {
		line += ` -H "Authorization: Bearer $TOKEN"`
	}
	if o.Body != nil {
		body := compact(o.Body.Content[0].Value.Example)
		line += ` -H 'Content-Type: ` + o.Body.Content[0].Name + `' -d '` + strings.ReplaceAll(body, `'`, `'\''`) + `'`
	}
	return line
}

// schema is a named schema.
type schema struct {
	Name        string
	Description string
	Members     []member
}

func (p page) Schemas() []schema {
	var all []schema
	for _, s := range p.doc.Components.Schemas {
		all = append(all, schema{s.Name, s.Value.Description, p.membersOf(s.Value)})
	}
	return all
}

// member is one of an object.
type member struct {
	words
	Name, Description string
	Required          bool
	Type              typeName
}

func (w words) membersOf(s *Schema) []member {
	var all []member
	for _, p := range s.Properties {
		m := member{words: w, Name: p.Name, Description: p.Value.Description, Type: w.nameOf(p.Value)}
		for _, name := range s.Required {
			m.Required = m.Required || name == p.Name
		}
		all = append(all, m)
	}
	return all
}

// typeName is a type in words; Ref is the schema that it speaks of, "" for none.
type typeName struct{ Text, Ref string }

// TypeOf is the type of a parameter.
func (w words) TypeOf(s *Schema) typeName { return w.nameOf(s) }

func (w words) nameOf(s *Schema) typeName {
	switch {
	case s == nil:
		return typeName{}
	case s.Ref != "":
		name := strings.TrimPrefix(s.Ref, componentSchemas)
		return typeName{name, name}
	case s.Type == "array":
		item := w.nameOf(s.Items)
		return typeName{w.of("list", item.Text), item.Ref}
	case len(s.AnyOf) > 0:
		var names []string
		for _, one := range s.AnyOf {
			names = append(names, w.nameOf(one).Text)
		}
		return typeName{strings.Join(names, " "+w.of("or", "")+" "), ""}
	case len(s.Enum) > 0:
		values := make([]string, len(s.Enum))
		for i, v := range s.Enum {
			values[i] = strconv.Quote(v)
		}
		return typeName{strings.Join(values, ", "), ""}
	}
	if items, lists := s.Properties.Get("items"); lists && s.Type == "object" {
		item := w.nameOf(items.Items)
		return typeName{w.of("page", item.Text), item.Ref}
	}
	if s.Format != "" && s.Format != "password" {
		return typeName{s.Type + " (" + s.Format + ")", ""}
	}
	return typeName{s.Type, ""}
}

func indented(v any) string {
	text, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return ""
	}
	return string(text)
}

func compact(v any) string {
	text, err := json.Marshal(v)
	if err != nil {
		return ""
	}
	return string(text)
}
