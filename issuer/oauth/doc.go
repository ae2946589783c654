// Package oauth owns how a client asks for what issuer issues: the clients themselves and how they
// authenticate, authorization requests and the browser's way through them, every grant type of the token
// endpoint, UserInfo, introspection, revocation and logout (RFC 6749, 7636, 7662, 7009, 8707, 9207; OpenID
// Connect Core, RP-Initiated, Back-Channel and Front-Channel Logout). It knows neither HTTP nor SQL.
package oauth
