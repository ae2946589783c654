package oauth

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"
	"unicode/utf8"

	"keyturn/accounts"
	"keyturn/audit"
	"keyturn/audit/sentence"
	"keyturn/keys"
)

// AssertionType is the client_assertion_type of private_key_jwt (RFC 7523 section 2.2).
const AssertionType = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"

// Call is a request of a client to one of the back-channel endpoints.
type Call struct {
	// Form is the body; what stands in a query string does not count.
	Form url.Values
	// HasBasic tells that an Authorization header of the scheme Basic came; BasicID and BasicSecret are what it
	// held, percent-decoded (RFC 6749 section 2.3.1).
	HasBasic    bool
	BasicID     string
	BasicSecret keys.Secret
	Actor       audit.Actor
}

// one returns a parameter that may come at most once.
func (c *Call) one(name string) (string, error) {
	switch values := c.Form[name]; {
	case len(values) == 0:
		return "", nil
	case len(values) > 1:
		return "", &InvalidRequest{name, sentence.Say("is given more than once")}
	case !utf8.ValidString(values[0]) || strings.ContainsRune(values[0], 0):
		return "", &InvalidRequest{name, sentence.Say("holds characters that are not text")}
	default:
		return values[0], nil
	}
}

// needed is one for a parameter that must come.
func (c *Call) needed(name string) (string, error) {
	value, err := c.one(name)
	if err == nil && value == "" {
		err = &InvalidRequest{name, sentence.Say("is missing")}
	}
	return value, err
}

// AuthenticatedClient is a client that has proved itself as it is registered to, a public one by its id
// alone. Only this package makes one; its zero value is nobody.
type AuthenticatedClient struct{ client *Client }

// Client is who it is, nil for the zero value.
func (a AuthenticatedClient) Client() *Client { return a.client }

// actor is who acts in what comes of the call.
func (a AuthenticatedClient) actor(c *Call) audit.Actor {
	actor := c.Actor
	actor.Kind, actor.ID = audit.Client, a.client.ID
	return actor
}

// Authenticate finds out which client calls, and demands the one method that it is registered for (RFC 6749
// section 2.3, OIDC Core section 9). ErrClientAuth where that fails, without telling why: the cause is
// wrapped for the log.
func (p *Provider) Authenticate(ctx context.Context, call *Call) (AuthenticatedClient, error) {
	shown, err := call.credentials()
	if err != nil {
		return AuthenticatedClient{}, err
	}
	client, err := p.Clients.Find(ctx, shown.id)
	switch {
	case errors.Is(err, ErrUnknownClient), errors.Is(err, ErrClientDisabled):
		return AuthenticatedClient{}, fmt.Errorf("%w: %w", ErrClientAuth, err)
	case err != nil:
		return AuthenticatedClient{}, err
	}
	err = p.prove(ctx, client, shown)
	if err != nil && !errors.Is(err, ErrClientAuth) {
		return AuthenticatedClient{}, err
	}
	if err != nil {
		return AuthenticatedClient{}, p.noteRefusal(ctx, client, call.Actor, "client_authentication", err)
	}
	return AuthenticatedClient{client}, nil
}

// credentials are what a call shows of its client: an id, and the method with what belongs to it.
type credentials struct {
	id        string
	method    AuthMethod
	secret    keys.Secret
	assertion string
}

// credentials reads the one way in which the client authenticates; two at once are refused (RFC 6749
// section 2.3).
func (c *Call) credentials() (credentials, error) {
	var shown credentials
	id, err := c.one("client_id")
	if err != nil {
		return shown, err
	}
	secret, err := c.one("client_secret")
	if err != nil {
		return shown, err
	}
	assertion, err := c.one("client_assertion")
	if err != nil {
		return shown, err
	}
	kind, err := c.one("client_assertion_type")
	if err != nil {
		return shown, err
	}
	ways := 0
	for _, used := range []bool{c.HasBasic, secret != "", assertion != ""} {
		if used {
			ways++
		}
	}
	switch {
	case ways > 1:
		return shown, &InvalidRequest{"client_secret", sentence.Say("must not come together with another way of authentication")}
	case c.HasBasic:
		if id != "" && id != c.BasicID {
			return shown, &InvalidRequest{"client_id", sentence.Say("is another one than in the Authorization header")}
		}
		return credentials{id: c.BasicID, method: AuthBasic, secret: c.BasicSecret}, nil
	case assertion != "":
		if kind != AssertionType {
			return shown, &InvalidRequest{"client_assertion_type", sentence.Say("must be %s", AssertionType)}
		}
		subject := claimedSubject(assertion)
		if id != "" && id != subject {
			return shown, fmt.Errorf("%w: the assertion is not the client's", ErrClientAuth)
		}
		return credentials{id: subject, method: AuthPrivateKeyJWT, assertion: assertion}, nil
	case secret != "":
		return credentials{id: id, method: AuthPost, secret: keys.SecretOf(secret)}, nil
	case id == "":
		return shown, fmt.Errorf("%w: no client is named", ErrClientAuth)
	}
	return credentials{id: id, method: AuthNone}, nil
}

// claimedSubject is who an assertion says that it is of, to know whose keys to check it with. It proves
// nothing; "" where it can't be read.
func claimedSubject(assertion string) string {
	_, rest, _ := strings.Cut(assertion, ".")
	payload, _, _ := strings.Cut(rest, ".")
	if len(payload) > maxClaims {
		return ""
	}
	text, err := base64.RawURLEncoding.DecodeString(payload)
	if err != nil {
		return ""
	}
	var claims struct {
		Subject string `json:"sub"`
	}
	if keys.DecodeClaims(text, &claims) != nil {
		return ""
	}
	return claims.Subject
}

// prove checks what is shown against what is registered.
func (p *Provider) prove(ctx context.Context, c *Client, shown credentials) error {
	if shown.method != c.AuthMethod {
		return fmt.Errorf("%w: the client is registered for %s", ErrClientAuth, c.AuthMethod)
	}
	switch shown.method {
	case AuthNone:
		return nil
	case AuthBasic, AuthPost:
		matched := false
		for _, s := range c.Secrets { // all of them, whichever matches
			matched = s.Hash.Matches(shown.secret) || matched
		}
		if !matched {
			return fmt.Errorf("%w: wrong secret", ErrClientAuth)
		}
		return nil
	case AuthPrivateKeyJWT:
		return p.Assertions.Check(ctx, c, shown.assertion)
	}
	return fmt.Errorf("%w: unknown method", ErrClientAuth)
}

// refusalTime bounds how long a refusal waits for its trace.
const refusalTime = time.Second

// noteRefusal counts a refusal of a known client, and returns err.
func (p *Provider) noteRefusal(ctx context.Context, c *Client, actor audit.Actor, reason string, err error) error {
	if p.Refusals == nil || errors.Is(err, keys.ErrUnavailable) {
		return err
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), refusalTime)
	defer cancel()
	lost := p.Refusals.AddRefusal(ctx, audit.Refusal{Account: c.ID, Address: accounts.PlaceOf(actor.Address), Reason: reason})
	if lost != nil {
		p.Log.Error("refusal not recorded", "client", c.ID, "error", lost)
	}
	return err
}
