// Package keys owns signing keys: their life as a pure function of a row and the clock, rotation,
// sealing at rest, the published JWKS, and signing itself. It is the only package that holds private
// keys. It leaves SQL to storage, HTTP to api, and what a token says to issuer.
package keys
