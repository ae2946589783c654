package web

import (
	"github.com/gin-gonic/gin"

	"keyturn/issuer/oauth"
)

// InteractionPath is below which the pages of an interaction stand.
const InteractionPath = "/interaction/"

// Authorize is the authorization endpoint by GET (RFC 6749 section 3.1).
func (h *Handlers) Authorize(c *gin.Context) error {
	params, err := ReadQuery(c.Request)
	if err != nil {
		return err
	}
	stop, err := h.Provider.Authorize(c.Request.Context(), params, h.visit(c), true)
	if err != nil {
		return err
	}
	return h.begin(c, stop)
}

// maxHandedOn bounds the query that a posted request goes on with.
const maxHandedOn = 16 << 10

// AuthorizeByForm is the endpoint by POST (OIDC Core section 3.1.2.1). A form may come from any site, with
// which browsers send no Lax cookie; so the request goes on by GET, with which they do. One that is too long
// for a URL goes on at an interaction's page.
func (h *Handlers) AuthorizeByForm(c *gin.Context) error {
	params, err := readForm(c.Request)
	if err != nil {
		return err
	}
	if query := params.Encode(); len(query) <= maxHandedOn {
		seeOther(c, c.Request.URL.Path+"?"+query)
		return nil
	}
	stop, err := h.Provider.Authorize(c.Request.Context(), params, h.visit(c), false)
	if err != nil {
		return err
	}
	return h.begin(c, stop)
}

func (h *Handlers) begin(c *gin.Context, stop *oauth.Stop) error {
	if done, ok := stop.Next.(oauth.Return); ok {
		h.Answer(c, done.Answer)
		return nil
	}
	h.Cookies.set(c, browserCookie, stop.Browser)
	seeOther(c, InteractionPath+stop.ID.Reveal())
	return nil
}
