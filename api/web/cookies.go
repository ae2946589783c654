package web

import (
	"net/http"

	"github.com/gin-gonic/gin"

	"keyturn/issuer/oauth"
	"keyturn/keys"
)

// Cookies are those that a browser gets. They die with the browser's own session; how long a sign-in
// lasts is for the server to say.
type Cookies struct {
	// Secure is false only for an issuer on loopback without TLS. Where it is true the names have the prefix
	// __Host-, so that no other host of the domain can plant one (RFC 6265bis section 4.1.3.2).
	Secure bool
}

const (
	sessionCookie = "keyturn_session" // who is signed in
	browserCookie = "keyturn_browser" // binds interactions to the browser that began them
	pendingCookie = "keyturn_pending" // whose password was right, and whose second factor is missing; opens nothing
)

func (k Cookies) name(name string) string {
	if k.Secure {
		return "__Host-" + name
	}
	return name
}

func (k Cookies) get(c *gin.Context, name string) keys.Secret {
	cookie, err := c.Request.Cookie(k.name(name))
	if err != nil {
		return keys.Secret{}
	}
	return keys.SecretOf(cookie.Value)
}

// set sends a cookie that scripts can't read and other sites' forms don't carry. Lax, not Strict: a client
// sends people here by a link.
func (k Cookies) set(c *gin.Context, name string, value keys.Secret) {
	http.SetCookie(c.Writer, &http.Cookie{
		Name: k.name(name), Value: value.Reveal(), Path: "/", HttpOnly: true, Secure: k.Secure, SameSite: http.SameSiteLaxMode,
	})
}

func (k Cookies) clear(c *gin.Context, name string) {
	http.SetCookie(c.Writer, &http.Cookie{
		Name: k.name(name), Path: "/", HttpOnly: true, Secure: k.Secure, SameSite: http.SameSiteLaxMode, MaxAge: -1,
	})
}

// visit is what the browser shows of itself.
func (h *Handlers) visit(c *gin.Context) oauth.Visit {
	return oauth.Visit{
		Session: h.Cookies.get(c, sessionCookie), Browser: h.Cookies.get(c, browserCookie), Actor: h.Actor(c),
	}
}
