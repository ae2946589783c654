package web

import "slices"

// errorKeys are the keys that an Error may have; each has three texts: what happened, what was kept, what to
// do next.
var errorKeys = []string{
	"general",
	"invalid_request",      // what the client sent can't be understood
	"invalid_client",       // an unknown client, or one that is switched off
	"invalid_redirect_uri", // missing, or not one that is registered
	"invalid_logout",       // a sign-out that can't be carried out as the client asks
	"expired",              // the sign-in is gone, or belongs to another browser
	"link_used",            // a one-time link that has done its work
	"link_gone",            // one that is not good any more
	"no_cookie",            // the browser did not send back the cookie that it was given
	"forged",               // a form that another site sent
	"forbidden",            // the person lacks a right
	"not_found",
	"method_not_allowed", // an address that only programs and forms use
	"unavailable",        // the database is away or busy
	"server_error",
}

// errorsWithHome are those whose text speaks of the account page.
var errorsWithHome = []string{"invalid_logout", "forged", "forbidden", "not_found", "method_not_allowed"}

func errorKey(key string) string {
	if slices.Contains(errorKeys, key) {
		return key
	}
	return "general"
}

// doneKey is the key of the text about what was just done.
func doneKey(done string) string {
	if !slices.Contains(dones, done) {
		done = "general"
	}
	return "done." + done
}
