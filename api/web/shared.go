package web

import (
	"errors"
	"html/template"
	"io/fs"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"keyturn/accounts"
)

// What this file exports is for packages with pages of their own that look and speak as these do (api/web/console).

// Texts are the texts of one language.
type Texts struct{ all catalogue }

// ReadTexts reads the files texts/TAG.json of a package, in the order of Locales. Times and devices are told in the
// words of this package.
func ReadTexts(files fs.FS) ([]Texts, error) {
	common, err := readCatalogues(textFiles)
	if err != nil {
		return nil, err
	}
	own, err := readCatalogues(files)
	if err != nil {
		return nil, err
	}
	var all []Texts
	for n, c := range own {
		for key, text := range common[n].ByKey {
			if strings.HasPrefix(key, "time.") || strings.HasPrefix(key, "month.") || strings.HasPrefix(key, "device.") {
				c.ByKey[key] = text
			}
		}
		all = append(all, Texts{c})
	}
	return all, nil
}

// Language is the BCP 47 tag.
func (t Texts) Language() string { return t.all.Language }

// Text is the text of a key with its placeholders filled in from pairs of name and value, which are escaped.
func (t Texts) Text(key string, pairs ...any) (template.HTML, error) {
	return t.all.text(key, pairs...)
}

// Moment is a time that was, in words, exactly on hover (in UTC) and in the markup.
func (t Texts) Moment(then, now time.Time) (template.HTML, error) {
	return t.all.moment(then, now.UTC())
}

// Exact is a time to the minute, in UTC.
func (t Texts) Exact(then time.Time) (template.HTML, error) { return t.all.exact(then.UTC()) }

// Count is the text for a number of things.
func (t Texts) Count(key string, n int64) (template.HTML, error) { return t.all.count(key, n) }

// Device names a browser and its system by its User-Agent header.
func (t Texts) Device(userAgent string) (template.HTML, error) { return t.all.device(userAgent) }

// Wait says how long something takes, never less than it is.
func (t Texts) Wait(d time.Duration) (template.HTML, error) { return t.all.wait(d) }

// Funcs are what templates say things with.
func (t Texts) Funcs() template.FuncMap {
	return template.FuncMap{
		"t": t.all.text, "count": t.all.count, "wait": t.all.wait, "moment": t.Moment, "exact": t.Exact,
		"device": t.all.device, "strong": strongName, "code": codeText, "link": webLink,
	}
}

// LanguageOf is the index in Locales of the language of whoever is signed in, or that the request asks for.
func (p *Pages) LanguageOf(c *gin.Context) int {
	return p.language(Look{Locale: readerOf(c).locale, AcceptLanguage: c.GetHeader("Accept-Language")})
}

// Team is the name of the team, and LogoPath where its logo is served; empty for none.
func (p *Pages) Team() string { return p.theme.Name }

// LogoPath is where the logo of the theme is served, empty where there is none.
func (p *Pages) LogoPath() string { return p.assets.logo }

// IconPath is where the icon of the pages is served.
func (p *Pages) IconPath() string { return p.assets.icon }

// Host is that of the issuer.
func (p *Pages) Host() string { return p.host }

// Stylesheet is a stylesheet upon the foundations that all pages share, in the colours of the theme.
func (p *Pages) Stylesheet(own []byte) ([]byte, error) { return stylesheet(p.theme, own) }

// SetScriptedPolicy sets the headers of a page whose own script may fetch from where it comes from.
func SetScriptedPolicy(h http.Header) { pagePolicy{script: true, connect: true}.set(h) }

// SignedIn is who is signed in in the browser, for whom the pages of the request are from now on;
// accounts.ErrNotSignedIn where nobody is.
func (h *Handlers) SignedIn(c *gin.Context) (accounts.Authentication, error) {
	who, err := h.Browsers.Resume(c.Request.Context(), h.Cookies.get(c, sessionCookie))
	if err != nil {
		return accounts.Authentication{}, err
	}
	user, err := h.People.Get(c.Request.Context(), who.UserID())
	if err != nil {
		return accounts.Authentication{}, err
	}
	reads(c, user)
	return who, nil
}

// Again shows the sign-in page to whoever is signed in, which leads back to where they are, and keeps for them what they
// typed there, which must hold no secret. Kept has it then.
func (h *Handlers) Again(c *gin.Context, who accounts.Authentication, typed url.Values) error {
	user, err := h.People.Get(c.Request.Context(), who.UserID())
	if err != nil {
		return err
	}
	h.keep(c, who, c.Request.URL.RequestURI(), typed)
	h.accountSignIn(c, http.StatusOK, c.Request.URL.RequestURI(), user.Username, Problem{Kind: ProblemAgain})
	return nil
}

// Kept is what Again kept for the page of the request, which is forgotten with that; nil for nothing.
func (h *Handlers) Kept(c *gin.Context, who accounts.Authentication) url.Values {
	return h.kept(c, who, c.Request.URL.RequestURI())
}

// OwnForm reads a form of a page of this site; oauth.ErrCrossSite where another site sent it.
func (h *Handlers) OwnForm(c *gin.Context) (url.Values, error) { return h.ownForm(c) }

// ToSignIn leads to the sign-in page, and from there back to path.
func ToSignIn(c *gin.Context, path string) {
	seeOther(c, AccountPath+"?next="+url.QueryEscape(path))
}

// errElsewhere says that a place to go on to is not one of ours.
var errElsewhere = errors.New("web: not a place of ours")

// ownPlace is the path of a page of ours that somebody may go on to after they signed in. Whoever made the link
// chooses it: it must not lead to another site, and not to what only forms may do.
func ownPlace(next string) (string, error) {
	u, err := url.Parse(next)
	switch {
	case err != nil, u.Scheme != "", u.Host != "", u.User != nil, u.Opaque != "":
		return "", errElsewhere
	case strings.ContainsAny(next, "\\\t\r\n") || strings.HasPrefix(next, "//"):
		return "", errElsewhere
	}
	for _, place := range []string{AccountPath, ConsolePath} {
		if u.Path == place || strings.HasPrefix(u.Path, place+"/") {
			return u.RequestURI(), nil
		}
	}
	return "", errElsewhere
}

// ConsolePath is where the console lives.
const ConsolePath = "/admin"
