package web

import (
	"encoding/xml"
	"errors"
	"io"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// element is one start tag of a page, with the ids of what it stands within.
type element struct {
	name   string
	attr   map[string]string
	within []string
	text   string
}

func (e element) has(name string) bool {
	_, has := e.attr[name]
	return has
}

// readMarkup reads the elements of a page in order. Every tag must be closed by its own end tag, which html/template
// does not see to.
func readMarkup(t *testing.T, page string) []element {
	t.Helper()
	d := xml.NewDecoder(strings.NewReader(page))
	d.Strict, d.AutoClose, d.Entity = false, xml.HTMLAutoClose, xml.HTMLEntity
	var all []element
	var open []int
	for {
		token, err := d.RawToken()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatalf("%v in:\n%s", err, page)
		}
		switch token := token.(type) {
		case xml.StartElement:
			e := element{name: token.Name.Local, attr: map[string]string{}}
			for _, a := range token.Attr {
				name := a.Name.Local
				if a.Name.Space != "" {
					name = a.Name.Space + ":" + name
				}
				if e.has(name) {
					t.Errorf("<%s> has %s twice", e.name, name)
				}
				e.attr[name] = a.Value
			}
			for _, n := range open {
				e.within = append(e.within, all[n].name)
			}
			all = append(all, e)
			if !slices.Contains(xml.HTMLAutoClose, e.name) {
				open = append(open, len(all)-1)
			}
		case xml.EndElement:
			if len(open) == 0 || all[open[len(open)-1]].name != token.Name.Local {
				t.Fatalf("</%s> closes nothing of its own in:\n%s", token.Name.Local, page)
			}
			open = open[:len(open)-1]
		case xml.CharData:
			for _, n := range open {
				all[n].text += string(token)
			}
		}
	}
	if len(open) > 0 {
		t.Fatalf("<%s> stays open", all[open[0]].name)
	}
	return all
}

func named(all []element, name string) []element {
	var found []element
	for _, e := range all {
		if e.name == name {
			found = append(found, e)
		}
	}
	return found
}

var placeholder = regexp.MustCompile(`\{[a-z]+\}`)

// TestPagesCanBeReadByEverybody holds what UI.md demands of markup: landmarks, one h1, labels, descriptions
// that exist, and nothing that a strict policy would block.
func TestPagesCanBeReadByEverybody(t *testing.T) {
	eachPage(t, func(t *testing.T, name string, tc testCase, answer *httptest.ResponseRecorder) {
		page := answer.Body.String()
		all := readMarkup(t, page)
		for _, once := range []string{"title", "h1", "main", "header", "footer"} {
			if n := len(named(all, once)); n != 1 {
				t.Errorf("%d <%s>, want 1", n, once)
			}
		}
		if lang := named(all, "html")[0].attr["lang"]; !strings.HasSuffix(name, "."+lang) {
			t.Errorf("lang=%q", lang)
		}
		if left := placeholder.FindString(page); left != "" {
			t.Errorf("the placeholder %s is left", left)
		}
		if strings.Contains(page, "ZgotmplZ") {
			t.Error("html/template refused a value")
		}
		checkIDs(t, all)
		checkControls(t, all)
		checkNothingInline(t, all)
	})
}

func checkIDs(t *testing.T, all []element) {
	ids := map[string]bool{}
	for _, e := range all {
		id := e.attr["id"]
		if id != "" && ids[id] {
			t.Errorf("id %q twice", id)
		}
		ids[id] = true
	}
	for _, e := range all {
		for _, refers := range []string{"aria-describedby", "aria-labelledby", "for"} {
			for id := range strings.FieldsSeq(e.attr[refers]) {
				if !ids[id] {
					t.Errorf("<%s %s=%q> names no element", e.name, refers, id)
				}
			}
		}
		if target, here := strings.CutPrefix(e.attr["href"], "#"); here && !ids[target] {
			t.Errorf("a link to #%s leads nowhere", target)
		}
	}
}

func checkControls(t *testing.T, all []element) {
	labels := map[string]bool{}
	for _, e := range named(all, "label") {
		labels[e.attr["for"]] = strings.TrimSpace(e.text) != ""
	}
	for _, e := range all {
		switch e.name {
		case "input":
			if e.attr["type"] != "hidden" && !labels[e.attr["id"]] {
				t.Errorf("the input %q has no label", e.attr["name"])
			}
			if e.attr["type"] != "hidden" && e.attr["autocomplete"] == "" {
				t.Errorf("the input %q has no autocomplete", e.attr["name"])
			}
			if e.has("placeholder") {
				t.Errorf("the input %q has a placeholder", e.attr["name"])
			}
		case "button":
			if e.attr["type"] != "submit" || strings.TrimSpace(e.text) == "" || !slices.Contains(e.within, "form") {
				t.Errorf("button %v %q", e.attr, e.text)
			}
			if e.has("autofocus") {
				t.Errorf("the button %q is focused beforehand", e.text)
			}
		case "form":
			if e.attr["method"] != "post" || e.attr["action"] == "" {
				t.Errorf("form %v", e.attr)
			}
		case "a":
			if strings.TrimSpace(e.text) == "" || e.attr["href"] == "" {
				t.Errorf("link %v %q", e.attr, e.text)
			}
			if e.attr["target"] == "_blank" && !strings.Contains(e.attr["rel"], "noopener") {
				t.Errorf("link %v keeps its opener", e.attr)
			}
		case "img":
			if !e.has("alt") {
				t.Errorf("image %v has no alt", e.attr)
			}
		case "iframe":
			if e.attr["title"] == "" {
				t.Errorf("frame %v has no title", e.attr)
			}
		}
	}
}

func checkNothingInline(t *testing.T, all []element) {
	for _, e := range all {
		if e.name == "style" || e.name == "script" && (e.attr["src"] == "" || strings.TrimSpace(e.text) != "") {
			t.Errorf("inline <%s>", e.name)
		}
		for name, value := range e.attr {
			if name == "style" || strings.HasPrefix(name, "on") || strings.HasPrefix(strings.ToLower(value), "javascript:") {
				t.Errorf("<%s %s=%q>", e.name, name, value)
			}
		}
	}
}

// TestFormsAreAsAutomatsExpect holds the names that spec/oidc.md 47 promises to whoever fills in the forms.
func TestFormsAreAsAutomatsExpect(t *testing.T) {
	want := map[string][]string{
		"signin":         {"username=", "password=", "decision=cancel"},
		"signin-account": {"username=", "password="},
		"consent":        {"session=f269206cdf0421829d22055c708f0f5f", "decision=deny", "decision=allow"},
		"confirmsignout": {"client_id=orders", "state=af0ifjsldkj", "decision=logout", "decision=stay"},
		"formpost":       {"code=SplxlOBeZQQYbYS6WxSbIA", `state=a"b<c`},
	}
	pages := testPages(t, Theme{})
	for _, tc := range testCases {
		fields, known := want[tc.name]
		delete(want, tc.name)
		if !known {
			continue
		}
		var got []string
		for _, e := range readMarkup(t, show(t, pages, tc, "en").Body.String()) {
			if e.has("name") && e.name != "meta" {
				got = append(got, e.attr["name"]+"="+e.attr["value"])
			}
		}
		if !slices.Equal(got, fields) {
			t.Errorf("%s: fields %q, want %q", tc.name, got, fields)
		}
	}
	if len(want) > 0 {
		t.Errorf("no case for %v", want)
	}
}

// TestPagesSayTheExpectedWords holds spec/oidc.md 48.
func TestPagesSayTheExpectedWords(t *testing.T) {
	words := map[string]string{"signin": "Sign in", "error": "Error", "error-unknown": "error", "signedout": "signed out", "signedout-frames": "signed out"}
	pages := testPages(t, Theme{})
	for _, tc := range testCases {
		if word := words[tc.name]; word != "" && !strings.Contains(readMarkup(t, show(t, pages, tc, "en").Body.String())[0].text, word) {
			t.Errorf("%s does not say %q", tc.name, word)
		}
	}
}

// TestAfterAnErrorThePasswordIsEmptyAndFocused is the sign-in page of UI.md: the username stays, the text
// says what to do and never which of the two was wrong.
func TestAfterAnErrorThePasswordIsEmptyAndFocused(t *testing.T) {
	pages := testPages(t, Theme{})
	for _, tc := range testCases {
		focus := map[string]string{
			"signin": "username", "signin-credentials": "password", "signin-missing": "username", "signin-missing-password": "password",
			"signin-throttled": "password", "signin-busy": "password", "signin-again": "password", "signin-other": "username",
		}[tc.name]
		if focus == "" {
			continue
		}
		alert, invalid := false, 0
		for _, e := range readMarkup(t, show(t, pages, tc, "en").Body.String()) {
			if e.name == "input" && e.has("autofocus") != (e.attr["name"] == focus) {
				t.Errorf("%s: the input %q: autofocus %v", tc.name, e.attr["name"], e.has("autofocus"))
			}
			if e.attr["name"] == "password" && e.attr["value"] != "" {
				t.Errorf("%s: the password is sent back", tc.name)
			}
			if e.attr["aria-invalid"] == "true" {
				invalid++
				if e.attr["aria-describedby"] == "" {
					t.Errorf("%s: the input %q does not say what is wrong", tc.name, e.attr["name"])
				}
			}
			alert = alert || e.attr["role"] == "alert"
		}
		if wantAlert := tc.status >= 400; alert != wantAlert {
			t.Errorf("%s: alert %v, want %v", tc.name, alert, wantAlert)
		}
		if tc.name == "signin-credentials" && invalid != 2 {
			t.Errorf("%d fields are marked: that tells which was wrong", invalid)
		}
	}
}
