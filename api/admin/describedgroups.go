package admin

import (
	"net/http"

	"keyturn/accounts"
)

var exampleGroup = Group{
	ID: "0f5c1a5e-1f0f-4a0e-9d0c-0f1e5b3a7c11", Name: "editors", Description: "Who writes", RequiredACR: accounts.TwoFactors,
	Roles: []Role{{Resource: "https://shop.example.com", Role: "editor"}}, CreatedAt: exampleTime, UpdatedAt: exampleTime,
}

func describedGroups() map[string]description {
	conflict := []int{http.StatusConflict}
	return map[string]description{
		"GET /users/:id/groups": {ID: "listUserGroups", Tag: "groups", Summary: "List the groups of a user", Answer: listed[Group]{Items: []Group{exampleGroup}}},
		"GET /groups":           {ID: "listGroups", Tag: "groups", Summary: "List groups by name", Answer: listed[Group]{Items: []Group{exampleGroup}, Next: "editors"}},
		"POST /groups": {
			ID: "createGroup", Tag: "groups", Summary: "Create an empty group", Tagged: true, Status: http.StatusCreated, Answer: exampleGroup, Also: conflict,
			Body: &bodyOf{View: Group{}, Must: "name", May: "description required_acr", Example: `{"name": "editors", "description": "Who writes", "required_acr": "2"}`},
		},
		"GET /groups/:id": {ID: "readGroup", Tag: "groups", Summary: "Read a group", Tagged: true, Answer: exampleGroup},
		"PATCH /groups/:id": {
			ID: "updateGroup", Tag: "groups", Summary: "Change a group", Tagged: true, Answer: exampleGroup, Also: conflict,
			Body: &bodyOf{View: Group{}, May: "name description required_acr", Example: `{"required_acr": "phr"}`},
		},
		"DELETE /groups/:id":      {ID: "deleteGroup", Tag: "groups", Summary: "Delete a group; its people stay", Tagged: true, Also: conflict},
		"GET /groups/:id/members": {ID: "listMembers", Tag: "groups", Summary: "List the people in a group", Answer: listed[Member]{Items: []Member{{UserID: exampleUser.ID, Username: "spiderman", AddedAt: exampleTime}}}},
		"PUT /groups/:id/members/:user": {
			ID: "addMember", Tag: "groups", Summary: "Put a user into a group", Also: conflict,
		},
		"DELETE /groups/:id/members/:user": {ID: "removeMember", Tag: "groups", Summary: "Take a user out of a group", Also: conflict},
		"PUT /groups/:id/roles":            {ID: "addRole", Tag: "groups", Summary: "Give all in a group a role", Also: conflict},
		"DELETE /groups/:id/roles":         {ID: "removeRole", Tag: "groups", Summary: "Take a role from a group", Also: conflict},
	}
}
