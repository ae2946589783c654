package admin

import (
	"net/http"
	"time"

	"keyturn/accounts"
)

func describedInvitations() map[string]description {
	return map[string]description{
		"GET /users/invitations": {
			ID: "listInvitations", Tag: "users", Summary: "List invitations that nobody has taken yet, by address", Answer: listed[Invitation]{Items: []Invitation{{
				ID: "4c55a0f2b7d81c7e93f6a4e0c9b1d4a4", Email: "gwen@example.com", Username: "gwen@example.com", GivenName: "Gwen", State: accounts.InvitationSent,
				InvitedBy: exampleUser.ID, CreatedAt: exampleTime, ExpiresAt: Instant{exampleTime.Add(48 * time.Hour)},
			}}},
		},
		"DELETE /users/invitations/:id": {
			ID: "withdrawInvitation", Tag: "users", Summary: "Withdraw an invitation: its link is good for nothing then", Also: []int{http.StatusConflict}, Body: reasonBody,
			Text: "409 where somebody has taken it already. A letter that has not left never leaves. One that offers the rights of an administrator needs the scope admin.",
		},
	}
}
