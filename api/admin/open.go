package admin

import (
	"context"
	"net/http"
	"time"

	"keyturn/accounts"
	"keyturn/audit"
	"keyturn/issuer"
	"keyturn/issuer/oauth"
)

// mostCounted is how many grants are counted at most: as many as the domain gives at once.
const mostCounted = 1000

// Open is what a user or a client has open, and loses with what ends it.
type Open struct {
	Sessions int64 `json:"sessions"`
	Grants   int64 `json:"grants"`
	// More tells that as many were counted as are at most: there may be others.
	More bool `json:"more,omitempty"`
	// TokensUntil is when the last access token has expired that was made just now: those can't be taken back. It is
	// left out where nothing makes any.
	TokensUntil Instant `json:"tokens_until,omitzero"`
	// LastAdministrator tells that nobody would be left who may do everything.
	LastAdministrator bool `json:"last_administrator,omitempty"`
}

// Ends find out what an act would end, before anybody does it.
type Ends struct {
	Accounts *accounts.Service
	Browsers *accounts.Browsers
	Issuer   *issuer.Issuer
	Clients  *oauth.Registry
}

// OfUser is what a user has open. It needs audit.Read.
func (e Ends) OfUser(ctx context.Context, id string, actor audit.Actor) (Open, error) {
	open, err := e.grants(ctx, issuer.GrantQuery{UserID: id}, actor)
	if err != nil {
		return Open{}, err
	}
	sessions, err := e.Browsers.Sessions(ctx, id)
	if err != nil {
		return Open{}, err
	}
	open.Sessions = int64(len(sessions))
	open.LastAdministrator, err = e.Accounts.IsLastAdministrator(ctx, id)
	return open, err
}

// OfClient is what is open at a client. It needs audit.Read.
func (e Ends) OfClient(ctx context.Context, id string, actor audit.Actor) (Open, error) {
	return e.grants(ctx, issuer.GrantQuery{ClientID: id}, actor)
}

func (e Ends) grants(ctx context.Context, q issuer.GrantQuery, actor audit.Actor) (Open, error) {
	q.LiveOnly, q.Limit = true, mostCounted
	live, err := e.Issuer.Grants(ctx, q, actor)
	if err != nil || len(live) == 0 {
		return Open{}, err
	}
	until, err := e.TokensUntil(ctx)
	return Open{Grants: int64(len(live)), More: len(live) == mostCounted, TokensUntil: Instant{until}}, err
}

// TokensUntil is when an access token that was made just now has expired, whatever it is for.
func (e Ends) TokensUntil(ctx context.Context) (time.Time, error) {
	resources, err := e.Issuer.Resources(ctx)
	if err != nil {
		return time.Time{}, err // too early a time would be worse than none
	}
	longest := e.Issuer.Settings.AccessLifetime
	for _, r := range resources {
		longest = max(longest, r.AccessLifetime)
	}
	ofClients, _ := e.Clients.LongestLifetimes()
	return e.Issuer.Now().Add(max(longest, ofClients)), nil
}

func (h *Handlers) ends() Ends {
	return Ends{Accounts: h.Accounts, Browsers: h.Browsers, Issuer: h.Issuer, Clients: h.Clients}
}

// readOpenOfUser answers what deactivating or deleting a user, or setting their password, would end.
func (h *Handlers) readOpenOfUser(r *request) error {
	user, err := h.Accounts.Get(r.ctx, r.gin.Param("id"))
	if err != nil {
		return err
	}
	open, err := h.ends().OfUser(r.ctx, user.ID, r.actor)
	if err != nil {
		return err
	}
	return r.write(http.StatusOK, open)
}

// readOpenOfClient answers what turning a client off, or deleting it, would end.
func (h *Handlers) readOpenOfClient(r *request) error {
	client, err := h.client(r)
	if err != nil {
		return err
	}
	open, err := h.ends().OfClient(r.ctx, client.ID, r.actor)
	if err != nil {
		return err
	}
	return r.write(http.StatusOK, open)
}
