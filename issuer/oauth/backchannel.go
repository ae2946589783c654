package oauth

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

const (
	// logoutPoll is how often an instance looks for logout tokens to send that others, or the command line, left.
	logoutPoll = 5 * time.Second
	// logoutLease is how long one instance has for one delivery before another takes it.
	logoutLease = 30 * time.Second
	// logoutAttempts bounds the tries; with the waits below they last an hour and three quarters.
	logoutAttempts = 12
	logoutBatch    = 16
	logoutsAtOnce  = 32
)

// logoutWait is how long after so many failures a delivery is tried again.
func logoutWait(failures int64) time.Duration {
	return min(5*time.Second<<min(failures, 10), 30*time.Minute)
}

// Wake has the loop look for logout tokens at once.
func (p *Provider) Wake() {
	select {
	case p.wakeUp() <- struct{}{}:
	default: // it is awake already
	}
}

func (p *Provider) wakeUp() chan struct{} {
	p.wakeOnce.Do(func() { p.wake = make(chan struct{}, 1) })
	return p.wake
}

// SendLogouts sends logout tokens (OIDC Back-Channel Logout section 2.5) until ctx ends. Any number of
// instances may do so at once; what one could not send survives a restart of all.
func (p *Provider) SendLogouts(ctx context.Context) {
	poll := time.NewTicker(logoutPoll)
	defer poll.Stop()
	var running sync.WaitGroup
	defer running.Wait()
	slots := make(chan struct{}, logoutsAtOnce)
	for {
		for p.sendDue(ctx, slots, &running) == logoutBatch {
		}
		select {
		case <-ctx.Done():
			return
		case <-poll.C:
		case <-p.wakeUp():
		}
	}
}

// sendDue begins to send what is due, and returns how many deliveries there were. It waits for a slot, not for
// an outcome: one client that hangs does not hold up the others.
func (p *Provider) sendDue(ctx context.Context, slots chan struct{}, running *sync.WaitGroup) int {
	due, err := p.Store.TakeLogouts(ctx, logoutBatch, logoutLease)
	if err != nil {
		if ctx.Err() == nil {
			p.Log.Warn("logout tokens to send could not be read", "error", err)
		}
		return 0
	}
	for _, d := range due {
		select {
		case slots <- struct{}{}:
		case <-ctx.Done():
			return 0 // the lease ends, and somebody else takes them
		}
		running.Go(func() {
			defer func() { <-slots }()
			p.deliver(ctx, d)
		})
	}
	return len(due)
}

// deliver makes one attempt, and settles what comes of it though the program is being stopped.
func (p *Provider) deliver(ctx context.Context, d LogoutDelivery) {
	err := p.sendLogout(ctx, d)
	if err != nil && ctx.Err() != nil {
		return // being stopped is no failure of the client; the lease ends, and somebody else tries
	}
	settled, cancel := settle(ctx)
	defer cancel()
	switch {
	case err == nil:
		err = p.Store.DoneLogout(settled, d.ID)
	case d.Attempts+1 >= logoutAttempts:
		p.Log.Error("a client was not told of a logout", "client", d.ClientID, "session", d.SessionID, "attempts", d.Attempts+1, "error", err)
		err = p.Store.DoneLogout(settled, d.ID)
	default:
		p.Log.Warn("a client could not be told of a logout; will be tried again", "client", d.ClientID, "session", d.SessionID, "attempts", d.Attempts+1, "error", err)
		err = p.Store.RetryLogout(settled, d.ID, logoutWait(d.Attempts))
	}
	if err != nil {
		p.Log.Warn("outcome of a logout token not noted", "client", d.ClientID, "error", err)
	}
}

// errNoAnswer says that the client did not take the logout token.
var errNoAnswer = errors.New("oauth: the client did not accept the logout token")

func (p *Provider) sendLogout(ctx context.Context, d LogoutDelivery) error {
	c, err := p.knownClient(ctx, d.ClientID)
	if err != nil {
		return err
	}
	if c == nil || c.BackchannelLogoutURI == "" {
		return nil // nobody to tell
	}
	token, err := p.Issuer.LogoutToken(c.ID, d.UserID, d.SessionID, c.idTokenAlgorithm())
	if err != nil {
		return err
	}
	status, err := p.Post.PostForm(ctx, c.BackchannelLogoutURI, map[string][]string{"logout_token": {token}})
	if err != nil {
		return err
	}
	if status != 200 && status != 204 {
		return fmt.Errorf("%w: status %d", errNoAnswer, status)
	}
	return nil
}
