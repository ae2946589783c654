package issuer

import (
	"encoding/json"
	"errors"
	"strings"
)

// claims is a claims object under construction, in a fixed order so that equal claims are equal bytes.
type claims struct {
	text []byte
	err  error
}

func (c *claims) add(name string, value any) {
	member, err := json.Marshal(name)
	c.err = errors.Join(c.err, err)
	text, err := json.Marshal(value)
	c.err = errors.Join(c.err, err)
	if len(c.text) > 0 {
		c.text = append(c.text, ',')
	}
	c.text = append(append(append(c.text, member...), ':'), text...)
}

// addProfile releases the claims that the resource asks for, where the user has them.
func (c *claims) addProfile(p Profile, wanted []string) {
	for _, name := range wanted {
		value := ""
		if of := profileClaims[name]; of != nil {
			value = of(p)
		}
		if value == "" {
			continue
		}
		c.add(name, value)
		if name == "email" {
			c.add("email_verified", p.EmailVerified)
		}
	}
}

// released are those of the claims that a resource asks for which the grant's scope allows (OIDC Core section
// 5.4). The token-pair API has no scopes; there the resource alone decides.
func released(wanted []string, g *Grant, scope string) []string {
	if g.ClientID == TokenPairClient {
		return wanted
	}
	var allowed []string
	for _, name := range wanted {
		needs := "profile"
		switch name {
		case "email", claimGroups, claimRoles:
			needs = name
		}
		if HasScope(scope, needs) {
			allowed = append(allowed, name)
		}
	}
	return allowed
}

// profileClaims are the claims of OIDC Core section 5.1 that a resource may ask for.
var profileClaims = map[string]func(Profile) string{
	"name":               func(p Profile) string { return strings.TrimSpace(p.GivenName + " " + p.FamilyName) },
	"given_name":         func(p Profile) string { return p.GivenName },
	"family_name":        func(p Profile) string { return p.FamilyName },
	"preferred_username": func(p Profile) string { return p.Username },
	"email":              func(p Profile) string { return p.Email },
}

func (c *claims) json() ([]byte, error) {
	if c.err != nil {
		return nil, c.err
	}
	return append(append([]byte{'{'}, c.text...), '}'), nil
}
