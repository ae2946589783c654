// Package oauth serves the OAuth 2.1 and OpenID Connect endpoints: so far the metadata documents and
// the key set that resource servers verify with. It reads and writes; issuer and keys decide.
package oauth
