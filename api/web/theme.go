package web

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
)

// Theme is the operator's look.
type Theme struct {
	// Name is the team's, "Keyturn" where it is empty.
	Name string
	// Logo is shown instead of the name, LogoType its media type; nil for none.
	Logo     []byte
	LogoType string
	// Accent and AccentDark are the one colour of buttons, links and focus as "#rrggbb"; empty for the defaults.
	Accent, AccentDark string
}

// The colours of the stylesheet that an accent has to stand beside.
const (
	paperLight, onAccentLight, accentLight = "#ffffff", "#ffffff", "#1f5fbf"
	paperDark, onAccentDark, accentDark    = "#11151b", "#0c1420", "#8ab6ff"
)

// minContrast is that of text on its ground (WCAG 2.2, 1.4.3).
const minContrast = 4.5

// maxLogo is 256 kB.
const maxLogo = 256 << 10

// logoEndings are the media types that a logo may have, and how its path ends.
var logoEndings = map[string]string{"image/svg+xml": "svg", "image/png": "png", "image/jpeg": "jpg", "image/webp": "webp"}

// Check refuses an accent that people could not read, and a logo that browsers would not show, with the reason.
func (t Theme) Check() error {
	d := t.withDefaults()
	return errors.Join(
		checkAccent("accent", d.Accent, paperLight, onAccentLight),
		checkAccent("dark accent", d.AccentDark, paperDark, onAccentDark),
		t.checkLogo(),
	)
}

func (t Theme) withDefaults() Theme {
	t.Name = cmp.Or(t.Name, "Keyturn")
	t.Accent = cmp.Or(t.Accent, accentLight)
	t.AccentDark = cmp.Or(t.AccentDark, accentDark)
	return t
}

func (t Theme) checkLogo() error {
	if t.Logo == nil {
		return nil
	}
	if len(t.Logo) > maxLogo {
		return fmt.Errorf("the logo has %d bytes; at most %d are allowed", len(t.Logo), maxLogo)
	}
	if _, known := logoEndings[t.LogoType]; !known {
		return fmt.Errorf("the logo's type %q is none of image/svg+xml, image/png, image/jpeg, image/webp", t.LogoType)
	}
	return nil
}

func checkAccent(name, accent, paper, onAccent string) error {
	colour, err := parseColour(accent)
	if err != nil {
		return fmt.Errorf("the %s %q is not a colour like #1f5fbf", name, accent)
	}
	if got := contrast(colour, mustColour(paper)); got < minContrast {
		return fmt.Errorf("the %s %s has a contrast of %.1f on %s; text needs %.1f", name, accent, floor1(got), paper, minContrast)
	}
	if got := contrast(colour, mustColour(onAccent)); got < minContrast {
		return fmt.Errorf("%s on the %s %s has a contrast of %.1f; text needs %.1f", onAccent, name, accent, floor1(got), minContrast)
	}
	return nil
}

// floor1 keeps 4.46 from being told as 4.5.
func floor1(n float64) float64 { return math.Floor(n*10) / 10 }

type colour struct{ red, green, blue float64 }

var errColour = errors.New("no colour")

// parseColour reads #rrggbb and nothing else, so that what is written into the stylesheet is a colour.
func parseColour(text string) (colour, error) {
	if len(text) != 7 || text[0] != '#' || slices.Contains([]byte{'+', '-'}, text[1]) {
		return colour{}, errColour
	}
	n, err := strconv.ParseUint(text[1:], 16, 32)
	if err != nil {
		return colour{}, errColour
	}
	return colour{float64(n >> 16 & 255), float64(n >> 8 & 255), float64(n & 255)}, nil
}

func mustColour(text string) colour {
	c, err := parseColour(text)
	if err != nil {
		panic(err)
	}
	return c
}

// luminance is the relative luminance of WCAG 2.2.
func (c colour) luminance() float64 {
	linear := func(channel float64) float64 {
		channel /= 255
		if channel <= 0.04045 {
			return channel / 12.92
		}
		return math.Pow((channel+0.055)/1.055, 2.4)
	}
	return 0.2126*linear(c.red) + 0.7152*linear(c.green) + 0.0722*linear(c.blue)
}

// contrast is the contrast ratio of WCAG 2.2, 1 to 21.
func contrast(a, b colour) float64 {
	la, lb := a.luminance(), b.luminance()
	return (max(la, lb) + 0.05) / (min(la, lb) + 0.05)
}
