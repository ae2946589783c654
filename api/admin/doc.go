// Package admin is the admin API under /admin/v1: JSON in, JSON out, problems as RFC 9457 says. It
// reads strictly (unknown and duplicate members are refused), asks accounts, issuer or keys, and
// writes. Who may call what is one table of routes and scopes.
//
// What all routes share:
//   - Members have the names of OIDC Core section 5.1 where it has one (given_name, family_name), else
//     snake_case. Times are RFC 3339 in UTC with microseconds, durations Go's text ("5m0s"), both left
//     out where there is none.
//   - A list is {"items": […], "next": "…"}; ?limit= is 1 to 1000 (100), ?after= the next of the page
//     before, which the last page lacks.
//   - What was created is 201 with Location; what was changed is 200 with the thing as it now is. What
//     may end grants is 200 with {"ended": n}; what else is done is 204.
//   - Ending grants and turning keys take {"reason": "…"}, at most 500 characters, for the audit log.
//   - PATCH changes the members that are given; an empty text clears one, null is refused. PUT replaces.
//   - Only the scope admin makes, changes, signs out or removes administrators.
//   - Who is refused is recorded: a 403, and a 401 for a token that is ours. Where that can't be recorded
//     the refusal stands and the log tells of both.
//
// No answer holds a hash, a key or a token. What is told once, to who made it, are a client's secret and a one-time link.
package admin
