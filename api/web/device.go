package web

import (
	"html/template"
	"strings"
)

// deviceMark is what a User-Agent header holds, and the name that people know it by.
type deviceMark struct{ mark, name string }

// The first mark that is found decides: most browsers also carry the marks of those below them.
var (
	browserMarks = []deviceMark{
		{"Edg", "Edge"}, {"OPR/", "Opera"}, {"SamsungBrowser/", "Samsung Internet"}, {"Firefox/", "Firefox"}, {"FxiOS/", "Firefox"},
		{"CriOS/", "Chrome"}, {"Chrome/", "Chrome"}, {"Safari/", "Safari"},
	}
	systemMarks = []deviceMark{
		{"Android", "Android"}, {"iPhone", "iPhone"}, {"iPad", "iPad"}, {"Windows", "Windows"}, {"Macintosh", "Mac"}, {"CrOS", "ChromeOS"},
		{"Linux", "Linux"},
	}
)

// device names a browser and its system. It believes the User-Agent header: that is how people recognize
// their own devices, and it decides nothing.
func (c catalogue) device(userAgent string) (template.HTML, error) {
	if userAgent == "" {
		return c.text("device.unknown")
	}
	if !isBrowser(userAgent) {
		return template.HTML("<bdi>" + template.HTMLEscapeString(userAgent) + "</bdi>"), nil
	}
	browser, system := firstMark(browserMarks, userAgent), firstMark(systemMarks, userAgent)
	switch {
	case browser == "" && system == "":
		return c.text("device.unknown")
	case browser == "" || system == "":
		return template.HTML(browser + system), nil
	}
	return c.text("device.on", "browser", browser, "system", system)
}

// DeviceName is what the pages call a device, as English text; the User-Agent header itself where they would not
// know it.
func DeviceName(userAgent string) string {
	if !isBrowser(userAgent) {
		return userAgent
	}
	browser, system := firstMark(browserMarks, userAgent), firstMark(systemMarks, userAgent)
	switch {
	case browser == "" && system == "":
		return userAgent
	case browser == "" || system == "":
		return browser + system
	}
	return browser + " on " + system
}

func isBrowser(userAgent string) bool { return strings.HasPrefix(userAgent, "Mozilla/") }

func firstMark(marks []deviceMark, userAgent string) string {
	for _, m := range marks {
		if strings.Contains(userAgent, m.mark) {
			return m.name
		}
	}
	return ""
}
