package keys

import (
	"context"
	"errors"
	"fmt"
	"time"

	"keyturn/verify/jws"
)

// Errors of signing and verifying.
var (
	// ErrNoSigningKey says that no key may sign at the moment asked for.
	ErrNoSigningKey = errors.New("keys: no key signs at that time")
	// ErrBeyondKey says that the token would outlive the key that has to verify it.
	ErrBeyondKey = errors.New("keys: the token would expire after its key")
	// ErrInvalidToken says that the text is not a token signed by the key that it names; it wraps the
	// reason of package jws.
	ErrInvalidToken = errors.New("keys: invalid token")
	// ErrUnknownKey says that no key with the token's kid verifies now.
	ErrUnknownKey = errors.New("keys: unknown key")
)

// SignRequest asks for a token.
type SignRequest struct {
	Purpose Purpose
	// Algorithm is the wanted one; another signs while its first key is in its lead.
	Algorithm Algorithm
	// Type is the header's typ.
	Type string
	// At picks the key: now, or for a refresh token the moment that its grant was rotated at.
	At time.Time
	// Expires is the token's exp.
	Expires time.Time
	// Claims is the payload, signed as it is.
	Claims []byte
}

// Sign returns the compact JWS. With EdDSA the same request gives the same bytes on every instance that
// has read the same keys. Errors: ErrStale, ErrNoSigningKey, ErrBeyondKey.
func (r *Ring) Sign(q SignRequest) (string, error) {
	key, err := r.choose(q)
	if err != nil {
		return "", err
	}
	return key.sign(q.Type, q.Claims)
}

// Signs tells which algorithm Sign would use for the request now, with the errors that it would return: for
// what a token says of its own signature, and before something is consumed for the sake of a token. Type and
// Claims do not count.
func (r *Ring) Signs(q SignRequest) (Algorithm, error) {
	key, err := r.choose(q)
	if err != nil {
		return "", err
	}
	return key.Algorithm, nil
}

// choose picks the key that signs the request.
func (r *Ring) choose(q SignRequest) (*openedKey, error) {
	now := r.Now()
	s, err := r.fresh(now)
	if err != nil {
		return nil, err
	}
	k, ok := r.signer(s.keys, q)
	// A time ahead (the database's clock may be) must not make a waiting key sign before its turn.
	if !ok || k.SignsFrom.After(now.Add(verifyMargin)) {
		return nil, fmt.Errorf("%w: %s %s at %s", ErrNoSigningKey, q.Purpose, q.Algorithm, q.At.UTC().Format(time.RFC3339))
	}
	if q.Expires.After(k.VerifiesUntil) {
		return nil, fmt.Errorf("%w: %s verifies until %s", ErrBeyondKey, k.KID, k.VerifiesUntil.UTC().Format(time.RFC3339))
	}
	return s.opened[k.KID], nil
}

// signer is Signer, which asks for the policy only where it decides: it is put together from every resource
// and client, which can cost more than the signature.
func (r *Ring) signer(keys []Key, q SignRequest) (Key, bool) {
	if i := turn(keys, lane{q.Purpose, q.Algorithm}, q.At); i >= 0 {
		return keys[i], true
	}
	return Signer(keys, r.Policy(), q.Purpose, q.Algorithm, q.At)
}

// Verified is a token whose signature was checked; its purpose, type and claims are for the caller to
// judge, and all three must fit: a key of one purpose proves nothing for the other.
type Verified struct {
	KID string
	// Purpose is that of the key, never what the token says.
	Purpose   Purpose
	Type      string
	Algorithm Algorithm
	Claims    []byte
}

// Verify checks that raw was signed by a key of ours that verifies now, of either purpose. An unknown
// kid makes the ring read the keys again, at most once a second, and waits for that until ctx ends, 5 s
// at most; a known one waits for nothing. Errors: ErrInvalidToken, ErrUnknownKey, and one that wraps
// ErrUnavailable where it can't be told (the caller answers 503, never "invalid").
func (r *Ring) Verify(ctx context.Context, raw string) (Verified, error) {
	token, err := jws.Parse(raw, string(RS256), string(PS256), string(ES256), string(EdDSA))
	if err != nil {
		return Verified{}, fmt.Errorf("%w: %w", ErrInvalidToken, err)
	}
	k, err := r.find(ctx, token.KeyID)
	if err != nil {
		return Verified{}, err
	}
	if !k.verifies(r.Now()) {
		return Verified{}, ErrUnknownKey
	}
	// RFC 8725 section 3.1: the key says what its algorithm is, not the token.
	if token.Algorithm != string(k.Algorithm) {
		return Verified{}, fmt.Errorf("%w: not the key's algorithm", ErrInvalidToken)
	}
	claims, err := token.Verify(k.public)
	if err != nil {
		return Verified{}, fmt.Errorf("%w: %w", ErrInvalidToken, err)
	}
	return Verified{KID: k.KID, Purpose: k.Purpose, Type: token.Type, Algorithm: k.Algorithm, Claims: claims}, nil
}

// DecodeClaims reads a claims object into v with names matched by exact case, duplicate members refused.
// Its error wraps ErrInvalidToken.
func DecodeClaims(claims []byte, v any) error {
	if err := jws.Decode(claims, v); err != nil {
		return fmt.Errorf("%w: %w", ErrInvalidToken, err)
	}
	return nil
}

// find looks the kid up, after one more reading where it is unknown: another instance may have made the
// key a moment ago.
func (r *Ring) find(ctx context.Context, kid string) (*openedKey, error) {
	s, err := r.fresh(r.Now())
	if err != nil {
		return nil, err
	}
	if k := s.opened[kid]; k != nil {
		return k, nil
	}
	if kid == "" {
		return nil, ErrUnknownKey
	}
	if err := r.readAgain(ctx); err != nil {
		return nil, fmt.Errorf("read keys for an unknown kid: %w: %w", ErrUnavailable, err)
	}
	if k := r.snapshot.Load().opened[kid]; k != nil {
		return k, nil
	}
	return nil, ErrUnknownKey
}

// readAgain reads the keys unless that was last over less than a second ago, and returns how it went. Nobody waits for
// it for longer than a reading may take.
func (r *Ring) readAgain(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	return r.again.Do(ctx, r.Now, r.Reload)
}
