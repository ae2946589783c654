// Package admin is the admin API under /admin/v1: JSON in, JSON out, problems as RFC 9457 says. It
// reads strictly (unknown and duplicate members are refused), asks accounts, issuer or keys, and
// writes. Who may call what is one table of routes and scopes.
package admin
