package fetch

import (
	"net/http"
	"strconv"
	"strings"
	"time"
)

// maxAge is the freshness of an answer (RFC 9111 section 4.2.1): max-age less Age, else Expires less Date;
// 0 where neither stands there, or where it must not be kept.
func maxAge(h http.Header) time.Duration {
	fresh, said := time.Duration(0), false
	for directive := range strings.SplitSeq(strings.Join(h.Values("Cache-Control"), ","), ",") {
		name, value, _ := strings.Cut(strings.ToLower(strings.TrimSpace(directive)), "=")
		switch name {
		case "no-cache", "no-store":
			return 0
		case "max-age":
			n, ok := wholeSeconds(strings.Trim(value, `"`))
			if !ok || said {
				return 0 // unreadable, or twice: stale (RFC 9111 section 4.2.1)
			}
			fresh, said = n, true
		}
	}
	if !said {
		fresh = untilExpires(h)
	}
	if age, ok := wholeSeconds(h.Get("Age")); ok {
		fresh -= age
	}
	return max(fresh, 0)
}

func untilExpires(h http.Header) time.Duration {
	expires, err := http.ParseTime(h.Get("Expires"))
	if err != nil {
		return 0
	}
	date, err := http.ParseTime(h.Get("Date"))
	if err != nil {
		return 0
	}
	return max(expires.Sub(date), 0)
}

func wholeSeconds(text string) (time.Duration, bool) {
	n, err := strconv.ParseUint(text, 10, 31)
	return time.Duration(n) * time.Second, err == nil
}
