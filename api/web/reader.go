package web

import (
	"time"

	"github.com/gin-gonic/gin"

	"keyturn/accounts"
)

// reader is who reads the pages of a request, as far as it is known: what their profile says of how they read. The zero
// value is anybody.
type reader struct {
	// locale is a BCP 47 tag, empty for the browser's choice.
	locale string
	// zone is nil for UTC.
	zone *time.Location
}

const readerKey = "keyturn/api/web.reader"

// reads notes that the pages of a request are for somebody. A zone that this machine does not know is UTC: the page says
// which one it tells times in.
func reads(c *gin.Context, u accounts.User) {
	r := reader{locale: u.Claims.Locale}
	if zone, err := time.LoadLocation(u.Claims.Zoneinfo); err == nil {
		r.zone = zone
	}
	c.Set(readerKey, r)
}

func readerOf(c *gin.Context) reader {
	r, _ := c.Value(readerKey).(reader)
	return r
}

// in is a time as the reader's clock shows it.
func (r reader) in(t time.Time) time.Time {
	if r.zone == nil {
		return t.UTC()
	}
	return t.In(r.zone)
}
