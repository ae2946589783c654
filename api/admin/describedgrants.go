package admin

import (
	"time"

	"keyturn/issuer"
)

var exampleGrant = Grant{
	ID: "b7d81c7e9a463f6a4e0c9b1d4c55a0f2", UserID: exampleUser.ID, ClientID: "shop", Audience: "https://shop.example.com", Scope: "openid email", SessionID: exampleSession.ID,
	AuthTime: exampleTime, AMR: "pwd otp mfa", ACR: "2", Generation: 3,
	CreatedAt: exampleTime, RotatedAt: exampleTime, RefreshExpiresAt: Instant{exampleTime.Add(24 * time.Hour)}, ExpiresAt: Instant{exampleTime.Add(720 * time.Hour)},
}

func describedGrants() map[string]description {
	return map[string]description{
		"GET /grants": {
			ID: "listAllGrants", Tag: "grants", Summary: "List the sign-ins of everybody, newest first", Text: "Or those of one user, or at one client.",
			Answer: listed[Grant]{Items: []Grant{exampleGrant}},
		},
		"GET /users/:id/grants": {
			ID: "listGrants", Tag: "grants", Summary: "List the sign-ins of a user, newest first", Text: "Those of a deleted user, too, until they are swept.",
			Answer: listed[Grant]{Items: []Grant{exampleGrant}},
		},
		"DELETE /users/:id/grants": {ID: "revokeUserGrants", Tag: "grants", Summary: "End all sign-ins of a user", Answer: Ended{Ended: 2}, Body: reasonBody},
		"GET /grants/:id":          {ID: "readGrant", Tag: "grants", Summary: "Read a sign-in", Answer: exampleGrant},
		"DELETE /grants/:id":       {ID: "revokeGrant", Tag: "grants", Summary: "End a sign-in", Answer: Ended{Ended: 1}, Body: reasonBody},
		"GET /revoked-tokens": {
			ID: "listRevokedTokens", Tag: "grants", Summary: "List refresh tokens that were taken back before their time, newest first",
			Answer: listed[RevokedToken]{Items: []RevokedToken{{
				JTI: exampleGrant.ID + ".3", GrantID: exampleGrant.ID, UserID: exampleUser.ID, ClientID: "shop", Reason: issuer.AdminRevoked,
				RevokedAt: exampleTime, Until: exampleGrant.ExpiresAt,
			}}},
		},
	}
}
