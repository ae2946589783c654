package admin

import (
	"net/http"
	"strings"

	"keyturn/api/openapi"
)

// description is what the API's document says of a route beyond the table of routes: each file of handlers has the
// descriptions of its routes beside it. TestEveryRouteIsDescribed demands one for each, and the test fixture holds
// every request and answer of the tests against what is made of it.
type description struct {
	// ID is the operationId. It never changes: generated clients have methods of these names.
	ID      string
	Tag     string
	Summary string
	Text    string
	// Body is nil where there is none.
	Body *bodyOf
	// Status is that of success; 204 where Answer is nil, else 200 where it is 0.
	Status int
	// Answer is an example of the type that the handler writes.
	Answer any
	// Lines are examples of the kinds of line of an answer that is an object a line (application/x-ndjson), in place
	// of Answer.
	Lines []any
	// Also are statuses of problems beside those that every route of its method and path has.
	Also []int
	// Tagged things have an entity tag: GET answers it, and PUT, PATCH and DELETE take it as If-Match.
	Tagged bool
}

// bodyOf is what a body may hold: members of View, or of bodyMembers, which come first. Must and May are
// blank-separated.
type bodyOf struct {
	View      any
	Must, May string
	// Example is a body that is taken. Its text is for people, too.
	Example string
	// Types are the media types, application/json where there is none.
	Types []string
	// Schema is that of the whole body where it is no object of members.
	Schema *openapi.Schema
}

// descriptions are those of all routes, by method and path.
func descriptions() map[string]description {
	all := map[string]description{}
	for _, some := range []map[string]description{
		describedKeys(), describedUsers(), describedInvitations(), describedFactors(), describedSessions(), describedGroups(), describedGrants(), describedClients(), describedResources(), describedAudit(), describedOperations(),
	} {
		for route, d := range some {
			all[route] = d
		}
	}
	return all
}

// tags are the chapters of the document, in its order.
var tags = []openapi.Tag{
	{Name: "users", Description: "People and their accounts."},
	{Name: "sessions", Description: "Browsers that are signed in."},
	{Name: "groups", Description: "Groups of people, their roles and what they demand."},
	{Name: "grants", Description: "Sign-ins at clients, and refresh tokens that were taken back."},
	{Name: "clients", Description: "Applications that people sign in to, and services."},
	{Name: "resources", Description: "Audiences of access tokens."},
	{Name: "operations", Description: "The running program: health, settings, letters, and the end of everything."},
	{Name: "audit", Description: "What happened, and who was refused."},
	{Name: "keys", Description: "Signing keys and their schedule."},
}

// status is that of success.
func (d description) status() int {
	switch {
	case d.Status != 0:
		return d.Status
	case d.Answer == nil && d.Lines == nil:
		return http.StatusNoContent
	}
	return http.StatusOK
}

// problems are the statuses of the problems that a route may answer.
func (d description) problems(r Route) []int {
	all := []int{http.StatusBadRequest, http.StatusUnauthorized, http.StatusForbidden}
	if strings.Contains(r.Path, ":") {
		all = append(all, http.StatusNotFound)
	}
	if r.Method != http.MethodGet {
		all = append(all, http.StatusPreconditionFailed, http.StatusRequestEntityTooLarge, http.StatusUnsupportedMediaType)
	}
	return append(append(all, d.Also...), http.StatusInternalServerError, http.StatusServiceUnavailable)
}
