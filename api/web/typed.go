package web

import (
	"encoding/base64"
	"net/url"
	"strings"

	"github.com/gin-gonic/gin"

	"keyturn/accounts"
	"keyturn/keys"
)

// typedCookie keeps what somebody typed into a form while they sign in again for it, until the page comes again. It is a
// cookie and not a part of the address, which others could make: the form would come with their values.
const typedCookie = "keyturn_typed"

// typedNames are the fields that are kept. None is a secret.
var typedNames = []string{"email", "given_name", "family_name", "nickname", "locale", "zoneinfo", "name"}

// maxTyped bounds what is kept, in bytes.
const maxTyped = 2000

const formKey = "keyturn/api/web.form"

// keepTyped keeps what the form of this request holds for the page at path, for the person alone.
func (h *Handlers) keepTyped(c *gin.Context, who accounts.Authentication, path string) {
	form, _ := c.Value(formKey).(url.Values)
	kept := url.Values{}
	for _, name := range typedNames {
		if text := form.Get(name); text != "" {
			kept.Set(name, text)
		}
	}
	h.keep(c, who, path, kept)
}

// keep keeps what somebody typed for a page of theirs, in the browser alone.
func (h *Handlers) keep(c *gin.Context, who accounts.Authentication, page string, typed url.Values) {
	text := whose(who, page) + typed.Encode()
	if len(typed) > 0 && len(text) <= maxTyped {
		h.Cookies.set(c, typedCookie, keys.SecretOf(base64.RawURLEncoding.EncodeToString([]byte(text))))
	}
}

// whose begins what is kept: it is for one person, at one page.
func whose(who accounts.Authentication, page string) string { return who.UserID() + page + "\n" }

// typed is what was kept for this page, which forgets it. It has no values where nothing was.
func (h *Handlers) typed(c *gin.Context, who accounts.Authentication) url.Values {
	return h.kept(c, who, c.Request.URL.Path)
}

func (h *Handlers) kept(c *gin.Context, who accounts.Authentication, page string) url.Values {
	kept := h.Cookies.get(c, typedCookie).Reveal()
	if kept == "" {
		return nil
	}
	h.Cookies.clear(c, typedCookie)
	text, err := base64.RawURLEncoding.DecodeString(kept)
	query, ours := strings.CutPrefix(string(text), whose(who, page))
	if err != nil || !ours {
		return nil
	}
	values, err := url.ParseQuery(query)
	if err != nil {
		return nil
	}
	return values
}

// fill sets the fields of a form to what was typed before.
func (v *Step) fill(typed url.Values) {
	for i := range v.Fields {
		if f := &v.Fields[i]; f.Type != "password" && !f.ReadOnly && typed.Has(f.Name) {
			f.Value = typed.Get(f.Name)
		}
	}
}
