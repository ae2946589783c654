package oauth

import (
	"context"
	"encoding/json"
	"slices"
	"strings"

	"keyturn/accounts"
	"keyturn/issuer"
)

// release is one claim of OIDC Core section 5.1, or of RFC 9068 section 2.2.3.1: the scope that brings it (section
// 5.4) and its value, nil
// where the user has none.
type release struct {
	name, scope string
	value       func(*person) any
}

// releases are in the order of OIDC Core section 5.1. Empty values are left out (section 5.3.2).
var releases = []release{
	{"name", "profile", func(u *person) any { return text(u.FullName()) }},
	{"given_name", "profile", func(u *person) any { return text(u.GivenName) }},
	{"family_name", "profile", func(u *person) any { return text(u.FamilyName) }},
	{"middle_name", "profile", func(u *person) any { return text(u.Claims.MiddleName) }},
	{"nickname", "profile", func(u *person) any { return text(u.Claims.Nickname) }},
	{"preferred_username", "profile", func(u *person) any { return text(u.Username) }},
	{"profile", "profile", func(u *person) any { return text(u.Claims.Profile) }},
	{"picture", "profile", func(u *person) any { return text(u.Claims.Picture) }},
	{"website", "profile", func(u *person) any { return text(u.Claims.Website) }},
	{"gender", "profile", func(u *person) any { return text(u.Claims.Gender) }},
	{"birthdate", "profile", func(u *person) any { return text(u.Claims.Birthdate) }},
	{"zoneinfo", "profile", func(u *person) any { return text(u.Claims.Zoneinfo) }},
	{"locale", "profile", func(u *person) any { return text(u.Claims.Locale) }},
	{"updated_at", "profile", func(u *person) any { return u.UpdatedAt.Unix() }},
	{"email", "email", func(u *person) any { return text(u.Email) }},
	{"email_verified", "email", func(u *person) any { return beside(u.Email, u.EmailVerified) }},
	{"address", "address", func(u *person) any { return address(u.Claims.Address) }},
	{"phone_number", "phone", func(u *person) any { return text(u.Claims.PhoneNumber) }},
	{"phone_number_verified", "phone", func(u *person) any { return beside(u.Claims.PhoneNumber, u.Claims.PhoneNumberVerified) }},
	{"groups", issuer.ScopeGroups, func(u *person) any { return u.members.GroupNames() }},
	{"roles", issuer.ScopeRoles, func(u *person) any { return u.members.RolesAt(u.client) }},
}

// person is whom UserInfo tells about, and to which client.
type person struct {
	accounts.User
	client string
	// members are nil where nothing of them is told.
	members *issuer.Memberships
}

// ReleasableClaims are the names of the claims about people that UserInfo may hold.
func ReleasableClaims() []string {
	names := make([]string, len(releases))
	for i, r := range releases {
		names[i] = r.name
	}
	return names
}

func text(value string) any {
	if value == "" {
		return nil
	}
	return value
}

// beside is whether value was verified, where there is one.
func beside(value string, verified bool) any {
	if value == "" {
		return nil
	}
	return verified
}

func address(a *accounts.Address) any {
	if a == nil || *a == (accounts.Address{}) {
		return nil
	}
	return a
}

// UserInfo is an answer of the UserInfo endpoint: a JSON object, or a JWT where the client wants that.
type UserInfo struct {
	JSON []byte
	JWT  string
}

// UserInfo tells the bearer of an access token about the person (OIDC Core section 5.3). The errors are
// those of issuer.VerifyAccess and Live, and ErrInsufficientScope.
func (p *Provider) UserInfo(ctx context.Context, raw string) (UserInfo, *Client, error) {
	token, err := p.Issuer.VerifyAccess(ctx, raw, p.issuerURL())
	if err != nil {
		return UserInfo{}, nil, err
	}
	client, err := p.Clients.Find(ctx, token.ClientID)
	if err != nil {
		return UserInfo{}, nil, err
	}
	if !issuer.HasScope(token.Scope, issuer.ScopeOpenID) || token.GrantID == "" {
		return UserInfo{}, client, ErrInsufficientScope
	}
	grant, err := p.Issuer.Live(ctx, token.GrantID)
	if err != nil {
		return UserInfo{}, client, err
	}
	user, err := p.People.Get(ctx, grant.UserID)
	if err != nil {
		return UserInfo{}, client, err
	}
	who := person{User: user, client: client.ID}
	scopes, asked := strings.Fields(token.Scope), askedClaims(&grant)
	if slices.ContainsFunc(slices.Concat(scopes, asked), issuer.TellsMemberships) {
		members, err := p.Issuer.Store.Memberships(ctx, user.ID)
		if err != nil {
			return UserInfo{}, client, err
		}
		who.members = &members
	}
	members, err := userInfo(&who, scopes, asked)
	if err != nil || client.UserInfoAlgorithm == "" {
		return UserInfo{JSON: members}, client, err
	}
	signed, err := p.Issuer.SignUserInfo(client.ID, members, client.UserInfoAlgorithm)
	return UserInfo{JWT: signed}, client, err
}

// askedClaims are what the claims parameter asked for when the grant was made.
func askedClaims(g *issuer.Grant) []string {
	var names []string
	if g.Claims != "" && json.Unmarshal([]byte(g.Claims), &names) != nil {
		return nil
	}
	return names
}

func userInfo(u *person, scopes, asked []string) ([]byte, error) {
	out := []byte(`{"sub":`)
	sub, err := json.Marshal(u.ID)
	if err != nil {
		return nil, err
	}
	out = append(out, sub...)
	for _, r := range releases {
		if !slices.Contains(scopes, r.scope) && !slices.Contains(asked, r.name) {
			continue
		}
		value := r.value(u)
		if value == nil {
			continue
		}
		text, err := json.Marshal(value)
		if err != nil {
			return nil, err
		}
		out = append(append(out, `,"`+r.name+`":`...), text...)
	}
	return append(out, '}'), nil
}
