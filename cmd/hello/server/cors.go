package server

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
)

// cors holds the origins that may read the answers from a browser, compared byte by byte. Tokens travel
// in a header and not in cookies, so credentials are never allowed.
type cors []string

func newCORS(origins []string) (cors, error) {
	for _, origin := range origins {
		u, err := url.Parse(origin)
		if err != nil || u.Host == "" || u.Scheme+"://"+u.Host != origin {
			return nil, fmt.Errorf("CORS origin %q is not scheme://host[:port]", origin)
		}
	}
	return cors(origins), nil
}

// handler stands before everything else: a preflight brings no token, and a front-end must be able to
// read errors too.
func (c cors) handler(next http.Handler) http.Handler {
	if len(c) == 0 {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Add("Vary", "Origin")
		origin := r.Header.Get("Origin")
		if !slices.Contains(c, origin) {
			next.ServeHTTP(w, r)
			return
		}
		w.Header().Set("Access-Control-Allow-Origin", origin)
		w.Header().Set("Access-Control-Expose-Headers", "Retry-After, WWW-Authenticate")
		if r.Method == http.MethodOptions && r.Header.Get("Access-Control-Request-Method") != "" {
			w.Header().Set("Access-Control-Allow-Methods", "GET, HEAD, OPTIONS")
			w.Header().Set("Access-Control-Allow-Headers", "authorization, content-type")
			w.Header().Set("Access-Control-Max-Age", "600")
			w.WriteHeader(http.StatusNoContent)
			return
		}
		next.ServeHTTP(w, r)
	})
}
