package oauth

import (
	"context"

	"keyturn/audit"
)

// AllowedOf are the clients that a user has allowed something, to whoever has audit.Read.
func (p *Provider) AllowedOf(ctx context.Context, userID string, actor audit.Actor) ([]App, error) {
	if err := actor.Need(audit.Read); err != nil {
		return nil, err
	}
	apps, err := p.Apps(ctx, userID)
	var allowed []App
	for _, a := range apps {
		if a.Removable {
			allowed = append(allowed, a)
		}
	}
	return allowed, err
}

// RemoveAppOf is RemoveApp for administrators: it needs audit.ManageUsers and all the rights that the user has.
func (p *Provider) RemoveAppOf(ctx context.Context, userID, clientID, reason string, actor audit.Actor) (int64, error) {
	if err := actor.Need(audit.ManageUsers); err != nil {
		return 0, err
	}
	has, _, err := p.People.Store.RightsOf(ctx, userID)
	if err != nil {
		return 0, err
	}
	if has != 0 {
		if err := actor.Need(has); err != nil {
			return 0, err
		}
	}
	actor.Why = reason
	return p.RemoveApp(ctx, userID, clientID, actor)
}
