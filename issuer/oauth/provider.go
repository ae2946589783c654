package oauth

import (
	"context"
	"log/slog"
	"net/url"
	"sync"
	"time"

	"keyturn/accounts"
	"keyturn/audit"
	"keyturn/issuer"
)

const (
	// codeLifetime is the longest that FAPI 2.0 Security Profile section 5.3.2.1 allows.
	codeLifetime = 60 * time.Second
	// interactionLifetime is how long a person may take to sign in and decide.
	interactionLifetime = time.Hour
	// repeatTime is how long a completed interaction is answered anew: a second click, an answer that got lost.
	repeatTime = time.Minute
	// settleTime bounds what must be finished though the caller has gone.
	settleTime = 5 * time.Second
)

// Settings are the operator's choices.
type Settings struct {
	// RequirePKCE demands a code_challenge of confidential clients too.
	RequirePKCE bool
}

// Refusals keeps a trace of requests that were refused and changed nothing.
type Refusals interface {
	AddRefusal(ctx context.Context, r audit.Refusal) error
}

// Poster sends a form to a client, for logout.
type Poster interface {
	// PostForm returns the status of the answer; another than 2xx is an error too.
	PostForm(ctx context.Context, url string, form url.Values) (int, error)
}

// Provider answers clients. Its fields are set before the first call and not changed after; its methods
// may be called by any number of goroutines.
type Provider struct {
	Store      Store
	Clients    *Registry
	Issuer     *issuer.Issuer
	People     *accounts.Service
	Browsers   *accounts.Browsers
	Assertions *Assertions
	Settings   Settings
	Now        func() time.Time
	Log        *slog.Logger
	// Ways is nil where nobody has more than one factor; Demands where people's groups demand nothing.
	Ways    Ways
	Demands accounts.LevelPolicy
	// Refusals is nil where no trace is kept.
	Refusals Refusals
	// Post sends logout tokens. Fetch reads request objects; it should be another one, since anonymous requests
	// can keep it busy.
	Post  Poster
	Fetch Fetcher

	// requests are the request objects that were read a moment ago.
	requests requestObjects
	// wake tells the loop that sends logout tokens that some are due.
	wake     chan struct{}
	wakeOnce sync.Once
}

// issuerURL is the iss that everything is told under.
func (p *Provider) issuerURL() string { return p.Issuer.Settings.Issuer }

// settle frees what must be finished from the caller's cancellation, under a deadline of its own.
func settle(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), settleTime)
}
