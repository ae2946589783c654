package api

import (
	"log/slog"
	"net/http"
	"strings"

	"github.com/gin-gonic/gin"

	"keyturn/accounts"
	"keyturn/api/admin"
	"keyturn/api/oauth"
	"keyturn/api/tokenpair"
	"keyturn/issuer"
	domain "keyturn/issuer/oauth"
	"keyturn/keys"
)

// Server is everything that the public listener serves. Its fields are set once, before Handler.
type Server struct {
	Issuer   *issuer.Issuer
	Accounts *accounts.Service
	Keys     *keys.Ring
	Clients  *domain.Registry
	Log      *slog.Logger
	// Refusals takes the trace of who was refused by the admin API; nil keeps none.
	Refusals admin.Refusals
	// Metrics counts requests by route and status; nil counts nothing.
	Metrics Metrics
	// TrustedProxies are the addresses and networks whose X-Forwarded-For is believed; none by default.
	TrustedProxies []string
	// CORSOrigins may call the token-pair API from a browser; "*" stands for all. Never with credentials.
	CORSOrigins []string
}

// Handler builds the routes. It returns an error for a trusted proxy that is no address or network.
func (s *Server) Handler() (http.Handler, error) {
	gin.SetMode(gin.ReleaseMode)
	router := gin.New()
	router.RedirectTrailingSlash = false
	router.HandleMethodNotAllowed = true
	router.RemoteIPHeaders = []string{"X-Forwarded-For"}
	if err := router.SetTrustedProxies(s.TrustedProxies); err != nil {
		return nil, err
	}
	router.Use(s.observe, s.recoverPanic, securityHeaders)
	router.NoRoute(notFound)
	router.NoMethod(methodNotAllowed)
	return router, s.routes(router)
}

// routes is the table of contents of the public listener.
func (s *Server) routes(router *gin.Engine) error {
	metadata, err := oauth.NewMetadata(s.Issuer.Settings.Issuer)
	if err != nil {
		return err
	}
	getOrHead(router, "/.well-known/openid-configuration", metadata.OpenID)
	getOrHead(router, "/.well-known/oauth-authorization-server", metadata.OAuth)
	getOrHead(router, "/.well-known/jwks.json", oauth.KeySet{JWKS: s.Keys.JWKS}.Get)

	pairs := &tokenpair.Handlers{People: s.Accounts, Tokens: s.Issuer, Actor: actorOf}
	browsers := router.Group("", s.cors())
	for _, e := range pairs.Endpoints() {
		browsers.Any(e.Path, s.tokenPair(e.Handle))
		browsers.Any(strings.TrimSuffix(e.Path, "/"), s.tokenPair(e.Handle))
	}

	administration := &admin.Handlers{Accounts: s.Accounts, Issuer: s.Issuer, Keys: s.Keys, Clients: s.Clients, Actor: actorOf, Refusals: s.Refusals}
	for _, r := range administration.Routes() {
		router.Handle(r.Method, admin.Prefix+r.Path, s.admin(administration.Guard(r)))
	}
	return nil
}

func getOrHead(router *gin.Engine, path string, handler gin.HandlerFunc) {
	router.GET(path, handler)
	router.HEAD(path, handler)
}
