package console_test

import (
	"encoding/xml"
	"net/url"
	"strings"
	"testing"
)

// control is a field of a form as a browser reads it.
type control struct {
	name, kind, id string
	// attr are those of the element that is described: for ticks that of the group around them.
	attr map[string]string
	// values are what it holds.
	values []string
}

func (c control) isText() bool {
	return c.kind == "text" || c.kind == "password" || c.kind == "textarea"
}

// readForm reads the fields of the form that a page sends by POST, each once. There is none where the page has no form.
func readForm(t *testing.T, page string) []*control {
	t.Helper()
	d := xml.NewDecoder(strings.NewReader(page))
	d.Strict, d.AutoClose, d.Entity = false, xml.HTMLAutoClose, xml.HTMLEntity
	var all []*control
	var group map[string]string
	var within bool
	for {
		token, err := d.RawToken()
		if err != nil {
			return all
		}
		switch token := token.(type) {
		case xml.EndElement:
			switch token.Name.Local {
			case "form":
				within = false
			case "div":
				group = nil
			}
		case xml.StartElement:
			attr := map[string]string{}
			for _, a := range token.Attr {
				attr[a.Name.Local] = a.Value
			}
			switch name := token.Name.Local; {
			case name == "form":
				within = attr["method"] == "post"
			case !within:
			case attr["role"] == "group":
				group = attr
			case name == "input":
				all = withInput(all, attr, group)
			case name == "select":
				all = append(all, &control{name: attr["name"], kind: "select", id: attr["id"], attr: attr})
			case name == "textarea":
				text, _ := d.RawToken()
				value, _ := text.(xml.CharData)
				all = append(all, &control{attr["name"], "textarea", attr["id"], attr, []string{strings.TrimPrefix(string(value), "\n")}})
			case name == "option":
				if _, chosen := attr["selected"]; chosen {
					last := all[len(all)-1]
					last.values = append(last.values, attr["value"])
				}
			}
		}
	}
}

// withInput adds an input; the ticks of a group are one field.
func withInput(all []*control, attr, group map[string]string) []*control {
	c := &control{attr["name"], attr["type"], attr["id"], attr, []string{attr["value"]}}
	if _, on := attr["checked"]; c.kind == "checkbox" && !on {
		c.values = nil
	}
	if group == nil {
		return append(all, c)
	}
	if last := len(all) - 1; last >= 0 && all[last].name == c.name {
		all[last].values = append(all[last].values, c.values...)
		return all
	}
	c.kind, c.attr = "ticks", group
	return append(all, c)
}

// sent is what a browser sends of a form.
func sent(form []*control) url.Values {
	values := url.Values{}
	for _, c := range form {
		if len(c.values) > 0 {
			values[c.name] = append(values[c.name], c.values...)
		}
	}
	return values
}

// fieldOf is the field of a name; nil where there is none.
func fieldOf(form []*control, name string) *control {
	for _, c := range form {
		if c.name == name {
			return c
		}
	}
	return nil
}
