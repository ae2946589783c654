package oauth

import (
	"context"
	"slices"

	"keyturn/audit"
	"keyturn/issuer"
)

// adminAudience is the identifier of the admin API.
func (p *Provider) adminAudience() string { return p.Issuer.Settings.AdminAudience() }

// withinRights narrows the scopes of a request for the admin API to what the person may do there now. The scope
// admin becomes those that they have; ErrAccessDenied where nothing is left, since such a token opens nothing. The
// admin API asks for the rights again at each request.
func (p *Provider) withinRights(ctx context.Context, c *Client, resource, userID string, scopes []string) ([]string, error) {
	if resource != p.adminAudience() {
		return scopes, nil
	}
	rights, err := p.People.RightsOf(ctx, userID)
	if err != nil {
		return nil, err
	}
	var left []string
	add := func(scope string) {
		if !slices.Contains(left, scope) {
			left = append(left, scope)
		}
	}
	opens := false
	for _, scope := range scopes {
		needs := issuer.AdminRights(scope)
		switch {
		case needs == 0:
			add(scope)
		case rights.Cover(needs):
			add(scope)
			opens = true
		case needs == audit.ManageAll:
			for _, narrower := range issuer.AdminScopes {
				if rights.Cover(issuer.AdminRights(narrower)) && c.grantable(narrower, issuer.AdminScopes) {
					add(narrower)
					opens = true
				}
			}
		}
	}
	if !opens {
		return nil, ErrAccessDenied
	}
	return left, nil
}

// opensAdmin tells whether a scope of the admin API is among these.
func opensAdmin(scopes []string) bool {
	return slices.ContainsFunc(scopes, func(s string) bool { return issuer.AdminRights(s) != 0 })
}
