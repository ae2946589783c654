package web

import (
	"html/template"
	"slices"
)

// plainScopes are the scopes that have a text of their own (OIDC Core section 5.4 and 11, and ours).
var plainScopes = []string{"openid", "profile", "email", "address", "phone", "groups", "roles", "offline_access"}

// plainClaims are the claims that have one (OIDC Core section 5.1, and ours).
var plainClaims = []string{
	"name", "given_name", "family_name", "middle_name", "nickname", "preferred_username", "profile", "picture", "website",
	"gender", "birthdate", "zoneinfo", "locale", "updated_at", "email", "email_verified", "phone_number",
	"phone_number_verified", "address", "groups", "roles",
}

// inOrder puts scopes into the order of plainScopes, and what is of a resource behind them: it is for the reader
// and not for the client to say what comes first.
func inOrder(scopes []string) []string {
	place := func(scope string) int {
		if n := slices.Index(plainScopes, scope); n >= 0 {
			return n
		}
		return len(plainScopes)
	}
	sorted := slices.Clone(scopes)
	slices.SortStableFunc(sorted, func(a, b string) int { return place(a) - place(b) })
	return sorted
}

// scopeLine is one thing that a client asks for: in a few words, and what that shows.
type scopeLine struct {
	Title, Text template.HTML
}

// scopeLines puts scopes into plain words. One that is not a standard scope is shown as itself, with its
// resource: only the resource's owner knows what it means.
func (c catalogue) scopeLines(scopes []string, resource string) ([]scopeLine, error) {
	var lines []scopeLine
	for _, scope := range inOrder(scopes) {
		line, err := c.scopeLine(scope, resource)
		if err != nil {
			return nil, err
		}
		lines = append(lines, line)
	}
	return lines, nil
}

func (c catalogue) scopeLine(scope, resource string) (line scopeLine, err error) {
	if !slices.Contains(plainScopes, scope) {
		line.Title = codeText(scope)
		if resource != "" {
			line.Text, err = c.text("scope.other.text", "resource", codeText(resource))
		}
		return line, err
	}
	if line.Title, err = c.text("scope." + scope + ".title"); err != nil {
		return line, err
	}
	line.Text, err = c.text("scope." + scope + ".text")
	return line, err
}

// scopeName is the shortest name of a scope, for lists.
func (c catalogue) scopeName(scope string) (template.HTML, error) {
	if !slices.Contains(plainScopes, scope) {
		return codeText(scope), nil
	}
	return c.text("scope." + scope + ".name")
}

// claimLines names claims.
func (c catalogue) claimLines(claims []string) ([]template.HTML, error) {
	var lines []template.HTML
	for _, claim := range claims {
		line := codeText(claim)
		if slices.Contains(plainClaims, claim) {
			var err error
			if line, err = c.text("claim." + claim); err != nil {
				return nil, err
			}
		}
		lines = append(lines, line)
	}
	return lines, nil
}
