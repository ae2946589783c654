package console

import (
	"keyturn/api/admin"
	"keyturn/issuer"
	"keyturn/keys"
)

// listRevoked shows the refresh tokens that were taken back before their time, newest first.
func (k *Console) listRevoked(c *call) error {
	user, err := k.userNamed(c, c.query.Get("user"))
	if err != nil {
		return err
	}
	if user != "" && !keys.IsID(user) {
		user = "none" // such an id is nobody's
	}
	l := list[issuer.RevokedToken]{
		path: "/revoked-tokens", name: "revoked-tokens", empty: "revoked.empty",
		filters: []filter{{Name: "user", Value: user}},
		columns: []string{"column.jti", "column.user", "column.client", "column.reason", "column.revoked", "column.until"},
		read: func(w window) ([]issuer.RevokedToken, error) {
			return k.Issuer.RevokedTokens(c.ctx, issuer.RevokedQuery{UserID: user, After: w.After, Before: w.Before, Limit: w.Limit}, c.actor)
		},
		cursor: func(t issuer.RevokedToken) string { return t.JTI },
		cells: func(t issuer.RevokedToken) []cell {
			return []cell{
				{Text: t.JTI, Href: Path + "/grants/" + t.GrantID, Code: true}, userCell(t.UserID, ""), clientCell(t.ClientID),
				{Text: string(t.Reason), Code: true}, {At: t.RevokedAt}, {At: t.Until},
			}
		},
		export: func(t issuer.RevokedToken) any { return admin.ViewRevokedToken(t) },
	}
	return showList(c, "revoked", l)
}
