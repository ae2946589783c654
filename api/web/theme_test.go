package web

import (
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// customProperties reads the custom properties of the stylesheet: those of light, and those of dark over them.
func customProperties(t *testing.T) (light, dark map[string]string) {
	t.Helper()
	file, err := assetFiles.ReadFile("assets/foundations.css")
	if err != nil {
		t.Fatal(err)
	}
	blocks := regexp.MustCompile(`(?s):root \{(.*?)\}`).FindAllStringSubmatch(string(file), 2)
	if len(blocks) != 2 {
		t.Fatal("the stylesheet does not begin with the properties of light and of dark")
	}
	read := func(block string) map[string]string {
		properties := map[string]string{}
		for _, m := range regexp.MustCompile(`--([a-z-]+):\s*(#[0-9a-f]{6});`).FindAllStringSubmatch(block, -1) {
			properties[m[1]] = m[2]
		}
		return properties
	}
	light = read(blocks[0][1])
	dark = maps.Clone(light)
	maps.Copy(dark, read(blocks[1][1]))
	return light, dark
}

// TestStylesheetHasTheContrastsOfTheDesign computes WCAG 2.2 sections 1.4.3 and 1.4.11 for every pair that UI.md names.
func TestStylesheetHasTheContrastsOfTheDesign(t *testing.T) {
	light, dark := customProperties(t)
	for name, colours := range map[string]map[string]string{"light": light, "dark": dark} {
		for _, pair := range []struct {
			over, ground string
			least        float64
		}{
			{"ink", "paper", 7}, {"ink", "wash", 7},
			{"muted", "paper", 4.5}, {"muted", "wash", 4.5},
			{"accent", "paper", 4.5}, {"accent", "wash", 4.5}, {"on-accent", "accent", 4.5},
			{"danger", "paper", 4.5}, {"danger", "wash", 4.5}, {"ok", "paper", 4.5}, {"ok", "wash", 4.5}, {"warn", "paper", 4.5},
			{"paper", "danger", 4.5}, {"paper", "ok", 4.5}, {"paper", "muted", 4.5}, // the marks of notices
			{"edge", "paper", 3},
		} {
			over, ground := colours[pair.over], colours[pair.ground]
			if over == "" || ground == "" {
				t.Fatalf("%s: no --%s or --%s", name, pair.over, pair.ground)
			}
			if got := contrast(mustColour(over), mustColour(ground)); got < pair.least {
				t.Errorf("%s: %s on %s is %.2f, want %.1f", name, pair.over, pair.ground, got, pair.least)
			}
		}
	}
	for name, pair := range map[string][2]string{
		"light paper": {light["paper"], paperLight}, "light accent": {light["accent"], accentLight}, "light on-accent": {light["on-accent"], onAccentLight},
		"dark paper": {dark["paper"], paperDark}, "dark accent": {dark["accent"], accentDark}, "dark on-accent": {dark["on-accent"], onAccentDark},
	} {
		if pair[0] != pair[1] {
			t.Errorf("%s is %s in the stylesheet and %s in Theme.Check", name, pair[0], pair[1])
		}
	}
}

// TestContrast has the values of WCAG 2.2's own definition at its ends, and one between.
func TestContrast(t *testing.T) {
	for _, pair := range []struct {
		a, b        string
		least, most float64
	}{
		{"#000000", "#ffffff", 21, 21}, {"#ffffff", "#ffffff", 1, 1}, {"#767676", "#ffffff", 4.54, 4.55}, {"#777777", "#ffffff", 4.47, 4.48},
	} {
		if got := contrast(mustColour(pair.a), mustColour(pair.b)); got < pair.least-1e-9 || got > pair.most+1e-9 {
			t.Errorf("%s on %s: %.3f", pair.a, pair.b, got)
		}
	}
}

func TestThemeIsRefusedWithTheReason(t *testing.T) {
	for _, c := range []struct {
		theme Theme
		want  string // empty: accepted
	}{
		{Theme{}, ""},
		{Theme{Name: "Acme", Accent: "#7a1fa2", AccentDark: "#d9a6f2"}, ""},
		{Theme{Accent: "#7A1FA2"}, ""},
		{Theme{Accent: "#767676"}, ""},
		{Theme{Accent: "#777777"}, "the accent #777777 has a contrast of 4.4 on #ffffff; text needs 4.5"},
		{Theme{Accent: "#ffd54a"}, "the accent #ffd54a has a contrast of 1.4 on #ffffff; text needs 4.5"},
		{Theme{AccentDark: "#1f5fbf"}, "the dark accent #1f5fbf has a contrast of 3.0 on #11151b; text needs 4.5"},
		{Theme{AccentDark: "#ff0000"}, ""},
		{Theme{Accent: "blue"}, `the accent "blue" is not a colour like #1f5fbf`},
		{Theme{Accent: "#fff"}, `the accent "#fff" is not a colour like #1f5fbf`},
		{Theme{Accent: "#+fffff"}, `the accent "#+fffff" is not a colour like #1f5fbf`},
		{Theme{Accent: "#1_5fbf"}, `the accent "#1_5fbf" is not a colour like #1f5fbf`},
		{Theme{Accent: "#1f5fb;"}, `the accent "#1f5fb;" is not a colour like #1f5fbf`},
		{Theme{Logo: []byte("GIF89a"), LogoType: "image/gif"}, `the logo's type "image/gif" is none of image/svg+xml, image/png, image/jpeg, image/webp`},
		{Theme{Logo: []byte("<svg/>"), LogoType: "image/svg+xml"}, ""},
		{Theme{Logo: make([]byte, 256<<10), LogoType: "image/png"}, ""},
		{Theme{Logo: make([]byte, 256<<10+1), LogoType: "image/png"}, "the logo has 262145 bytes; at most 262144 are allowed"},
	} {
		got := ""
		if err := c.theme.Check(); err != nil {
			got = err.Error()
		}
		if got != c.want {
			t.Errorf("%+v:\ngot  %q\nwant %q", Theme{Accent: c.theme.Accent, AccentDark: c.theme.AccentDark, LogoType: c.theme.LogoType}, got, c.want)
		}
		if _, err := NewPages(c.theme, "https://id.example.com"); (err != nil) != (c.want != "") {
			t.Errorf("NewPages: %v, Check: %q", err, c.want)
		}
	}
	if err := (Theme{Accent: "#ffffff", AccentDark: "#000000", LogoType: "x", Logo: []byte{1}}).Check(); strings.Count(err.Error(), "\n") != 2 {
		t.Errorf("not every problem is told: %v", err)
	}
}

func TestPagesRefuseAnIssuerWithoutHost(t *testing.T) {
	for _, issuer := range []string{"", "id.example.com", "https://", "%"} {
		if _, err := NewPages(Theme{}, issuer); err == nil {
			t.Errorf("%q is taken", issuer)
		}
	}
}

// TestThemeIsShown looks for the team's name, logo and accents where they belong.
func TestThemeIsShown(t *testing.T) {
	pages := testPages(t, Theme{Name: "Acme & Sons", Accent: "#7a1fa2", Logo: []byte("<svg xmlns='http://www.w3.org/2000/svg'/>"), LogoType: "image/svg+xml"})
	all := readMarkup(t, show(t, pages, testCases[0], "en").Body.String())
	if got, want := named(all, "title")[0].text, "Sign in – Acme & Sons"; got != want {
		t.Errorf("title %q, want %q", got, want)
	}
	logo := named(all, "img")[0]
	if logo.attr["src"] != pages.assets.logo || logo.attr["alt"] != "Acme & Sons" {
		t.Errorf("logo %v", logo.attr)
	}
	assets := pages.Assets()
	n := slices.IndexFunc(assets, func(a Asset) bool { return a.Path == pages.assets.style })
	if style := string(assets[n].Body); !strings.HasSuffix(style, "\n:root { --accent: #7a1fa2 }\n@media (prefers-color-scheme: dark) { :root { --accent: #8ab6ff } }\n") {
		t.Errorf("the stylesheet ends in %q", style[len(style)-150:])
	}
	if plain := testPages(t, Theme{}); plain.assets.style == pages.assets.style || plain.assets.logo != "" {
		t.Errorf("without a theme: %+v", plain.assets)
	}
}
