package oauth

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strconv"
	"strings"

	"keyturn/audit"
	"keyturn/issuer"
	"keyturn/keys"
)

// ErrClientChanged says that somebody else changed the client since it was read; nothing was changed.
var ErrClientChanged = errors.New("oauth: the client was changed meanwhile")

// maxPage bounds a page of a list.
const maxPage = 1000

// NewClient is a client to be registered.
type NewClient struct {
	ID string
	Metadata
	// Secret is one that the client has already, for one that moves here: 32 bytes at least. Without it one is
	// made for a client that needs one.
	Secret keys.Secret
}

// Defaults is m with what a new client has where nothing is said: client_secret_basic, the code flow with
// refresh tokens, and for first-party clients and services the default audience. An empty list stays empty;
// nil is not said.
func (r *Registry) Defaults(m Metadata) Metadata { return m.withDefaults(r.Settings) }

// Create registers an enabled client, with Defaults. Changes of clients need audit.ManageAll. It returns
// *InvalidRequest for bad input and ErrClientExists, and the secret if it made one: the only time that anybody sees it.
func (r *Registry) Create(ctx context.Context, n NewClient, actor audit.Actor) (Client, keys.Secret, error) {
	if err := actor.Need(audit.ManageAll); err != nil {
		return Client{}, keys.Secret{}, err
	}
	n.Metadata = r.Defaults(n.Metadata)
	if problem := idProblem(n.ID); !problem.IsZero() {
		return Client{}, keys.Secret{}, &InvalidRequest{"client_id", problem}
	}
	if n.ID == r.Settings.Audience || slices.Contains(n.Resources, n.ID) {
		// The aud of its ID tokens would be that of access tokens, from the same keys.
		return Client{}, keys.Secret{}, invalid("client_id", "must not be the name of an audience")
	}
	if err := n.check(r.Settings); err != nil {
		return Client{}, keys.Secret{}, err
	}
	c := Client{ID: n.ID, Metadata: n.Metadata, Enabled: true}
	own := n.Secret.Reveal() != ""
	var made keys.Secret
	switch {
	case own && !n.AuthMethod.UsesSecret():
		return Client{}, keys.Secret{}, invalid("client_secret", "is not for clients that authenticate with %s", n.AuthMethod)
	case n.AuthMethod.UsesSecret():
		stored, secret, err := newSecret(n.Secret)
		if err != nil {
			return Client{}, keys.Secret{}, err
		}
		c.Secrets, made = []ClientSecret{stored}, secret
	}
	event := clientEvent(audit.ClientCreated, n.ID, actor)
	event.Details = describe(n.Metadata)
	ctx, cancel := settleChange(ctx)
	defer cancel()
	c, err := r.Store.CreateClient(ctx, c, event)
	if err != nil {
		return Client{}, keys.Secret{}, err
	}
	r.readBack(ctx)
	return c, made, nil
}

// Update replaces all that is registered about a client, without Defaults: what is not said is not set. A client that
// no longer authenticates with a secret loses those it has. It returns *InvalidRequest for bad input
// and ErrClientNotFound.
func (r *Registry) Update(ctx context.Context, id string, m Metadata, actor audit.Actor) (Client, error) {
	if err := actor.Need(audit.ManageAll); err != nil {
		return Client{}, err
	}
	was, err := r.Get(ctx, id)
	if err != nil {
		return Client{}, err
	}
	if err := m.check(r.Settings); err != nil {
		return Client{}, err
	}
	event := clientEvent(audit.ClientUpdated, id, actor)
	event.Details = describe(m)
	event.Details["fields"] = strings.Join(changedMembers(was.Metadata, m), " ")
	ctx, cancel := settleChange(ctx)
	defer cancel()
	c, err := r.Store.UpdateClient(ctx, id, m, event)
	r.readBack(ctx)
	return c, err
}

// SetEnabled turns a client on or off. Off ends all its grants; it returns how many.
func (r *Registry) SetEnabled(ctx context.Context, id string, enabled bool, actor audit.Actor) (ended int64, err error) {
	if err := actor.Need(audit.ManageAll); err != nil {
		return 0, err
	}
	if !idProblem(id).IsZero() {
		return 0, ErrClientNotFound
	}
	action := audit.ClientDisabled
	if enabled {
		action = audit.ClientEnabled
	}
	ctx, cancel := settleChange(ctx)
	defer cancel()
	ended, err = r.Store.SetClientEnabled(ctx, id, enabled, clientEvent(action, id, actor))
	r.readBack(ctx)
	return ended, err
}

// Delete removes a client and ends all its grants; it returns how many. Its id is never used again.
func (r *Registry) Delete(ctx context.Context, id string, actor audit.Actor) (ended int64, err error) {
	if err := actor.Need(audit.ManageAll); err != nil {
		return 0, err
	}
	if !idProblem(id).IsZero() {
		return 0, ErrClientNotFound
	}
	ctx, cancel := settleChange(ctx)
	defer cancel()
	ended, err = r.Store.DeleteClient(ctx, id, clientEvent(audit.ClientDeleted, id, actor))
	r.readBack(ctx)
	return ended, err
}

// RotateSecret gives a client another secret, own or a new one that it returns, the only time that anybody
// sees it. The one before stays valid beside it; where there were two, the older falls out. It returns
// *InvalidRequest for a client that uses none, and ErrClientChanged where that has just become so.
func (r *Registry) RotateSecret(ctx context.Context, id string, own keys.Secret, actor audit.Actor) (keys.Secret, Client, error) {
	if err := actor.Need(audit.ManageAll); err != nil {
		return keys.Secret{}, Client{}, err
	}
	was, err := r.Get(ctx, id)
	if err != nil {
		return keys.Secret{}, Client{}, err
	}
	if !was.AuthMethod.UsesSecret() {
		return keys.Secret{}, Client{}, invalid("client_secret", "is not for clients that authenticate with %s", was.AuthMethod)
	}
	stored, made, err := newSecret(own)
	if err != nil {
		return keys.Secret{}, Client{}, err
	}
	event := clientEvent(audit.ClientSecretAdded, id, actor)
	event.Details = map[string]string{"secret": stored.ID}
	ctx, cancel := settleChange(ctx)
	defer cancel()
	c, err := r.Store.AddSecret(ctx, id, stored, event)
	if errors.Is(err, issuer.ErrConflict) {
		return keys.Secret{}, Client{}, ErrClientChanged
	}
	if err != nil {
		return keys.Secret{}, Client{}, err
	}
	r.readBack(ctx)
	return made, c, nil
}

// RemoveSecret makes a secret of a client invalid, the last one too. ErrClientNotFound, ErrSecretNotFound.
func (r *Registry) RemoveSecret(ctx context.Context, id, secretID string, actor audit.Actor) (Client, error) {
	if err := actor.Need(audit.ManageAll); err != nil {
		return Client{}, err
	}
	was, err := r.Get(ctx, id)
	if err != nil {
		return Client{}, err
	}
	if !slices.ContainsFunc(was.Secrets, func(s ClientSecret) bool { return s.ID == secretID }) {
		return Client{}, ErrSecretNotFound // and no database is asked for what may be any text
	}
	ctx, cancel := settleChange(ctx)
	defer cancel()
	event := clientEvent(audit.ClientSecretRemoved, id, actor)
	event.Details = map[string]string{"secret": secretID}
	c, err := r.Store.RemoveSecret(ctx, id, secretID, event)
	r.readBack(ctx)
	return c, err
}

// Get returns a client, a disabled one too, as the database says now; ErrClientNotFound where there is none.
func (r *Registry) Get(ctx context.Context, id string) (*Client, error) {
	if err := r.read(ctx, notPolled); err != nil {
		return nil, err
	}
	if c := r.known.Load().byID[id]; c != nil {
		return c, nil
	}
	return nil, ErrClientNotFound
}

// List returns a page of clients, disabled ones too, in the order of their ids (byte order), as the database
// says now: those whose id begins with prefix, behind the id after. To whoever has audit.Read.
func (r *Registry) List(ctx context.Context, prefix, after string, limit int, actor audit.Actor) ([]*Client, error) {
	if err := actor.Need(audit.Read); err != nil {
		return nil, err
	}
	if limit < 1 || limit > maxPage {
		return nil, invalid("limit", "must be 1 to %d", maxPage)
	}
	if err := r.read(ctx, notPolled); err != nil {
		return nil, err
	}
	var page []*Client
	for _, c := range r.known.Load().byOrder {
		if len(page) < limit && c.ID > after && strings.HasPrefix(c.ID, prefix) {
			page = append(page, c)
		}
	}
	return page, nil
}

// settleChange frees a change from the caller's cancellation, under a deadline of its own: one that ends
// grants must not be cancelled by whoever caused it.
func settleChange(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), storeTimeout)
}

// readBack makes a change count in this process at once. The change stands where that fails; the next poll
// brings it.
func (r *Registry) readBack(ctx context.Context) {
	if err := r.read(ctx, notPolled); err != nil {
		r.log().Warn("a change of a client is not known here yet", "error", err)
	}
}

// newSecret is what is stored of a secret: of own, or of a new one, which it returns.
func newSecret(own keys.Secret) (stored ClientSecret, made keys.Secret, err error) {
	// 64 bits tell secrets of one client apart, and operators type them.
	stored.ID = keys.NewTokenID()[:16]
	if own.Reveal() == "" {
		made = keys.NewSecret()
		stored.Hash = made.Hash()
		return stored, made, nil
	}
	if problem := secretProblem(own); !problem.IsZero() {
		return ClientSecret{}, keys.Secret{}, &InvalidRequest{"client_secret", problem}
	}
	stored.Hash = own.Hash()
	return stored, keys.Secret{}, nil
}

func clientEvent(action audit.Action, id string, actor audit.Actor) audit.Event {
	return audit.Event{Action: action, Actor: actor, SubjectKind: "client", SubjectID: id}
}

// maxDetail keeps an event small: fifty redirect URIs may have 100 kB.
const maxDetail = 2000

// describe tells the audit log what decides about who can get tokens.
func describe(m Metadata) map[string]string {
	grants := make([]string, len(m.GrantTypes))
	for n, g := range m.GrantTypes {
		grants[n] = string(g)
	}
	details := map[string]string{
		"auth_method":   string(m.AuthMethod),
		"grant_types":   strings.Join(grants, " "),
		"first_party":   strconv.FormatBool(m.FirstParty),
		"redirect_uris": strings.Join(m.RedirectURIs, " "),
		"resources":     strings.Join(m.Resources, " "),
		"scopes":        strings.Join(m.Scopes, " "),
	}
	for name, value := range details {
		switch {
		case value == "":
			delete(details, name)
		case len(value) > maxDetail:
			details[name] = strconv.Itoa(len(strings.Fields(value))) + " of them"
		}
	}
	return details
}

// changedMembers names the members of the metadata that differ.
func changedMembers(was, is Metadata) []string {
	before, after := membersOf(was), membersOf(is)
	var names []string
	for name := range after {
		if !bytes.Equal(before[name], after[name]) {
			names = append(names, name)
		}
	}
	for name := range before {
		if _, still := after[name]; !still {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// membersOf are the members that are set; none where m has no JSON form, which checked metadata has.
func membersOf(m Metadata) map[string]json.RawMessage {
	var members map[string]json.RawMessage
	if text, err := json.Marshal(m); err != nil || json.Unmarshal(text, &members) != nil {
		return nil
	}
	return members
}
