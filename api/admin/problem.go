package admin

import (
	"cmp"
	"encoding/json"
	"errors"
	"net/http"
	"strings"

	"github.com/gin-gonic/gin"

	"keyturn/accounts"
	"keyturn/audit"
	"keyturn/issuer"
	"keyturn/issuer/oauth"
	"keyturn/keys"
)

// Problem is an answer to a request that is not fulfilled (RFC 9457).
type Problem struct {
	Status int
	// Title is the same for each problem of a kind; Detail says what to do about this one.
	Title  string
	Detail string
	// Param names the member or parameter that is wrong, empty where none is.
	Param string
	// Challenge is the WWW-Authenticate of RFC 6750 section 3, for 401 and 403.
	Challenge string
	// refusal is the reason under which audit.Refusal counts it, empty for what is no refusal of who asks.
	refusal string
}

// Error leaves Param out: an unknown one is the caller's text, which does not belong in a log.
func (p *Problem) Error() string { return "admin request: " + p.Title + ": " + p.Detail }

// The problems that the table in package api refers to.
var (
	Internal     = Problem{Status: http.StatusInternalServerError, Title: "Internal error", Detail: "Something is broken; the log says more under this request id."}
	Unavailable  = Problem{Status: http.StatusServiceUnavailable, Title: "Unavailable", Detail: "The database can't be reached or is busy; nothing is known to have changed. Try again."}
	InvalidToken = Problem{Status: http.StatusUnauthorized, Title: "Invalid token", Detail: "The access token is not valid for this API, or has expired.", Challenge: `Bearer realm="admin", error="invalid_token"`}
	CursorGone   = Problem{Status: http.StatusBadRequest, Title: "Invalid request", Param: "after", Detail: "The cursor names nothing that is still stored; begin anew without it."}
	BadText      = Problem{Status: http.StatusBadRequest, Title: "Invalid request", Detail: "A text holds characters that can't be stored."}

	// Forbidden is worded by *audit.Forbidden where that says what is needed.
	Forbidden = Problem{Status: http.StatusForbidden, Title: "Insufficient scope", Detail: "The caller's rights do not reach this.", Challenge: `Bearer realm="admin", error="insufficient_scope"`}

	noToken   = Problem{Status: http.StatusUnauthorized, Title: "No token", Detail: "Send an access token for this API in the Authorization header: of `keyturn admin token`, or of a sign-in at a client that is registered for it.", Challenge: `Bearer realm="admin"`}
	twoTokens = Problem{Status: http.StatusBadRequest, Title: "Invalid request", Detail: "Send exactly one Authorization header.", Challenge: `Bearer realm="admin", error="invalid_request"`}
	tooLarge  = Problem{Status: http.StatusRequestEntityTooLarge, Title: "Body too large", Detail: "The request body is larger than this route takes."}
)

// badRow is 503 and not 500: the program is well, the key table is not.
var badRow = Problem{Status: http.StatusServiceUnavailable, Title: "Key table altered", Detail: "A row of the key table fails its check, so no key is changed until that is mended; see the log and the runbook."}

// NotFound is 404 with what was not found.
func NotFound(detail string) Problem {
	return Problem{Status: http.StatusNotFound, Title: "Not found", Detail: detail}
}

// Conflict is 409 with what is in the way.
func Conflict(detail string) Problem {
	return Problem{Status: http.StatusConflict, Title: "Conflict", Detail: detail}
}

func notOfType(types []string) *Problem {
	return &Problem{
		Status: http.StatusUnsupportedMediaType, Title: "Unsupported media type",
		Detail: "Send " + strings.Join(types, " or ") + ".",
	}
}

func invalid(param, problem string) *Problem {
	return &Problem{Status: http.StatusBadRequest, Title: "Invalid request", Param: param, Detail: problem}
}

// ProblemOf gives the problem for errors that this package made or that carry their own words for bad
// input; a zero Problem for all others, which the table in package api knows.
func ProblemOf(err error) (problem Problem, name string) {
	if own, ok := errors.AsType[*Problem](err); ok {
		return *own, cmp.Or(own.refusal, "bad_request")
	}
	if file, ok := errors.AsType[*accounts.ImportError](err); ok {
		return *invalid("", importDetail(file)), "import_refused"
	}
	if taken, ok := errors.AsType[*accounts.ImportConflict](err); ok {
		detail := strings.TrimPrefix(taken.Error(), "accounts: ")
		return Conflict(strings.ToUpper(detail[:1]) + detail[1:] + "."), "import_conflict"
	}
	if in, ok := errors.AsType[*accounts.InvalidRequest](err); ok {
		return *invalid(in.Param, in.Problem.String()), "invalid_request"
	}
	if in, ok := errors.AsType[*issuer.InvalidRequest](err); ok {
		return *invalid(in.Param, in.Problem.String()), "invalid_request"
	}
	if in, ok := errors.AsType[*oauth.InvalidRequest](err); ok {
		return *invalid(in.Param, in.Problem.String()), "invalid_request"
	}
	if _, ok := errors.AsType[*keys.BadRow](err); ok {
		return badRow, "bad_key_row"
	}
	if in, ok := errors.AsType[*keys.BadRotation](err); ok {
		return *invalid(in.Param, in.Problem.String()), "invalid_request"
	}
	return Problem{}, ""
}

// forbidden is the refusal of what the caller's rights do not reach: a token of too little scope, or of a person
// whose roles do not suffice.
func forbidden(rights audit.Rights) *Problem {
	scope := scopeOf(rights)
	return needs(scope, refusedRights, "This needs the scope "+scope+`, and of a person a role that gives it: only those who may do everything make, change or sign out whoever may more than the caller, and set external ids.`)
}

// scopeOf is the scope with which a token has these rights.
func scopeOf(rights audit.Rights) string {
	for _, scope := range []string{issuer.ScopeAdminRead, issuer.ScopeAdminUsers, issuer.ScopeAdminKeys} {
		if issuer.AdminRights(scope).Cover(rights) {
			return scope
		}
	}
	return issuer.ScopeAdmin
}

// importDetail tells all that is wrong with a file, in one line.
func importDetail(e *accounts.ImportError) string {
	list := make([]string, 0, len(e.Problems)+1)
	for _, problem := range e.Problems {
		list = append(list, problem.String())
	}
	if e.More {
		list = append(list, "and more")
	}
	return "Nothing was imported. " + strings.Join(list, "; ")
}

// problemType is the media type of problems.
const problemType = "application/problem+json"

// problemView is how a problem looks (RFC 9457 section 3.1).
type problemView struct {
	Type      problemURI `json:"type"`
	Title     string     `json:"title"`
	Status    int        `json:"status"`
	Detail    string     `json:"detail,omitempty"`
	Param     string     `json:"param,omitempty"`
	Instance  string     `json:"instance"`
	RequestID string     `json:"request_id"`
}

// problemURI names a kind of problem; the page of the API says what to do about it.
type problemURI string

// kindOf is what names the kind of a problem in its type: its title, which is the same for all of the kind.
func kindOf(title string) string { return strings.ReplaceAll(strings.ToLower(title), " ", "-") }

// Write answers a problem of the API at base, its absolute URL.
func Write(c *gin.Context, p Problem, base, requestID string) {
	if p.Challenge != "" {
		c.Header("WWW-Authenticate", p.Challenge)
	}
	c.Header("Cache-Control", "no-store")
	text, err := json.Marshal(problemView{
		Type: problemURI(base + DocsPath + "#" + kindOf(p.Title)), Title: p.Title, Status: p.Status, Detail: p.Detail, Param: p.Param,
		Instance: base + "/problems/" + requestID, RequestID: requestID,
	})
	if err != nil {
		panic(err) // a struct of text
	}
	c.Data(p.Status, problemType, text)
}
