package issuer

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"keyturn/accounts"
	"keyturn/audit"
	"keyturn/audit/sentence"
	"keyturn/keys"
)

// MaxAccessLifetime bounds the lifetime of every access token: it can't be taken back in between.
const MaxAccessLifetime = 24 * time.Hour

// What a client's own lifetimes and grace may be at most.
const (
	MaxRefreshLifetime = 366 * 24 * time.Hour
	MaxGrantLifetime   = 10 * 366 * 24 * time.Hour
	MaxGrace           = 600 * time.Second
)

// StandardScopes are those that mean the same at every resource: those of OIDC Core sections 5.4 and 11, and ours.
var StandardScopes = []string{ScopeOpenID, "profile", "email", "address", "phone", ScopeOfflineAccess, ScopeGroups, ScopeRoles}

const (
	// maxScopes is how many a resource, or a client, may name; maxScope is in characters.
	maxScopes = 100
	maxScope  = 100
)

// Algorithms are the names that a resource may ask for.
var Algorithms = []keys.Algorithm{keys.RS256, keys.PS256, keys.ES256, keys.EdDSA}

// ProfileClaims are the profile claims that a resource may ask for, in the order of release.
func ProfileClaims() []string {
	names := []string{claimGroups, claimRoles}
	for name := range profileClaims {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// defaultClaims are what the default resource's tokens carry; the tutorial's "Hello Peter Parker" needs the names.
var defaultClaims = []string{"given_name", "family_name", "preferred_username"}

// DefaultResource is the resource of the configured audience where no row says otherwise.
func (s Settings) DefaultResource() Resource {
	return Resource{
		Identifier:     s.Audience,
		Algorithm:      s.Algorithm,
		AccessLifetime: s.AccessLifetime,
		Claims:         defaultClaims,
		SimpleJWT:      true,
	}
}

// Version is that of all that is stored of a resource.
func (r Resource) Version() audit.Version {
	// Nothing is stored as an empty list.
	r.Claims, r.Scopes = append([]string{}, r.Claims...), append([]string{}, r.Scopes...)
	return audit.VersionOf(r)
}

// AdminAudience is the audience of the admin API.
func (s Settings) AdminAudience() string { return s.Issuer + "/admin/v1" }

// LoadResources reads the resources again, what live grants need of the keys, and whether groups demand a level. Until
// it has succeeded once every audience is the default, and every refresh looks at the groups.
func (i *Issuer) LoadResources(ctx context.Context) error {
	list, err := i.Store.Resources(ctx)
	if err != nil {
		return err
	}
	longest, err := i.Store.LongestRefreshLifetime(ctx)
	if err != nil {
		return err
	}
	demand, err := i.Store.GroupsDemand(ctx)
	if err != nil {
		return err
	}
	byName := make(map[string]Resource, len(list))
	for _, r := range list {
		byName[r.Identifier] = r
	}
	i.resources.Store(&byName)
	i.longestRefresh.Store(int64(longest))
	i.undemanded.Store(!demand)
	return nil
}

// resource is the stored resource with the defaults filled in.
func (i *Issuer) resource(identifier string) Resource {
	byDefault := i.Settings.DefaultResource()
	if identifier == i.Settings.AdminAudience() {
		return Resource{Identifier: identifier, Algorithm: byDefault.Algorithm, AccessLifetime: byDefault.AccessLifetime, Scopes: AdminScopes}
	}
	stored := i.resources.Load()
	if stored == nil {
		return byDefault
	}
	r, found := (*stored)[identifier]
	if !found {
		return byDefault
	}
	if r.Algorithm == "" {
		r.Algorithm = byDefault.Algorithm
	}
	if r.AccessLifetime == 0 {
		r.AccessLifetime = byDefault.AccessLifetime
	}
	return r
}

// KeyNeeds are the algorithms that keys must exist for, and the longest lifetimes of access and refresh
// tokens that they sign, as the settings, the loaded resources and the live grants say: a grant keeps
// the lifetime that it began with when the setting is lowered.
func (i *Issuer) KeyNeeds() (algorithms []keys.Algorithm, access, refresh time.Duration) {
	algorithms = []keys.Algorithm{i.Settings.Algorithm}
	access = max(i.Settings.AccessLifetime, MaxAdminTokenLifetime, IDTokenLifetime)
	refresh = max(i.Settings.RefreshLifetime, time.Duration(i.longestRefresh.Load()))
	if stored := i.resources.Load(); stored != nil {
		for name := range *stored {
			r := i.resource(name)
			algorithms = append(algorithms, r.Algorithm)
			access = max(access, r.AccessLifetime)
		}
	}
	slices.Sort(algorithms)
	return slices.Compact(algorithms), access, refresh
}

// Resources lists the stored resources, and the default one where no row describes it, by identifier.
func (i *Issuer) Resources(ctx context.Context) ([]Resource, error) {
	list, err := i.Store.Resources(ctx)
	if err != nil {
		return nil, err
	}
	if !slices.ContainsFunc(list, func(r Resource) bool { return r.Identifier == i.Settings.Audience }) {
		list = append(list, i.Settings.DefaultResource())
	}
	slices.SortFunc(list, func(a, b Resource) int { return strings.Compare(a.Identifier, b.Identifier) })
	return list, nil
}

// Resource is one of them; ErrResourceNotFound where it is not there.
func (i *Issuer) Resource(ctx context.Context, identifier string) (Resource, error) {
	all, err := i.Resources(ctx)
	if err != nil {
		return Resource{}, err
	}
	n := slices.IndexFunc(all, func(r Resource) bool { return r.Identifier == identifier })
	if n < 0 {
		return Resource{}, ErrResourceNotFound
	}
	return all[n], nil
}

// CreateResource stores a new resource. Changes of resources need audit.ManageAll. It returns *InvalidRequest for bad
// input and ErrResourceExists.
func (i *Issuer) CreateResource(ctx context.Context, r Resource, actor audit.Actor) error {
	return i.writeResource(ctx, r, actor, audit.ResourceCreated, i.Store.CreateResource)
}

// UpdateResource replaces a stored resource. It returns *InvalidRequest for bad input and ErrResourceNotFound.
func (i *Issuer) UpdateResource(ctx context.Context, r Resource, actor audit.Actor) error {
	return i.writeResource(ctx, r, actor, audit.ResourceUpdated, i.Store.UpdateResource)
}

func (i *Issuer) writeResource(ctx context.Context, r Resource, actor audit.Actor, action audit.Action, write func(context.Context, Resource, audit.Event) error) error {
	if err := actor.Need(audit.ManageAll); err != nil {
		return err
	}
	if err := i.checkResource(r); err != nil {
		return err
	}
	return write(ctx, r, audit.Event{
		Action: action, Actor: actor, SubjectKind: "resource", SubjectID: r.Identifier,
		Details: map[string]string{
			"algorithm":       string(r.Algorithm),
			"access_lifetime": r.AccessLifetime.String(),
			"claims":          strings.Join(r.Claims, " "),
			"simplejwt":       strconv.FormatBool(r.SimpleJWT),
			"scopes":          strings.Join(r.Scopes, " "),
		},
	})
}

// DeleteResource removes a stored resource; tokens that live go on verifying. ErrResourceNotFound where there is none.
func (i *Issuer) DeleteResource(ctx context.Context, identifier string, actor audit.Actor) error {
	if err := actor.Need(audit.ManageAll); err != nil {
		return err
	}
	return i.Store.DeleteResource(ctx, identifier, audit.Event{
		Action: audit.ResourceDeleted, Actor: actor, SubjectKind: "resource", SubjectID: identifier,
	})
}

// Check tells whether the audience can be one.
func (s Settings) Check() error {
	if problem := s.IdentifierProblem(s.Audience); !problem.IsZero() {
		return errors.New(problem.String())
	}
	return nil
}

// IdentifierProblem says what is wrong with a resource's identifier, nothing where it can be one. What looks like
// another identifier or can't be seen is refused: people decide by these names.
func (s Settings) IdentifierProblem(identifier string) sentence.Sentence {
	unseen := func(c rune) bool { return unicode.IsSpace(c) || unicode.In(c, unicode.C, unicode.Z) }
	switch {
	case identifier == "" || len(identifier) > 255:
		return sentence.Say("must have 1 to 255 characters")
	case !utf8.ValidString(identifier) || strings.ContainsFunc(identifier, unseen):
		return sentence.Say("must not hold blanks, control or invisible characters")
	case identifier == s.Issuer || identifier == s.AdminAudience() || identifier == accounts.AdminResource:
		return sentence.Say("is reserved for Keyturn itself")
	}
	return sentence.Sentence{}
}

func (i *Issuer) checkResource(r Resource) error {
	switch {
	case !i.Settings.IdentifierProblem(r.Identifier).IsZero():
		return &InvalidRequest{"identifier", i.Settings.IdentifierProblem(r.Identifier)}
	case r.Algorithm != "" && !slices.Contains(Algorithms, r.Algorithm):
		return &InvalidRequest{"algorithm", sentence.Say("must be RS256, PS256, ES256 or EdDSA")}
	case r.AccessLifetime < 0 || r.AccessLifetime > MaxAccessLifetime || r.AccessLifetime%time.Second != 0:
		return &InvalidRequest{"access_lifetime", sentence.Say("must be whole seconds, at most 24h")}
	}
	for n, name := range r.Claims {
		if !slices.Contains(ProfileClaims(), name) {
			return &InvalidRequest{"claims", sentence.Say("knows only %s", strings.Join(ProfileClaims(), ", "))}
		}
		if slices.Contains(r.Claims[:n], name) {
			return &InvalidRequest{"claims", sentence.Say("must not repeat a name")}
		}
	}
	return checkResourceScopes(r.Scopes)
}

func checkResourceScopes(scopes []string) error {
	if problem := ScopesProblem(scopes); !problem.IsZero() {
		return &InvalidRequest{"scopes", problem}
	}
	for _, scope := range scopes {
		if slices.Contains(StandardScopes, scope) {
			return &InvalidRequest{"scopes", sentence.Say("must not name %s, which every resource has", scope)}
		}
	}
	return nil
}

// ScopesProblem says why these can't be scopes, nothing where they can (RFC 6749 section 3.3).
func ScopesProblem(scopes []string) sentence.Sentence {
	if len(scopes) > maxScopes {
		return sentence.Say("must be at most %d", maxScopes)
	}
	for n, scope := range scopes {
		switch {
		case scope == "" || len(scope) > maxScope:
			return sentence.Say("must have 1 to %d characters each", maxScope)
		case strings.ContainsFunc(scope, func(c rune) bool { return c <= ' ' || c > '~' || c == '"' || c == '\\' }):
			return sentence.Say("must hold printable ASCII only, without blanks, quotes and backslashes")
		case slices.Contains(scopes[:n], scope):
			return sentence.Say("must not repeat a name")
		}
	}
	return sentence.Sentence{}
}
