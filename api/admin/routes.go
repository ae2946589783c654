package admin

import (
	"context"
	"net/http"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"keyturn/accounts"
	"keyturn/api/openapi"
	"keyturn/audit"
	"keyturn/issuer"
	"keyturn/issuer/oauth"
	"keyturn/keys"
)

// Prefix is what the admin API's paths begin with.
const Prefix = "/admin/v1"

// DocumentPath and DocsPath are where the API is described, below Prefix: for programs, and for people. Nobody needs
// a token there: what they tell stands in this repository, too, and whoever is to write a client should not need one.
const (
	DocumentPath = openapi.DocumentPath
	DocsPath     = openapi.PagePath
)

// Handlers are the endpoints of the admin API.
type Handlers struct {
	Accounts *accounts.Service
	Factors  *accounts.Factors
	Browsers *accounts.Browsers
	Groups   *accounts.Groups
	Issuer   *issuer.Issuer
	Keys     *keys.Ring
	Clients  *oauth.Registry
	// SelfService sends invitations and letters, and makes links; nil offers neither.
	SelfService *accounts.SelfService
	// Link is where the secret of a one-time link leads.
	Link  func(accounts.LinkPurpose, keys.Secret) string
	Audit *audit.Reader
	Apps  *oauth.Provider
	// Letters are those of the queue; nil where there is none.
	Letters    Letters
	Operations Operations
	// Actor says where the request came from.
	Actor func(*gin.Context) audit.Actor
	// Refusals takes the trace of who was refused; nil keeps none.
	Refusals Refusals
}

// Route is one row of the table: a method, a path below Prefix, the parameters that its query string may
// have (blank-separated), the scope that is needed, and what stands behind it.
type Route struct {
	Method string
	Path   string
	Query  string
	Scope  string
	Handle func(*request) error
}

// Routes is the whole admin API. ScopeAdmin stands for every scope; any admin scope may read.
func (h *Handlers) Routes() []Route {
	const (
		get, post, patch, put, del = http.MethodGet, http.MethodPost, http.MethodPatch, http.MethodPut, http.MethodDelete
		read, people, turn, all    = issuer.ScopeAdminRead, issuer.ScopeAdminUsers, issuer.ScopeAdminKeys, issuer.ScopeAdmin
	)
	return []Route{
		{get, "/keys", "", read, h.listKeys},
		{get, "/keys/plan", "", read, h.planKeys},
		{get, "/keys/rotation", "mode algorithm purpose kid force all", read, h.foreseeRotation},
		{post, "/keys/rotate", "", turn, h.rotateKeys},
		{post, "/keys/:kid/revoke", "", turn, h.revokeKey},

		{get, "/users", "limit after prefix", read, h.listUsers},
		{post, "/users", "", people, h.createUser},
		{post, "/users/import", "", people, h.importUsers},
		{post, "/users/invite", "", people, h.inviteUser},
		{get, "/users/invitations", "limit after prefix", read, h.listInvitations},
		{del, "/users/invitations/:id", "", people, h.withdrawInvitation},
		{post, "/users/invitation-link", "", people, h.linkInvitation},
		{get, "/users/:id", "", read, h.readUser},
		{get, "/users/:id/open", "", read, h.readOpenOfUser},
		{patch, "/users/:id", "", people, h.updateUser},
		{del, "/users/:id", "", people, h.deleteUser},
		{put, "/users/:id/password", "", people, h.setPassword},
		{post, "/users/:id/password-reset", "", people, h.sendReset},
		{post, "/users/:id/password-reset-link", "", people, h.linkReset},
		{post, "/users/:id/activate", "", people, h.activateUser},
		{post, "/users/:id/deactivate", "", people, h.deactivateUser},
		{get, "/users/:id/grants", "limit after live", read, h.listUserGrants},
		{del, "/users/:id/grants", "", people, h.revokeUserGrants},

		{get, "/users/:id/sessions", "", read, h.listSessions},
		{del, "/users/:id/sessions", "", people, h.endUserSessions},
		{del, "/users/:id/sessions/:session", "", people, h.endSession},
		{get, "/users/:id/factors", "", read, h.readFactors},
		{del, "/users/:id/factors", "", people, h.resetFactors},

		{get, "/users/:id/apps", "", read, h.listApps},
		{del, "/users/:id/apps/:client", "", people, h.removeApp},
		{get, "/users/:id/groups", "", read, h.listUserGroups},

		{get, "/groups", "limit after prefix", read, h.listGroups},
		{post, "/groups", "", people, h.createGroup},
		{get, "/groups/:id", "", read, h.readGroup},
		{patch, "/groups/:id", "", people, h.updateGroup},
		{del, "/groups/:id", "", people, h.deleteGroup},
		{get, "/groups/:id/members", "limit after prefix", read, h.listMembers},
		{put, "/groups/:id/members/:user", "", people, h.addMember},
		{del, "/groups/:id/members/:user", "", people, h.removeMember},
		{put, "/groups/:id/roles", "resource role", people, h.addRole},
		{del, "/groups/:id/roles", "resource role", people, h.removeRole},

		{get, "/health", "", read, h.readHealth},
		{get, "/settings", "", read, h.listSettings},
		{get, "/production", "", read, h.listTasks},
		{get, "/activity", "since until step", read, h.listActivity},
		{get, "/letters", "limit after failed", read, h.listLetters},
		{get, "/letters/:id", "", read, h.readLetter},
		{post, "/letters/:id/retry", "", all, h.retryLetter},
		{del, "/letters/:id", "", all, h.dropLetter},
		{post, "/sessions/end-all", "", all, h.endEverybody},

		{get, "/grants", "limit after user_id client_id live", read, h.listGrants},
		{get, "/grants/:id", "", read, h.readGrant},
		{del, "/grants/:id", "", people, h.revokeGrant},
		{get, "/revoked-tokens", "limit after user_id", read, h.listRevoked},

		{get, "/clients", "limit after prefix", read, h.listClients},
		{post, "/clients", "", all, h.createClient},
		{get, "/clients/:id", "", read, h.readClient},
		{get, "/clients/:id/snippets", "", read, h.listClientSnippets},
		{get, "/clients/:id/open", "", read, h.readOpenOfClient},
		{put, "/clients/:id", "", all, h.updateClient},
		{del, "/clients/:id", "", all, h.deleteClient},
		{post, "/clients/:id/enable", "", all, h.enableClient},
		{post, "/clients/:id/disable", "", all, h.disableClient},
		{post, "/clients/:id/secrets", "", all, h.addSecret},
		{del, "/clients/:id/secrets/:secret", "", all, h.removeSecret},

		{get, "/resources", "limit after identifier", read, h.listResources},
		{get, "/resources/snippets", "identifier", read, h.listResourceSnippets},
		{post, "/resources", "", all, h.createResource},
		{put, "/resources", "identifier", all, h.updateResource},
		{del, "/resources", "identifier", all, h.deleteResource},

		{get, "/audit", "limit after action actor subject subject_kind address since until", read, h.listEvents},
		{get, "/audit/refusals", "limit after account since until", read, h.listRefusals},
		{get, "/audit/export", "after", read, h.exportAudit},
	}
}

// Guard lets a request through to its route only with a token of the route's scope, before the body is read.
func (h *Handlers) Guard(r Route) func(*gin.Context) error {
	tagged := descriptions()[r.Method+" "+r.Path].Tagged
	return func(c *gin.Context) error {
		c.Header("Cache-Control", "no-store")
		raw, err := bearer(c)
		if err != nil {
			return err
		}
		ctx, actor := c.Request.Context(), h.Actor(c)
		token, err := h.token(ctx, raw)
		if err != nil {
			return h.refuseToken(ctx, raw, actor, err)
		}
		call := &request{gin: c, ctx: ctx, cancel: func() {}}
		if call.actor, err = h.caller(ctx, actor, token); err != nil {
			return err
		}
		return h.refuse(ctx, call.actor, r.answer(call, token.Scope, tagged))
	}
}

// token reads the access token. That of a person must belong to a sign-in that has not ended, an administrator who
// signs out, or is signed out, leaves nothing behind, and that reached what the person's groups demand by now.
func (h *Handlers) token(ctx context.Context, raw string) (issuer.Token, error) {
	token, err := h.Issuer.VerifyAccess(ctx, raw, h.Issuer.Settings.AdminAudience())
	if err != nil || token.Subject == token.ClientID {
		return token, err
	}
	grant, err := h.Issuer.Live(ctx, token.GrantID)
	if err != nil {
		return token, err
	}
	required, err := h.Factors.RequiredLevel(ctx, token.Subject)
	if err == nil && required != "" && !grant.Level().Satisfies(required) {
		err = needsLevel(required)
	}
	return token, err
}

// caller is who asks: with the rights of the token's scope, and of those only what the person may do now to whom
// the token was issued. What they lose, their tokens lose at once.
func (h *Handlers) caller(ctx context.Context, actor audit.Actor, token issuer.Token) (audit.Actor, error) {
	actor.Kind, actor.ID, actor.Rights = audit.Client, token.ClientID, issuer.AdminRights(token.Scope)
	if token.Subject == token.ClientID {
		return actor, nil
	}
	actor.Kind, actor.ID = audit.User, token.Subject
	has, err := h.Accounts.RightsOf(ctx, token.Subject)
	actor.Rights &= has
	return actor, err
}

// answer does what the route does for a caller who has its scope. What it changes has an entity tag where it is tagged.
func (r Route) answer(call *request, scope string, tagged bool) (err error) {
	right := issuer.AdminRights(r.Scope)
	if !issuer.AdminRights(scope).Cover(right) {
		return needs(r.Scope, refusedScope, "This needs the scope "+r.Scope+".")
	}
	if err := call.actor.Need(right); err != nil {
		return err
	}
	if call.query, err = query(call.gin.Request.URL.RawQuery, strings.Fields(r.Query)); err != nil {
		return err
	}
	if err := call.condition(tagged); err != nil {
		return err
	}
	defer func() { call.cancel() }()
	return r.Handle(call)
}

// needs is the refusal of a token whose scope does not suffice (RFC 6750 section 3.1), recorded as refusal.
func needs(scope, refusal, detail string) *Problem {
	return &Problem{
		Status: http.StatusForbidden, Title: "Insufficient scope", Detail: detail, refusal: refusal,
		Challenge: `Bearer realm="admin", error="insufficient_scope", scope="` + scope + `"`,
	}
}

// needsLevel is the refusal of a sign-in that proved too little (RFC 9470 section 3), recorded as refusedLevel.
func needsLevel(level accounts.Level) *Problem {
	return &Problem{
		Status: http.StatusUnauthorized, Title: "Insufficient authentication", refusal: refusedLevel,
		Detail:    "A group of this person's demands the level " + string(level) + " of sign-in; sign in again with it.",
		Challenge: `Bearer realm="admin", error="insufficient_user_authentication", acr_values="` + string(level) + `"`,
	}
}

// bearer reads the one place where a token may stand (RFC 6750 section 2.1).
func bearer(c *gin.Context) (raw string, err error) {
	headers := c.Request.Header.Values("Authorization")
	if len(headers) > 1 {
		return "", &twoTokens
	}
	if len(headers) == 0 {
		return "", &noToken
	}
	scheme, raw, found := strings.Cut(headers[0], " ")
	if !found || !strings.EqualFold(scheme, "Bearer") {
		return "", &noToken
	}
	return strings.TrimSpace(raw), nil
}

// changeTime and importTime bound a change from when its body has been read; it runs to its end even
// when the caller hangs up.
const (
	changeTime = 5 * time.Second
	importTime = time.Minute
)

// request is one guarded call: who asks, and what is asked.
type request struct {
	gin   *gin.Context
	query queryValues
	actor audit.Actor
	// ctx is the caller's, and from begin on one of its own.
	ctx    context.Context
	cancel context.CancelFunc
}

// begin frees what follows from the caller's hanging up and gives it a deadline of its own.
func (r *request) begin(d time.Duration) {
	r.cancel()
	r.ctx, r.cancel = context.WithTimeout(context.WithoutCancel(r.ctx), d)
}

// location is the URL of a created thing, below the configured issuer wherever that is served.
func (h *Handlers) location(r *request, path string) {
	r.gin.Header("Location", h.Issuer.Settings.AdminAudience()+path)
}
