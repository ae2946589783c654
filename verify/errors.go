package verify

import (
	"errors"

	"keyturn/verify/jws"
)

// The reasons for refusing. Every error of Verify and Authenticate is one of them, for errors.Is.
//
// Up to ErrSignature nothing in the token was proved: anybody could have written it, and what such an
// error says of the token is only what the token says of itself. From ErrIssuer on, the signature was good.
var (
	// ErrNoToken says that the request brings no bearer token: no Authorization header, an empty one, or
	// one of another scheme. The caller is unknown, not refused.
	ErrNoToken = errors.New("verify: no bearer token")
	// ErrRequest says that the request has two Authorization headers, or one that is not "Bearer" and one
	// token. No token was looked at.
	ErrRequest = errors.New("verify: malformed Authorization header")

	// ErrMalformed says that the text is no token that could be accepted: its size, shape, header or
	// algorithm, or, after the signature, claims of the wrong type, twice, or in another letter case.
	ErrMalformed = jws.ErrMalformed
	// ErrWrongType says that the header's typ, or the claim token_type, is that of another kind of token,
	// such as a refresh or ID token. It does not prove that the token really is one.
	ErrWrongType = errors.New("verify: wrong type of token")
	// ErrUnknownKey says that the issuer publishes no key of that kid for that algorithm. It does not
	// prove a forgery: the key may have been retired or revoked, or be newer than the last fetch.
	ErrUnknownKey = errors.New("verify: unknown key")
	// ErrNoKeys says that the keys could not be had, so that nothing is known about the token: it may be
	// good. The caller should try again (503), never sign anybody out.
	ErrNoKeys = errors.New("verify: no keys")
	// ErrSignature says that the signature is not the named key's over this token.
	ErrSignature = jws.ErrSignature

	// ErrIssuer says that the claim iss is not the issuer.
	ErrIssuer = errors.New("verify: wrong issuer")
	// ErrAudience says that the token was issued for another resource server.
	ErrAudience = errors.New("verify: wrong audience")
	// ErrExpired says that exp has passed. It does not prove that the token was good until then.
	ErrExpired = errors.New("verify: token expired")
	// ErrNotYetValid says that nbf or iat is in the future: mostly that a clock is wrong.
	ErrNotYetValid = errors.New("verify: token not valid yet")
	// ErrClaims says that a claim which RFC 9068 section 2.2 requires is missing.
	ErrClaims = errors.New("verify: required claim missing")
	// ErrBound says that the token belongs to the holder of another key (cnf, RFC 7800), which this
	// package can't check yet: as a bearer token it is worth nothing (RFC 9449 section 7.1).
	ErrBound = errors.New("verify: sender-constrained token")
	// ErrScope says that a good token lacks a scope that RequireScope names.
	ErrScope = errors.New("verify: insufficient scope")
)
