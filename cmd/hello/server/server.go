// Package server is the demo resource server: one protected greeting, written as anybody would write it
// with the verify library. It speaks the error dialect of djangorestframework-simplejwt, so that a
// front-end written for that one refreshes and retries here too.
package server

import (
	"cmp"
	"fmt"
	"net/http"
	"strings"

	"keyturn/verify"
)

// Config is what New needs. Issuer and Audience are required.
type Config struct {
	// Issuer is the URL of the identity provider, as its tokens name it.
	Issuer string
	// JWKSURL is where its keys are, if not where the issuer's own discovery says.
	JWKSURL string
	// Audience is this server's name in the tokens' aud.
	Audience string
	// CORSOrigins are the front-ends that may call from a browser, each as "https://app.example.com".
	CORSOrigins []string
	// Options are passed on to verify.New.
	Options []verify.Option
}

// New returns the server's handler. It fetches nothing: without keys it answers 503 until the issuer is there.
func New(cfg Config) (http.Handler, error) {
	opts := append([]verify.Option{
		verify.Audience(cfg.Audience),
		verify.OnError(refuse),
	}, cfg.Options...)
	if cfg.JWKSURL != "" {
		opts = append(opts, verify.JWKSURL(cfg.JWKSURL))
	}
	v, err := verify.New(cfg.Issuer, opts...)
	if err != nil {
		return nil, err
	}
	allow, err := newCORS(cfg.CORSOrigins)
	if err != nil {
		return nil, err
	}
	hello := v.Handler(http.HandlerFunc(hello))
	mux := http.NewServeMux()
	mux.Handle("/api/hello", hello)
	mux.Handle("/api/hello/{$}", hello)
	mux.HandleFunc("GET /healthz", healthz)
	mux.HandleFunc("/", notFound)
	return allow.handler(mux), nil
}

// hello greets the person whom the token stands for. The token is good when this runs; what is left is
// to ask whom it means.
func hello(w http.ResponseWriter, r *http.Request) {
	token, ok := verify.FromContext(r.Context())
	if !ok || token.UserID == "" { // a service's own token, for one
		unauthorized(w, map[string]any{
			"detail": "Token contained no recognizable user identification", "code": "token_not_valid",
		})
		return
	}
	w.Header().Set("Allow", "GET, HEAD, OPTIONS")
	switch r.Method {
	case http.MethodGet, http.MethodHead:
		writeJSON(w, http.StatusOK, map[string]any{"msg": "Hello " + name(token)})
	case http.MethodOptions:
		w.WriteHeader(http.StatusNoContent)
	default:
		writeJSON(w, http.StatusMethodNotAllowed, detail(fmt.Sprintf("Method %q not allowed.", r.Method)))
	}
}

// name is what to call the person.
func name(t *verify.Token) string {
	full := strings.TrimSpace(t.GivenName + " " + t.FamilyName)
	return cmp.Or(full, t.PreferredUsername, t.Subject)
}

func healthz(w http.ResponseWriter, _ *http.Request) {
	writeJSON(w, http.StatusOK, map[string]any{"status": "ok"})
}

func notFound(w http.ResponseWriter, _ *http.Request) {
	writeJSON(w, http.StatusNotFound, detail("Not found."))
}
