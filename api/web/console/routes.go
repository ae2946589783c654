package console

import "keyturn/audit"

// sections is the table of contents. The order is that of the navigation.
func (k *Console) sections() []section {
	return []section{
		{"overview", []Route{
			show("", k.overview),
			show("/search", k.search),
		}},
		{"setup", []Route{
			show("/set-up", k.showSetUp),
			{Path: "/set-up/client", Right: audit.ManageAll, get: k.chooseKind},
			edit("/set-up/client/:kind", audit.ManageAll, k.askKind, k.connect),
			show("/set-up/api", k.showAPI),
		}},
		{"users", []Route{
			show("/users", k.listUsers),
			edit("/users/new", audit.ManageUsers, k.newUser, k.createUser),
			recently(edit("/users/invite", audit.ManageUsers, k.askInvitation, k.invite)),
			show(invitationsPath, k.listInvitations),
			k.act(invitationsPath+"/:invitation/withdraw", audit.ManageUsers, k.invitationWithdrawal),
			show("/users/:id", k.showUser),
			edit("/users/:id/edit", audit.ManageUsers, k.editUser, k.updateUser),
			k.act("/users/:id/password", audit.ManageUsers, k.passwordSetting),
			k.act("/users/:id/reset-link", audit.ManageUsers, k.resetLinkMaking),
			k.act("/users/:id/send-reset", audit.ManageUsers, k.resetSending),
			k.act("/users/:id/factors/reset", audit.ManageUsers, k.factorReset),
			k.act("/users/:id/activate", audit.ManageUsers, k.activation),
			k.act("/users/:id/deactivate", audit.ManageUsers, k.deactivation),
			k.act("/users/:id/end", audit.ManageUsers, k.userEnd),
			k.act("/users/:id/sessions/:session/end", audit.ManageUsers, k.sessionEnd),
			k.act("/users/:id/delete", audit.ManageUsers, k.userDeletion),
		}},
		{"groups", []Route{
			show("/groups", k.listGroups),
			edit("/groups/new", audit.ManageUsers, k.newGroup, k.createGroup),
			show("/groups/:id", k.showGroup),
			edit("/groups/:id/edit", audit.ManageUsers, k.editGroup, k.updateGroup),
			edit("/groups/:id/members/new", audit.ManageUsers, k.newMember, k.addMember),
			k.act("/groups/:id/members/:user/remove", audit.ManageUsers, k.memberRemoval),
			edit("/groups/:id/roles/new", audit.ManageUsers, k.newRole, k.addRole),
			k.act("/groups/:id/roles/remove", audit.ManageUsers, k.roleRemoval),
			k.act("/groups/:id/delete", audit.ManageUsers, k.groupDeletion),
		}},
		{"clients", []Route{
			show("/clients", k.listClients),
			edit("/clients/new", audit.ManageAll, k.newClient, k.createClient),
			show("/clients/:id", k.showClient),
			edit("/clients/:id/edit", audit.ManageAll, k.editClient, k.updateClient),
			k.act("/clients/:id/enable", audit.ManageAll, k.clientEnabling),
			k.act("/clients/:id/disable", audit.ManageAll, k.clientDisabling),
			k.act("/clients/:id/delete", audit.ManageAll, k.clientDeletion),
			k.act("/clients/:id/secrets", audit.ManageAll, k.secretMaking),
			k.act("/clients/:id/secrets/:secret/remove", audit.ManageAll, k.secretRemoval),
		}},
		{"resources", []Route{
			show("/resources", k.listResources),
			edit("/resources/new", audit.ManageAll, k.newResource, k.createResource),
			edit("/resources/edit", audit.ManageAll, k.editResource, k.updateResource),
			k.act("/resources/delete", audit.ManageAll, k.resourceDeletion),
		}},
		{"keys", []Route{
			show("/keys", k.showKeys),
			recently(edit("/keys/rotate", audit.ManageKeys, k.askRotation, k.rotate)),
			show("/keys/:kid", k.showKey),
			k.act("/keys/:kid/revoke", audit.ManageKeys, k.keyRevocation),
		}},
		{"grants", []Route{
			show("/grants", k.listGrants),
			show("/grants/:id", k.showGrant),
			k.act("/grants/:id/revoke", audit.ManageUsers, k.grantRevocation),
		}},
		{"revoked", []Route{
			show("/revoked-tokens", k.listRevoked),
		}},
		{"mail", []Route{
			show("/mail", k.listLetters),
			show("/mail/:id", k.showLetter),
			k.act("/mail/:id/retry", audit.ManageAll, k.letterRetry),
			k.act("/mail/:id/drop", audit.ManageAll, k.letterDrop),
		}},
		{"audit", []Route{
			show("/audit", k.listEvents),
		}},
		{"settings", []Route{
			show("/settings", k.showSettings),
		}},
	}
}

// show is an address that shows something to whoever may see the console.
func show(path string, get handler) Route { return Route{Path: path, Right: audit.Read, get: get} }

// edit is a form and what takes it.
func edit(path string, right audit.Rights, get, post handler) Route {
	return Route{Path: path, Right: right, get: get, post: post}
}

// recently is a route that asks for a recent proof of who acts.
func recently(r Route) Route {
	r.recent = true
	return r
}

// Routes are all addresses.
func (k *Console) Routes() []Route {
	var all []Route
	for _, s := range k.sections() {
		all = append(all, s.routes...)
	}
	return all
}
