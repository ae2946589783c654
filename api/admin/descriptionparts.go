package admin

import (
	"net/http"

	"keyturn/accounts"
	"keyturn/api/openapi"
	"keyturn/audit"
	"keyturn/issuer"
	"keyturn/keys"
)

// pathNotes describe the variables of paths.
var pathNotes = map[string]string{
	"id":      "The id; it never changes and is never used again.",
	"kid":     "The id of a key.",
	"session": "The id of a browser session.",
	"secret":  "The id of a secret, not the secret.",
	"user":    "The id of a user.",
	"client":  "The id of a client.",
}

func whole(n int64) *int64 { return &n }

// queryParameters are those of query strings. One that means something of its own at a route stands under the route's
// name, too.
var queryParameters = map[string]openapi.Parameter{
	"limit":      {Description: "How many at most.", Schema: &openapi.Schema{Type: "integer", Minimum: whole(1), Maximum: whole(1000), Default: 100}},
	"after":      {Description: "The next of the page before.", Schema: &openapi.Schema{Type: "string"}},
	"prefix":     {Description: "Only those whose name, or client id, begins so.", Schema: &openapi.Schema{Type: "string"}},
	"failed":     {Description: "Those that were given up.", Schema: &openapi.Schema{Type: "boolean", Default: false}},
	"live":       {Description: "Only those that have not ended.", Schema: &openapi.Schema{Type: "boolean", Default: false}},
	"user_id":    {Description: "Only those of this user.", Schema: &openapi.Schema{Type: "string"}},
	"identifier": {Description: "The resource.", Required: true, Schema: &openapi.Schema{Type: "string"}},
	"resource":   {Description: "The audience that the role is for.", Required: true, Schema: &openapi.Schema{Type: "string"}},
	"role":       {Description: "The name of the role.", Required: true, Schema: &openapi.Schema{Type: "string"}},

	"action":       {Description: "Only this action, or those that begin with a word and a dot, such as user.", Schema: &openapi.Schema{Type: "string"}},
	"actor":        {Description: "Only what this user, client or operator did, by id.", Schema: &openapi.Schema{Type: "string"}},
	"subject":      {Description: "Only what happened to this, by id.", Schema: &openapi.Schema{Type: "string"}},
	"subject_kind": {Description: "Only what happened to things of this kind, such as user.", Schema: &openapi.Schema{Type: "string"}},
	"address":      {Description: "Only from this network address.", Schema: &openapi.Schema{Type: "string"}},
	"account":      {Description: "Only those of this user or client, by id.", Schema: &openapi.Schema{Type: "string"}},
	"since":        {Description: "Not before this time.", Schema: &openapi.Schema{Type: "string", Format: "date-time"}},
	"until":        {Description: "Before this time.", Schema: &openapi.Schema{Type: "string", Format: "date-time"}},

	"client_id": {Description: "Only those at this client.", Schema: &openapi.Schema{Type: "string"}},
	"step":      {Description: "How long a step is, a duration of whole minutes up to 168h; 1000 steps at most.", Schema: &openapi.Schema{Type: "string", Default: "1h"}},
	"mode":      {Description: "graceful, immediate or compromised.", Schema: new(oneOf(keys.Graceful, keys.Immediate, keys.Compromised))},
	"algorithm": {Description: "Only the token keys of this algorithm.", Schema: new(oneOf(issuer.Algorithms...))},
	"purpose":   {Description: "Only the keys of this purpose.", Schema: new(oneOf(keys.Token, keys.Refresh))},
	"kid":       {Description: "The key that is compromised.", Schema: &openapi.Schema{Type: "string"}},
	"force":     {Description: "Turn though the waiting key has not been published for its lead.", Schema: &openapi.Schema{Type: "boolean", Default: false}},
	"all":       {Description: "Revoke all keys of the lane, or of all.", Schema: &openapi.Schema{Type: "boolean", Default: false}},

	"GET /users/invitations prefix":      {Description: "Only those whose address begins so.", Schema: &openapi.Schema{Type: "string"}},
	"GET /activity since":                {Description: "From when; the minute that it is in.", Schema: &openapi.Schema{Type: "string", Format: "date-time"}},
	"GET /activity until":                {Description: "To when; without it, the end of the step that runs.", Schema: &openapi.Schema{Type: "string", Format: "date-time"}},
	"GET /resources/snippets identifier": {Description: "The resource.", Schema: &openapi.Schema{Type: "string"}},
	"GET /audit/export after":            {Description: "The number of a seal: only what comes after it.", Schema: &openapi.Schema{Type: "integer", Minimum: whole(1)}},
	"GET /resources identifier":          {Description: "Only this one; the answer has its entity tag then.", Schema: &openapi.Schema{Type: "string"}},
}

// bodyMembers are members of bodies that no view has, or has otherwise.
var bodyMembers = map[string]openapi.Schema{
	"password":      {Type: "string", Format: "password", MinLength: accounts.MinPassword, Description: "8 characters to 1024 bytes, and not one of those that are tried first."},
	"client_secret": {Type: "string", Format: "password", MinLength: 32, MaxLength: 512, Description: "One of your own; left out, one is made."},
	"reason":        {Type: "string", MaxLength: audit.MaxReason, Description: "For the audit log, one line."},
	"everybody":     {Type: "boolean", Description: "Must be true."},
	"language":      {Type: "string", Description: "Of the letter (BCP 47)."},
	"lifetime":      {Type: "string", Description: "How long the link is good, a duration like 48h."},
	"required_acr":  oneOf("", accounts.TwoFactors, accounts.PhishingResistant),
	"mode":          oneOf(keys.Graceful, keys.Immediate, keys.Compromised),
	"force":         {Type: "boolean", Description: "Turn though the waiting key has not been published for its lead."},
	"all":           {Type: "boolean", Description: "Revoke all keys of the lane, or of all."},
	"kid":           {Type: "string", Description: "The key that is compromised."},
}

// problemNotes say when each status of a problem is answered.
var problemNotes = map[int]string{
	http.StatusBadRequest:            "A member, parameter or header is wrong, unknown or missing; param names it.",
	http.StatusUnauthorized:          "No token, or one that is not valid here or has expired.",
	http.StatusForbidden:             "The scope of the token, or what its person may do, does not suffice.",
	http.StatusNotFound:              "There is no such thing.",
	http.StatusConflict:              "Something is in the way: the detail says what.",
	http.StatusPreconditionFailed:    "If-Match names another state than it has now; nothing was changed.",
	http.StatusRequestEntityTooLarge: "The body is larger than this route takes.",
	http.StatusUnsupportedMediaType:  "The body is of another type than this route takes.",
	http.StatusInternalServerError:   "Something is broken.",
	http.StatusServiceUnavailable:    "The database is away or too much is going on; Retry-After says when to try again.",
}

// notes describe types and members where their names don't say enough.
var notes = map[string]string{
	"User.external_id":         "The id that another system knew the user by; tokens release it as user_id.",
	"User.admin":               "May do everything.",
	"User.claims":              "The further standard claims of OpenID Connect.",
	"Invitation":               "An invitation that nobody has taken yet.",
	"Invitation.state":         "waiting: its letter is still to leave. given_up: that could not be sent. sent: it has left. handed: its link was shown to whoever invited.",
	"Invitation.invited_by":    "The user who invited; left out for a client and the command line.",
	"Invitation.created_at":    "When it was made; once its letter has left, when that was.",
	"Invitation.expires_at":    "When its newest link ends; left out where none has left yet.",
	"Grant":                    "A sign-in at a client.",
	"Grant.refresh_expires_at": "When its newest refresh token expires.",
	"Grant.expires_at":         "When it ends, however often it is refreshed.",
	"Grant.amr":                "How the person proved who they are, blank-separated (RFC 8176).",
	"Grant.acr":                "How strongly: 2 for two factors, phr for what can't be phished.",
	"Task":                     "One thing that production needs.",
	"Task.what":                "What it is.",
	"Task.fact":                "How it is now.",
	"Task.do":                  "The setting or command that changes it.",
	"Activity":                 "What happened in one step of time.",
	"Activity.from":            "When the step begins.",
	"Open":                     "What is open, and ends with an act.",
	"Open.more":                "As many were counted as are at most: there may be others.",
	"Open.tokens_until":        "Access tokens can't be taken back: from then on, none of those is accepted.",
	"Open.last_administrator":  "Nobody would be left who may do everything.",
	"Snippet":                  "Code to copy.",
	"Snippet.stack":            "What it is for.",
	"Link.link":                "Told once, where it was made.",
	"Grant.generation":         "How often its refresh token was replaced, and one.",
	"Grant.reason":             "Why it was ended.",
	"RevokedToken.until":       "When it would have expired.",
	"Client.client_secret":     "Told once, where it was made.",
	"Client.default_max_age":   "Seconds after which people sign in again.",
	"Group.required_acr":       "How strongly people in it must prove themselves; left out for no demand.",
	"Resource":                 "An audience. What it leaves out follows the settings.",
	"Key.signs_from":           "When it takes over from the one before.",
	"Outcome.safe_by":          "From when nobody accepts what the old key signed.",
	"Problem.type":             "A URI that names the kind of problem; the page there says what to do.",
	"Problem.title":            "The same for each problem of a kind.",
	"Problem.detail":           "What is wrong with this request.",
	"Problem.param":            "The member, parameter or header that is wrong.",
	"Problem.instance":         "A URI that names this one answer.",
	"Problem.request_id":       "The log tells more under it.",
	"Session.amr":              "How the person proved who they are, blank-separated (RFC 8176).",
	"Member":                   "A person in a group.",
	"Lane":                     "A succession of keys of a purpose and algorithm.",
	"Ended.ended":              "How many sign-ins it ended.",
}
