package oauth

import (
	"net/http"
	"strconv"
	"strings"

	"github.com/gin-gonic/gin"

	"keyturn/keys"
)

// KeySet serves the JWKS (RFC 7517 section 5) from memory, whatever the database does. The answer never
// is an error.
type KeySet struct {
	JWKS func() keys.JWKS
}

// Get answers GET and HEAD, with 304 for a client that has the set already (RFC 9110 section 13.1.2).
func (k KeySet) Get(c *gin.Context) {
	set := k.JWKS()
	header := c.Writer.Header()
	header.Set("Cache-Control", "public, max-age="+strconv.Itoa(int(set.MaxAge.Seconds())))
	header.Set("Etag", set.ETag)
	header.Set("Access-Control-Allow-Origin", "*")
	if matches(c.GetHeader("If-None-Match"), set.ETag) {
		c.Status(http.StatusNotModified)
		c.Writer.WriteHeaderNow()
		return
	}
	header.Set("Content-Length", strconv.Itoa(len(set.Body)))
	c.Data(http.StatusOK, "application/json", set.Body)
}

// matches is the weak comparison that If-None-Match asks for.
func matches(header, etag string) bool {
	for candidate := range strings.SplitSeq(header, ",") {
		candidate = strings.TrimPrefix(strings.TrimSpace(candidate), "W/")
		if candidate == etag || candidate == "*" {
			return true
		}
	}
	return false
}
