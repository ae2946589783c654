package issuer

import (
	"context"
	"slices"
	"strings"
	"time"

	"keyturn/accounts"
	"keyturn/audit"
	"keyturn/audit/sentence"
	"keyturn/keys"
)

// The scopes of the admin API. ScopeAdmin stands for all of them.
const (
	ScopeAdmin      = "admin"
	ScopeAdminKeys  = "admin:keys"
	ScopeAdminUsers = "admin:users"
	ScopeAdminRead  = "admin:read"
)

// AdminScopes are all of them.
var AdminScopes = []string{ScopeAdmin, ScopeAdminKeys, ScopeAdminUsers, ScopeAdminRead}

// AdminCLIClient is the client that `keyturn admin token` issues to.
const AdminCLIClient = "keyturn-cli"

// MaxAdminTokenLifetime bounds what `keyturn admin token` issues.
const MaxAdminTokenLifetime = time.Hour

// AdminToken makes an access token for the admin API, for scripts on the machine itself. It belongs to
// no grant and can't be renewed. The caller must be someone who can read the database and the master
// identity; no HTTP route may call it.
func (i *Issuer) AdminToken(ctx context.Context, scopes []string, lifetime time.Duration, actor audit.Actor) (string, error) {
	if err := actor.Need(audit.ManageAll); err != nil {
		return "", err
	}
	for _, s := range scopes {
		if !slices.Contains(AdminScopes, s) {
			return "", &InvalidRequest{"scope", sentence.Say("knows only %s", strings.Join(AdminScopes, ", "))}
		}
	}
	switch {
	case len(scopes) == 0:
		return "", &InvalidRequest{"scope", sentence.Say("is missing")}
	case lifetime < time.Second || lifetime > MaxAdminTokenLifetime:
		return "", &InvalidRequest{"lifetime", sentence.Say("must be 1s to %s", MaxAdminTokenLifetime)}
	}
	now := i.Now()
	issued := now.Truncate(time.Second)
	expires := issued.Add(lifetime.Truncate(time.Second))
	jti := keys.NewTokenID()
	if err := i.Store.RecordEvent(ctx, audit.Event{
		Action: audit.AdminTokenIssued, Actor: actor, SubjectKind: "token", SubjectID: jti,
		Details: map[string]string{"scope": strings.Join(scopes, " "), "expires": expires.UTC().Format(time.RFC3339)},
	}); err != nil {
		return "", err
	}
	var c claims
	c.add("iss", i.Settings.Issuer)
	c.add("sub", AdminCLIClient) // RFC 9068 section 2.2: without a resource owner the subject is the client
	c.add("aud", i.Settings.AdminAudience())
	c.add("exp", expires.Unix())
	c.add("iat", issued.Unix())
	c.add("jti", jti)
	c.add("client_id", AdminCLIClient)
	c.add("scope", strings.Join(scopes, " "))
	return i.sign(keys.SignRequest{
		Purpose: keys.Token, Algorithm: i.Settings.Algorithm, Type: accessType, At: now, Expires: expires,
	}, c)
}

// AdminRights are the rights that the scopes of the admin API stand for, blank-separated.
func AdminRights(scope string) audit.Rights {
	var rights audit.Rights
	for name, right := range map[string]audit.Rights{
		ScopeAdmin: audit.ManageAll, ScopeAdminKeys: audit.ManageKeys, ScopeAdminUsers: audit.ManageUsers, ScopeAdminRead: audit.Read,
	} {
		if HasScope(scope, name) {
			rights |= right
		}
	}
	return rights
}

// RevokeGrant ends one grant of a user who has no more rights than the actor. ErrGrantNotFound where there is
// none; a grant that has ended already gives 0.
func (i *Issuer) RevokeGrant(ctx context.Context, id, reason string, actor audit.Actor) (int64, error) {
	if err := actor.Need(audit.ManageUsers); err != nil {
		return 0, err
	}
	grant, _, err := i.Store.GrantByID(ctx, id)
	if err != nil {
		return 0, err
	}
	if err := accounts.MayTouch(ctx, i.Store, grant.UserID, actor); err != nil {
		return 0, err
	}
	return i.revoke(ctx, Selection{GrantID: id}, AdminRevoked, reason, audit.Event{
		Action: audit.GrantRevoked, Actor: actor, SubjectKind: "grant", SubjectID: id,
	})
}

// EndGrant ends a grant at the wish of its client, with what it has ended for; one that has ended already,
// or is not stored any more, is no error.
func (i *Issuer) EndGrant(ctx context.Context, id string, why Reason, actor audit.Actor) error {
	_, err := i.revoke(ctx, Selection{GrantID: id}, why, string(why), audit.Event{
		Action: audit.GrantRevoked, Actor: actor, SubjectKind: "grant", SubjectID: id,
	})
	return err
}

// RevokeUser ends all grants of a user who has no more rights than the actor, and returns how many there were.
func (i *Issuer) RevokeUser(ctx context.Context, userID, reason string, actor audit.Actor) (int64, error) {
	if err := accounts.MayTouch(ctx, i.Store, userID, actor); err != nil {
		return 0, err
	}
	return i.revoke(ctx, Selection{UserID: userID}, AdminRevoked, reason, audit.Event{
		Action: audit.GrantRevoked, Actor: actor, SubjectKind: "user", SubjectID: userID,
	})
}

// RevokeAll ends all grants of everyone and returns how many there were. The caller revokes the refresh
// keys as well where the database itself is not trusted (`keyturn session end-all`).
func (i *Issuer) RevokeAll(ctx context.Context, reason string, actor audit.Actor) (int64, error) {
	if err := actor.Need(audit.ManageAll); err != nil {
		return 0, err
	}
	return i.revoke(ctx, Selection{All: true}, AllEnded, reason, audit.Event{
		Action: audit.SessionsEnded, Actor: actor, SubjectKind: "grant", SubjectID: "*",
	})
}

func (i *Issuer) revoke(ctx context.Context, s Selection, why Reason, text string, event audit.Event) (int64, error) {
	event.Reason = text
	ctx, cancel := settle(ctx)
	defer cancel()
	return i.Store.RevokeGrants(ctx, s, Revocation{Reason: why, Event: event})
}

// maxPage bounds a page of a list.
const maxPage = 1000

// Grant returns a grant, or ErrGrantNotFound.
func (i *Issuer) Grant(ctx context.Context, id string) (Grant, error) {
	grant, _, err := i.Store.GrantByID(ctx, id)
	return grant, err
}

// Grants lists a page of grants, newest first. *InvalidRequest where the limit is not 1 to 1000,
// ErrCursorGone where the cursor is no grant (any more). A person may list their own, everybody's who has audit.Read.
func (i *Issuer) Grants(ctx context.Context, q GrantQuery, actor audit.Actor) ([]Grant, error) {
	own := actor.Kind == audit.User && q.UserID != "" && q.UserID == actor.ID
	if err := actor.Need(audit.Read); err != nil && !own {
		return nil, err
	}
	if err := checkLimit(q.Limit); err != nil {
		return nil, err
	}
	return i.Store.Grants(ctx, q)
}

// RevokedTokens lists a page of revoked refresh tokens, newest first, with the errors of Grants, to whoever has
// audit.Read.
func (i *Issuer) RevokedTokens(ctx context.Context, q RevokedQuery, actor audit.Actor) ([]RevokedToken, error) {
	if err := actor.Need(audit.Read); err != nil {
		return nil, err
	}
	if err := checkLimit(q.Limit); err != nil {
		return nil, err
	}
	return i.Store.RevokedTokens(ctx, q)
}

func checkLimit(n int) error {
	if n < 1 || n > maxPage {
		return &InvalidRequest{"limit", sentence.Say("must be 1 to %d", maxPage)}
	}
	return nil
}
