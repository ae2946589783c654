package console

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"keyturn/api/admin"
	"keyturn/audit"
	"keyturn/issuer"
)

// sameInAdminAPI names for each address of the console, by method, the operations of the admin API (by operationId) by
// which a program sees or does the same. A form is filled with what the first of its operations read.
var sameInAdminAPI = map[string]string{
	"GET ":        "readHealth listActivity planKeys listClients listUsers",
	"GET /search": "listUsers listGroups listClients listKeys readGrant",

	"GET /set-up":               "listTasks",
	"GET /set-up/client":        "listClients", // a choice of forms
	"GET /set-up/client/:kind":  "listResources",
	"POST /set-up/client/:kind": "createClient listClientSnippets createResource",
	"GET /set-up/api":           "listResourceSnippets listResources",

	"GET /users":             "listUsers",
	"GET /users/new":         "listUsers",
	"POST /users/new":        "createUser",
	"GET /users/invite":      "listSettings",
	"POST /users/invite":     "inviteUser linkInvitation",
	"GET /users/invitations": "listInvitations",
	"GET /users/invitations/:invitation/withdraw":  "listInvitations",
	"POST /users/invitations/:invitation/withdraw": "withdrawInvitation",
	"GET /users/:id":                        "readUser readFactors listSessions listGrants listUserGroups listEvents",
	"GET /users/:id/edit":                   "readUser",
	"POST /users/:id/edit":                  "updateUser",
	"GET /users/:id/password":               "readOpenOfUser",
	"POST /users/:id/password":              "setPassword",
	"GET /users/:id/reset-link":             "readUser",
	"POST /users/:id/reset-link":            "linkPasswordReset",
	"GET /users/:id/send-reset":             "readUser",
	"POST /users/:id/send-reset":            "sendPasswordReset",
	"GET /users/:id/factors/reset":          "readFactors readOpenOfUser",
	"POST /users/:id/factors/reset":         "resetFactors",
	"GET /users/:id/activate":               "readUser",
	"POST /users/:id/activate":              "activateUser",
	"GET /users/:id/deactivate":             "readOpenOfUser",
	"POST /users/:id/deactivate":            "deactivateUser",
	"GET /users/:id/end":                    "readOpenOfUser",
	"POST /users/:id/end":                   "revokeUserGrants endSessions",
	"GET /users/:id/sessions/:session/end":  "listSessions",
	"POST /users/:id/sessions/:session/end": "endSession",
	"GET /users/:id/delete":                 "readOpenOfUser",
	"POST /users/:id/delete":                "deleteUser",

	"GET /groups":                           "listGroups",
	"GET /groups/new":                       "listGroups",
	"POST /groups/new":                      "createGroup",
	"GET /groups/:id":                       "readGroup listMembers listEvents",
	"GET /groups/:id/edit":                  "readGroup",
	"POST /groups/:id/edit":                 "updateGroup",
	"GET /groups/:id/members/new":           "listUsers",
	"POST /groups/:id/members/new":          "addMember",
	"GET /groups/:id/members/:user/remove":  "listMembers",
	"POST /groups/:id/members/:user/remove": "removeMember",
	"GET /groups/:id/roles/new":             "readGroup",
	"POST /groups/:id/roles/new":            "addRole",
	"GET /groups/:id/roles/remove":          "readGroup",
	"POST /groups/:id/roles/remove":         "removeRole",
	"GET /groups/:id/delete":                "readGroup listMembers",
	"POST /groups/:id/delete":               "deleteGroup",

	"GET /clients":                             "listClients",
	"GET /clients/new":                         "listResources",
	"POST /clients/new":                        "createClient",
	"GET /clients/:id":                         "readClient listClientSnippets listAllGrants listEvents",
	"GET /clients/:id/edit":                    "readClient",
	"POST /clients/:id/edit":                   "replaceClient",
	"GET /clients/:id/enable":                  "readClient",
	"POST /clients/:id/enable":                 "enableClient",
	"GET /clients/:id/disable":                 "readOpenOfClient",
	"POST /clients/:id/disable":                "disableClient",
	"GET /clients/:id/delete":                  "readOpenOfClient",
	"POST /clients/:id/delete":                 "deleteClient",
	"GET /clients/:id/secrets":                 "readClient",
	"POST /clients/:id/secrets":                "addSecret",
	"GET /clients/:id/secrets/:secret/remove":  "readClient",
	"POST /clients/:id/secrets/:secret/remove": "removeSecret",

	"GET /resources":         "listResources",
	"GET /resources/new":     "listResources",
	"POST /resources/new":    "createResource",
	"GET /resources/edit":    "listResources",
	"POST /resources/edit":   "replaceResource createResource",
	"GET /resources/delete":  "listResources",
	"POST /resources/delete": "deleteResource",

	"GET /keys":              "listKeys planKeys",
	"GET /keys/rotate":       "foreseeRotation",
	"POST /keys/rotate":      "rotateKeys",
	"GET /keys/:kid":         "listKeys listEvents",
	"GET /keys/:kid/revoke":  "foreseeRotation",
	"POST /keys/:kid/revoke": "revokeKey",

	"GET /grants":             "listAllGrants",
	"GET /grants/:id":         "readGrant listEvents",
	"GET /grants/:id/revoke":  "readGrant",
	"POST /grants/:id/revoke": "revokeGrant",
	"GET /revoked-tokens":     "listRevokedTokens",

	"GET /mail":            "listLetters",
	"GET /mail/:id":        "readLetter listEvents",
	"GET /mail/:id/retry":  "readLetter",
	"POST /mail/:id/retry": "retryLetter",
	"GET /mail/:id/drop":   "readLetter",
	"POST /mail/:id/drop":  "dropLetter",

	"GET /audit":    "listEvents exportAudit",
	"GET /settings": "listSettings",
}

// operation is one of the admin API: its verb, and the right that its scope gives.
type operation struct {
	verb  string
	right audit.Rights
}

// TestAdminAPIDoesWhatTheConsoleDoes: whatever the console shows or does is possible there, to whom it is possible here.
func TestAdminAPIDoesWhatTheConsoleDoes(t *testing.T) {
	operations := map[string]operation{}
	for _, path := range admin.Document("https://id.example.com/admin/v1").Paths {
		for _, o := range *path.Value {
			operations[o.Value.ID] = operation{o.Name, issuer.AdminRights(strings.Join(o.Value.Security[0]["bearer"], " "))}
		}
	}
	addresses := map[string]bool{}
	for _, r := range (&Console{}).Routes() {
		for _, method := range r.Methods() {
			name := method + " " + r.Path
			addresses[name] = true
			same := strings.Fields(sameInAdminAPI[name])
			if len(same) == 0 {
				t.Errorf("%s: no operation of the admin API is named that does the same", name)
			}
			var right audit.Rights
			for _, id := range same {
				o, there := operations[id]
				right |= o.right
				if reads := o.verb == "get"; !there || reads != (method == http.MethodGet) && !slices.Contains([]string{"listClientSnippets"}, id) {
					t.Errorf("%s: %s is no operation that does such a thing", name, id)
				}
			}
			if method == http.MethodPost && right != r.Right {
				t.Errorf("%s takes %s, and the admin API %s for the same", name, r.Right, right)
			}
		}
	}
	for name := range sameInAdminAPI {
		if !addresses[name] {
			t.Errorf("%s is no address of the console", name)
		}
	}
}
