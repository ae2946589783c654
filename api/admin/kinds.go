package admin

import (
	"net/http"

	"keyturn/api/openapi"
)

// Kinds are the kinds of problem. The name of each, made of its title, is the fragment of its type and never changes.
func Kinds() []openapi.Kind {
	all := []openapi.Kind{
		{Title: "Invalid request", Status: http.StatusBadRequest, What: "param names the member, parameter or header that is wrong, where one is; the detail says how. Mend it and send it again."},
		{Title: "No token", Status: http.StatusUnauthorized, What: "Send an access token in the Authorization header."},
		{Title: "Invalid token", Status: http.StatusUnauthorized, What: "The access token has expired, or is not for this API. Get another one."},
		{Title: "Insufficient authentication", Status: http.StatusUnauthorized, What: "A group of the token's person demands more proof than its sign-in gave. Ask for another one with the acr_values of WWW-Authenticate (RFC 9470)."},
		{Title: "Insufficient scope", Status: http.StatusForbidden, What: "The scope of the token, or what its person may do, does not reach this. WWW-Authenticate names the scope that would."},
		{Title: "Not found", Status: http.StatusNotFound, What: "There is no such thing, or not any more."},
		{Title: "Conflict", Status: http.StatusConflict, What: "Something is in the way: the detail says what. The same request may go through later, or never."},
		{Title: "Precondition failed", Status: http.StatusPreconditionFailed, What: "It was changed since the entity tag of If-Match was answered. Read it again and decide again."},
		{Title: "Body too large", Status: http.StatusRequestEntityTooLarge, What: "A body may have 64 KiB, that of an import 16 MiB."},
		{Title: "Unsupported media type", Status: http.StatusUnsupportedMediaType, What: "The detail names the types that this route takes."},
		{Title: "Internal error", Status: http.StatusInternalServerError, What: "Something is broken. The log tells what, under the request id."},
		{Title: "Unavailable", Status: http.StatusServiceUnavailable, What: "The database is away or too much is going on. Try again after the seconds of Retry-After."},
		{Title: "Key table altered", Status: http.StatusServiceUnavailable, What: "A row of the key table fails its check, and no key is changed until somebody has mended that; see the runbook."},
	}
	for i := range all {
		all[i].Name = kindOf(all[i].Title)
	}
	return all
}
