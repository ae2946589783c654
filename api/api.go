package api

import (
	"fmt"
	"log/slog"
	"net/http"
	"strings"

	"github.com/gin-gonic/gin"

	"keyturn/accounts"
	"keyturn/api/admin"
	clients "keyturn/api/oauth"
	"keyturn/api/openapi"
	"keyturn/api/tokenpair"
	"keyturn/api/web"
	"keyturn/api/web/console"
	"keyturn/audit"
	"keyturn/issuer"
	"keyturn/issuer/oauth"
	"keyturn/keys"
)

// Server is everything that the public listener serves. Its fields are set once, before Handler.
type Server struct {
	Issuer   *issuer.Issuer
	Accounts *accounts.Service
	Groups   *accounts.Groups
	Keys     *keys.Ring
	// Provider answers OAuth clients and the browsers in front of them.
	Provider *oauth.Provider
	Pages    *web.Pages
	// SelfService is what people do to accounts of their own; nil offers nothing.
	SelfService *accounts.SelfService
	// Operations are what the program tells the console of itself.
	Operations console.Operations
	// Letters are those of the queue of mail; nil where there is none.
	Letters admin.Letters
	// Audit shows the audit log to administrators.
	Audit *audit.Reader
	Log   *slog.Logger
	// Refusals takes the trace of who was refused by the admin API; nil keeps none.
	Refusals admin.Refusals
	// Metrics counts requests by route and status; nil counts nothing.
	Metrics Metrics
	// TrustedProxies are the addresses and networks whose X-Forwarded-For is believed; none by default.
	TrustedProxies []string
	// CORSOrigins may call the token-pair API from a browser; "*" stands for all. Never with credentials.
	CORSOrigins []string

	// secure tells that the issuer is https, so that nobody reaches it otherwise.
	secure bool
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
	s.secure = strings.HasPrefix(s.Issuer.Settings.Issuer, "https:")
	router.Use(s.observe, s.recoverPanic, s.securityHeaders)
	people, err := s.people()
	if err != nil {
		return nil, err
	}
	router.NoRoute(s.notFound(people))
	router.NoMethod(s.methodNotAllowed(people))
	return router, s.routes(router, people)
}

// people are the handlers of the pages.
func (s *Server) people() (*web.Handlers, error) {
	guard, err := s.guard()
	if err != nil {
		return nil, err
	}
	self := s.SelfService
	if self == nil {
		self = &accounts.SelfService{People: s.Accounts, Allow: accounts.Features{accounts.FeatureWays}}
	}
	return &web.Handlers{
		Self:     self,
		Provider: s.Provider, Client: s.Provider.Clients.Find, People: s.Accounts, Browsers: s.Provider.Browsers, Factors: s.Accounts.Factors, Pages: s.Pages,
		Cookies: web.Cookies{Secure: s.secure}, Guard: guard,
		Actor: actorOf, RequestID: requestID, Now: s.Provider.Now,
	}, nil
}

// guard refuses forms of other sites than the issuer's. Its error is that the issuer is no origin.
func (s *Server) guard() (*http.CrossOriginProtection, error) {
	guard := http.NewCrossOriginProtection()
	if err := guard.AddTrustedOrigin(s.Issuer.Settings.Issuer); err != nil {
		return nil, fmt.Errorf("issuer: %w", err)
	}
	return guard, nil
}

// routes is the table of contents of the public listener.
func (s *Server) routes(router *gin.Engine, people *web.Handlers) error {
	metadata, err := clients.NewMetadata(s.Issuer.Settings.Issuer, web.Locales())
	if err != nil {
		return err
	}
	getOrHead(router, "/.well-known/openid-configuration", metadata.Get)
	getOrHead(router, "/.well-known/oauth-authorization-server", metadata.Get)
	getOrHead(router, "/.well-known/jwks.json", clients.KeySet{JWKS: s.Keys.JWKS}.Get)

	s.programRoutes(router)
	s.peopleRoutes(router, people)
	if err := s.consoleRoutes(router, people); err != nil {
		return err
	}

	pairs := &tokenpair.Handlers{People: s.Accounts, Tokens: s.Issuer, Actor: actorOf}
	browsers := router.Group("", s.cors())
	for _, e := range pairs.Endpoints() {
		browsers.Any(e.Path, s.tokenPair(e.Handle))
		browsers.Any(strings.TrimSuffix(e.Path, "/"), s.tokenPair(e.Handle))
	}

	if err := describe(router, tokenpair.Prefix, tokenpair.Description, s.Issuer.Settings.Issuer); err != nil {
		return err
	}

	administration := &admin.Handlers{SelfService: s.SelfService, Accounts: s.Accounts, Factors: s.Accounts.Factors, Groups: s.Groups, Browsers: s.Provider.Browsers, Issuer: s.Issuer, Keys: s.Keys, Clients: s.Provider.Clients, Actor: actorOf, Refusals: s.Refusals, Apps: s.Provider, Letters: s.Letters, Operations: s.Operations}
	administration.Link = web.LinkAt(s.Issuer.Settings.Issuer)
	administration.Audit = s.Audit
	for _, r := range administration.Routes() {
		router.Handle(r.Method, admin.Prefix+r.Path, s.admin(administration.Guard(r)))
	}
	return describe(router, admin.Prefix, admin.Description, s.Issuer.Settings.AdminAudience())
}

// describe serves what says what the API at base does, below prefix.
func describe(router *gin.Engine, prefix string, description func(base string) ([]openapi.Served, error), base string) error {
	described, err := description(base)
	for _, d := range described {
		getOrHead(router, prefix+d.Path, gin.WrapH(d))
	}
	return err
}

// programRoutes are what OAuth clients call.
func (s *Server) programRoutes(router *gin.Engine) {
	programs := &clients.Handlers{Clients: s.Provider, Actor: actorOf, Origins: s.narrowOrigin}
	group := router.Group("", s.clientCORS)
	for _, path := range []string{clients.TokenPath, clients.UserInfoPath, clients.RevokePath, clients.IntrospectPath} {
		group.OPTIONS(path, noContent)
	}
	group.POST(clients.TokenPath, s.client(programs.Token, clients.Write))
	group.GET(clients.UserInfoPath, s.client(programs.UserInfo, clients.WriteBearer))
	group.POST(clients.UserInfoPath, s.client(programs.UserInfo, clients.WriteBearer))
	group.POST(clients.RevokePath, s.client(programs.Revoke, clients.Write))
	group.POST(clients.IntrospectPath, s.client(programs.Introspect, clients.Write))
}

// peopleRoutes are where browsers come to.
func (s *Server) peopleRoutes(router *gin.Engine, h *web.Handlers) {
	for _, r := range []struct {
		method, path string
		handle       func(*gin.Context) error
	}{
		{http.MethodGet, clients.AuthorizePath, h.Authorize},
		{http.MethodPost, clients.AuthorizePath, h.AuthorizeByForm},
		{http.MethodGet, web.InteractionPath + ":id", h.Interaction},
		{http.MethodPost, web.InteractionPath + ":id/sign-in", h.SignIn},
		{http.MethodGet, web.InteractionPath + ":id/sign-in", h.ToInteraction},
		{http.MethodPost, web.InteractionPath + ":id/consent", h.Consent},
		{http.MethodGet, web.InteractionPath + ":id/consent", h.ToInteraction},
		{http.MethodGet, web.InteractionPath + ":id/other", h.Other},
		{http.MethodPost, web.InteractionPath + ":id/step-up", h.StepUp},
		{http.MethodGet, web.InteractionPath + ":id/step-up", h.ToPlace},
		{http.MethodGet, clients.LogoutPath, h.Logout},
		{http.MethodPost, clients.LogoutPath, h.LogoutByForm},

		{http.MethodGet, "/", h.ToAccount},
		{http.MethodHead, "/", h.ToAccount},
		{http.MethodGet, web.AccountPath, h.Account},
		{http.MethodPost, web.AccountPath + "/sign-in", h.AccountSignIn},
		{http.MethodGet, web.AccountPath + "/sign-in", h.ToAccount},
		{http.MethodGet, web.AccountPath + "/step-up", h.OwnStepUp},
		{http.MethodPost, web.AccountPath + "/step-up", h.OwnStepUpForm},
		{http.MethodPost, web.AccountPath + "/sign-out", h.SignOutEverywhere},
		{http.MethodGet, web.AccountPath + "/sign-out", h.ToAccount},
		{http.MethodPost, web.AccountPath + "/sessions/:id/end", h.EndSession},
		{http.MethodGet, web.AccountPath + "/sessions/:id/end", h.ToAccount},
		{http.MethodPost, web.AccountPath + "/apps/:id/remove", h.RemoveApp},
		{http.MethodGet, web.AccountPath + "/apps/:id/remove", h.ToAccount},
		{http.MethodGet, web.AccountPath + "/factors/:factor", h.Factor},
		{http.MethodPost, web.AccountPath + "/factors/:factor/rename", h.RenameFactor},
		{http.MethodGet, web.AccountPath + "/factors/:factor/rename", h.ToAccount},
		{http.MethodPost, web.AccountPath + "/factors/:factor/remove", h.RemoveFactor},
		{http.MethodGet, web.AccountPath + "/factors/:factor/remove", h.ToAccount},
		{http.MethodPost, "/passkey/sign-in", h.BeginPasskeySignIn},
		{http.MethodPost, "/passkey/second", h.BeginSecondPasskey},
		{http.MethodPost, "/passkey/step-up", h.BeginStepUpPasskey},
		{http.MethodPost, "/passkey/new", h.BeginNewPasskey},
	} {
		router.Handle(r.method, r.path, s.page(h, r.handle))
	}
	s.selfServiceRoutes(router, h)
	s.factorRoutes(router, h, web.AccountPath)
	s.factorRoutes(router, h, web.InteractionPath+":id")
	for _, a := range s.Pages.Assets() {
		getOrHead(router, a.Path, a.Get)
	}
}

// consoleRoutes are where administrators' browsers come to.
func (s *Server) consoleRoutes(router *gin.Engine, h *web.Handlers) error {
	pages, err := console.NewPages(s.Pages)
	if err != nil {
		return err
	}
	k := &console.Console{
		Accounts: s.Accounts, Browsers: s.Provider.Browsers, Issuer: s.Issuer, Keys: s.Keys, Clients: s.Provider.Clients, Pages: pages,
		Groups: s.Groups, Factors: s.Accounts.Factors, Self: h.Self, Audit: s.Audit, Letters: s.Letters, Refusals: s.Refusals,
		SignedIn: h.SignedIn, Again: h.Again, Kept: h.Kept, OwnForm: h.OwnForm, Actor: actorOf, RequestID: requestID, Now: s.Provider.Now, Operations: s.Operations,
		Link: web.LinkAt(s.Issuer.Settings.Issuer),
	}
	for _, r := range k.Routes() {
		handle := s.console(k, k.Guard(r))
		for _, method := range r.Methods() {
			router.Handle(method, console.Path+r.Path, handle)
		}
	}
	for _, a := range pages.Assets() {
		getOrHead(router, a.Path, a.Get)
	}
	return nil
}

// selfServiceRoutes are where people make accounts and look after them.
func (s *Server) selfServiceRoutes(router *gin.Engine, h *web.Handlers) {
	for _, r := range []struct {
		method, path string
		handle       func(*gin.Context) error
	}{
		{http.MethodGet, web.SignUpPath, h.SignUpPage},
		{http.MethodPost, web.SignUpPath, h.SignUp},
		{http.MethodGet, web.SignUpPath + "/sent", h.SignUpSent},
		{http.MethodGet, web.ForgottenPath, h.ForgottenPage},
		{http.MethodPost, web.ForgottenPath, h.Forgotten},
		{http.MethodGet, web.ForgottenPath + "/sent", h.ForgottenSent},
		{http.MethodGet, web.LinkPath + ":purpose", h.Link},
		{http.MethodHead, web.LinkPath + ":purpose", h.Link},
		{http.MethodPost, web.LinkPath + ":purpose", h.LinkForm},
		{http.MethodGet, web.LinkPath + ":purpose/done", h.LinkDone},
		{http.MethodGet, web.EmailPath + "/sent", h.EmailSent},
		{http.MethodGet, web.DeletedPath, h.Deleted},
	} {
		router.Handle(r.method, r.path, s.page(h, r.handle))
	}
	for _, path := range web.OwnPaths() {
		router.GET(path, s.page(h, h.OwnPage))
		router.POST(path, s.page(h, h.Own))
	}
}

// factorRoutes are where people prove themselves with more than a password, and set up what they do so with: at the
// account page or in an interaction.
func (s *Server) factorRoutes(router *gin.Engine, h *web.Handlers, place string) {
	for _, r := range []struct {
		method, path string
		handle       func(*gin.Context) error
	}{
		{http.MethodGet, "/second", h.SecondFactor},
		{http.MethodPost, "/second", h.SecondFactorForm},
		{http.MethodPost, "/passkey", h.PasskeySignIn},
		{http.MethodGet, "/passkey", h.ToPlace},
		{http.MethodGet, "/ways/passkey", h.PasskeyPage},
		{http.MethodPost, "/ways/passkey", h.AddPasskey},
		{http.MethodGet, "/ways/app", h.AppPage},
		{http.MethodPost, "/ways/app", h.ConfirmApp},
		{http.MethodGet, "/ways/recovery-codes", h.RecoveryCodesPage},
		{http.MethodPost, "/ways/recovery-codes", h.MakeRecoveryCodes},
	} {
		router.Handle(r.method, place+r.path, s.page(h, r.handle))
	}
}

func noContent(c *gin.Context) { c.Status(http.StatusNoContent) }

func getOrHead(router *gin.Engine, path string, handler gin.HandlerFunc) {
	router.GET(path, handler)
	router.HEAD(path, handler)
}
