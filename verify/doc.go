// Package verify is the library for resource servers: it checks access tokens (RFC 9068) with the
// issuer's public keys, which it fetches, caches and follows through every rotation by itself.
//
//	v, err := verify.New("https://id.example.com", verify.Audience("orders"))
//	mux.Handle("/orders", v.Handler(orders))
//
// It owns what a bearer token proves: who issued it, for whom, until when. Which order whose token may
// read stays with the caller. It asks the issuer about no single token: a token taken back before its
// time is good here until it expires.
package verify
