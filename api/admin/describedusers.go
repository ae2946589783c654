package admin

import (
	"net/http"
	"time"

	"keyturn/accounts"
	"keyturn/api/openapi"
)

// exampleTime is when things of the examples happened.
var exampleTime = Instant{time.Date(2026, 11, 23, 23, 22, 3, 870319000, time.UTC)}

// The examples of the document are values of the types that handlers write, and so can't have another form.
var (
	exampleUser = User{
		ID: "9d6eb919-664d-4748-b52d-265009d776b0", ExternalID: "4711", Username: "spiderman", Email: "spiderman@example.com",
		EmailVerified: true, GivenName: "Peter", FamilyName: "Parker", Active: true, CreatedAt: exampleTime, UpdatedAt: exampleTime,
		Claims: &accounts.StandardClaims{Nickname: "Spidey", Zoneinfo: "America/New_York"},
	}
	exampleSession = Session{
		ID: "3f6a4e0c9b1d4c55a0f2b7d81c7e9a46", UserID: exampleUser.ID, AuthTime: exampleTime, AMR: "pwd", CreatedAt: exampleTime, SeenAt: exampleTime,
		ExpiresAt: Instant{exampleTime.Add(168 * time.Hour)}, Address: "192.0.2.7", UserAgent: "Mozilla/5.0",
	}
	exampleOpen = Open{Sessions: 1, Grants: 2, TokensUntil: Instant{exampleTime.Add(5 * time.Minute)}}
)

// exampleLink is a one-time link, as it is told.
func exampleLink(purpose string) Link {
	return Link{"https://id.example.com/link/" + purpose + "?token=(43 random characters)"}
}

// reasonBody is the body of a change that takes nothing but the operator's words for the audit log.
var reasonBody = &bodyOf{May: "reason", Example: `{"reason": "lost laptop"}`}

const userMembers = "email email_verified given_name family_name admin external_id claims"

func describedUsers() map[string]description {
	return map[string]description{
		"GET /users": {
			ID: "listUsers", Tag: "users", Summary: "List users by name",
			Answer: listed[User]{Items: []User{exampleUser}, Next: "spiderman"},
		},
		"POST /users": {
			ID: "createUser", Tag: "users", Summary: "Create a user", Tagged: true, Status: http.StatusCreated, Answer: exampleUser, Also: []int{http.StatusConflict},
			Text: "admin and external_id need the scope admin.",
			Body: &bodyOf{View: User{}, Must: "username", May: "password " + userMembers, Example: `{"username": "spiderman", "password": "underoos", "given_name": "Peter", "family_name": "Parker"}`},
		},
		"POST /users/import": {
			ID: "importUsers", Tag: "users", Summary: "Create the users of a file, all or none", Answer: Imported{Created: 2}, Also: []int{http.StatusConflict},
			Text: "Takes what keyturn user import reads: a list of objects, or one object a line; at most 16 MiB. Entries of a Django dump go, too.",
			Body: &bodyOf{
				Must: "users", Types: []string{"application/json", "application/x-ndjson"}, Schema: &openapi.Schema{Description: "A list of users."},
				Example: `[{"username": "spiderman", "email": "spiderman@example.com"}, {"username": "gwen"}]`,
			},
		},
		"POST /users/invite": {
			ID: "inviteUser", Tag: "users", Summary: "Offer somebody an account by a letter", Text: "409 where no letters are sent. A password is theirs to choose.", Also: []int{http.StatusConflict},
			Body: &bodyOf{View: User{}, Must: "email", May: "username given_name family_name admin language lifetime", Example: `{"email": "gwen@example.com", "given_name": "Gwen", "language": "en", "lifetime": "48h"}`},
		},
		"POST /users/invitation-link": {
			ID: "linkInvitation", Tag: "users", Summary: "Offer somebody an account by a link to hand over", Status: http.StatusCreated, Answer: exampleLink("invitation"), Also: []int{http.StatusConflict},
			Text: "No letter is sent. The link stands in this answer and in no other; whoever has it gets the account, and the address stays unverified.",
			Body: &bodyOf{View: User{}, Must: "email", May: "username given_name family_name admin language lifetime", Example: `{"email": "gwen@example.com", "given_name": "Gwen", "lifetime": "48h"}`},
		},
		"POST /users/:id/password-reset-link": {
			ID: "linkPasswordReset", Tag: "users", Summary: "Have a user choose a new password by a link to hand over", Status: http.StatusCreated, Answer: exampleLink("password_reset"), Also: []int{http.StatusConflict},
			Text: "No letter is sent. The link stands in this answer and in no other; whoever has it gets the account. lifetime is at most 24h.",
			Body: &bodyOf{May: "lifetime", Example: `{"lifetime": "1h"}`},
		},
		"POST /users/:id/password-reset": {
			ID: "sendPasswordReset", Tag: "users", Summary: "Have a user choose a new password by a letter", Text: "409 where no letters are sent, or the user has no address.", Also: []int{http.StatusConflict},
		},
		"GET /users/:id/open": {
			ID: "readOpenOfUser", Tag: "users", Summary: "Read what a user has open, and loses when they are shut out", Answer: exampleOpen,
			Text: "What deactivation, deletion, a new password or the end of everything would end. Of grants 1000 are counted at most. Who is the last administrator can't be shut out.",
		},
		"GET /users/:id": {ID: "readUser", Tag: "users", Summary: "Read a user", Tagged: true, Answer: exampleUser},
		"PATCH /users/:id": {
			ID: "updateUser", Tag: "users", Summary: "Change a user", Tagged: true, Answer: exampleUser, Also: []int{http.StatusConflict},
			Text: "Changes the members that are given. An empty text clears one; a new email is unverified unless the change says otherwise; claims replaces all of them.",
			Body: &bodyOf{View: User{}, May: "username " + userMembers, Example: `{"family_name": "Parker-Watson"}`},
		},
		"DELETE /users/:id": {ID: "deleteUser", Tag: "users", Summary: "Delete a user and end their sign-ins", Tagged: true, Answer: Ended{Ended: 2}, Also: []int{http.StatusConflict}},
		"PUT /users/:id/password": {
			ID: "setPassword", Tag: "users", Summary: "Set a password and end all sign-ins", Answer: Ended{Ended: 2},
			Body: &bodyOf{Must: "password", Example: `{"password": "with great power"}`},
		},
		"POST /users/:id/activate":   {ID: "activateUser", Tag: "users", Summary: "Let a user sign in again"},
		"POST /users/:id/deactivate": {ID: "deactivateUser", Tag: "users", Summary: "Shut a user out and end their sign-ins", Answer: Ended{Ended: 2}, Also: []int{http.StatusConflict}},
	}
}

func describedFactors() map[string]description {
	factor := Factor{ID: "c55a0f2b7d81c7e93f6a4e0c9b1d4a46", Name: "Pixel 9", Synced: new(true), CreatedAt: exampleTime, LastUsedAt: exampleTime}
	app := Factor{ID: "7d81c7e93f6a4e0c9b1d4a46c55a0f2b", Name: "Authenticator", CreatedAt: exampleTime}
	return map[string]description{
		"GET /users/:id/factors": {
			ID: "readFactors", Tag: "users", Summary: "Read how a user can prove who they are",
			Answer: Factors{UserID: exampleUser.ID, Password: true, Passkeys: []Factor{factor}, Apps: []Factor{app}, RecoveryCodes: 10, RecoveryCodesAt: exampleTime},
		},
		"DELETE /users/:id/factors": {ID: "resetFactors", Tag: "users", Summary: "Remove all factors of a user who lost them, and end their sign-ins", Answer: Ended{Ended: 2}, Also: []int{http.StatusConflict}},
	}
}

func describedSessions() map[string]description {
	return map[string]description{
		"GET /users/:id/sessions":             {ID: "listSessions", Tag: "sessions", Summary: "List where a user is signed in", Answer: listed[Session]{Items: []Session{exampleSession}}},
		"DELETE /users/:id/sessions":          {ID: "endSessions", Tag: "sessions", Summary: "Sign all browsers of a user out", Answer: Ended{Ended: 2}, Body: reasonBody},
		"DELETE /users/:id/sessions/:session": {ID: "endSession", Tag: "sessions", Summary: "Sign one browser of a user out", Answer: Ended{Ended: 1}, Body: reasonBody},
	}
}
