package console

import (
	"errors"
	"html/template"
	"slices"
	"strings"

	"keyturn/accounts"
	"keyturn/api/admin"
	"keyturn/audit"
)

// invitationsPath is where the list of invitations lives, below Path.
const invitationsPath = "/users/invitations"

// invited is an invitation, and the name of whoever invited.
type invited struct {
	accounts.PendingInvitation
	inviter string
}

// listInvitations shows the invitations that nobody has taken yet, in the order of their addresses.
func (k *Console) listInvitations(c *call) error {
	prefix := c.query.Get("email")
	l := list[invited]{
		path: invitationsPath, name: "invitations", title: "invitations.title", empty: "invitations.empty",
		filters: []filter{{Name: "email", Value: prefix}},
		columns: []string{"column.email", "column.state", "column.good_until", "column.inviter"},
		read:    func(w window) ([]invited, error) { return k.invitations(c, prefix, w) },
		cursor:  func(i invited) string { return i.Cursor().String() },
		cells: func(i invited) []cell {
			until := cell{At: i.ExpiresAt}
			if i.ExpiresAt.IsZero() {
				until = cell{Key: "invitations.unsent"}
			}
			row := []cell{inviteeCell(c, i), {Mark: string(i.State)}, until, inviterCell(i)}
			if !c.may(audit.ManageUsers) {
				return row
			}
			if i.Admin && !c.may(audit.ManageAll) {
				return append(row, cell{})
			}
			return append(row, cell{Key: "act.withdraw_invitation", Href: Path + invitationsPath + "/" + i.ID + "/withdraw"})
		},
		export: func(i invited) any { return admin.ViewInvitation(i.PendingInvitation) },
	}
	if c.may(audit.ManageUsers) {
		l.columns = append(l.columns, "column.act")
		l.acts = []deed{{Name: "invite", Href: "/users/invite"}}
	}
	return showList(c, "users", l)
}

// inviteeCell is who is invited: the address, and below it the name, the username where that is another, and what the
// person will be.
func inviteeCell(c *call, i invited) cell {
	who := cell{Text: i.Email, More: escape(strings.TrimSpace(i.GivenName + " " + i.FamilyName))}
	if who.More != "" {
		who.More = `<bdi>` + who.More + `</bdi>`
	}
	if i.Username != i.Email {
		if who.More != "" {
			who.More += " · "
		}
		who.More += `<bdi>` + escape(i.Username) + `</bdi>`
	}
	if i.Admin {
		who.More += ` <span class="mark administrator">` + c.text("state.administrator") + `</span>`
	}
	return who
}

func inviterCell(i invited) cell {
	if i.InviterID == "" {
		return cell{Key: "invitations.by_command"}
	}
	return userCell(i.InviterID, i.inviter)
}

func (k *Console) invitations(c *call, prefix string, w window) ([]invited, error) {
	q := accounts.InvitationQuery{Prefix: prefix, Limit: w.Limit}
	var err error
	if q.After, err = accounts.ParseInvitationCursor("after", w.After); err == nil {
		q.Before, err = accounts.ParseInvitationCursor("before", w.Before)
	}
	if err != nil {
		return nil, err
	}
	pending, err := k.Self.Invitations(c.ctx, q, c.actor)
	if err != nil {
		return nil, err
	}
	var inviters []string
	for _, p := range pending {
		if p.InviterID != "" && !slices.Contains(inviters, p.InviterID) {
			inviters = append(inviters, p.InviterID)
		}
	}
	names, err := k.Audit.Usernames(c.ctx, inviters, c.actor)
	if err != nil {
		return nil, err
	}
	all := make([]invited, len(pending))
	for n, p := range pending {
		all[n] = invited{p, names[p.InviterID]}
	}
	return all, nil
}

// invitationWithdrawal ends an invitation. One that somebody takes meanwhile stands, and who asks is told.
func (k *Console) invitationWithdrawal(c *call) (*question, error) {
	id, err := c.id("invitation", accounts.ErrInvitationNotFound)
	if err != nil {
		return nil, err
	}
	q := &question{section: "users", Back: invitationsPath, Button: c.text("ask.withdraw_invitation.button")}
	q.do = func() (string, error) {
		err := k.Self.WithdrawInvitation(c.ctx, id, c.actor)
		if errors.Is(err, accounts.ErrInvitationTaken) {
			return invitationsPath + "?done=invitation_taken", nil
		}
		return invitationsPath + "?done=invitation_withdrawn", gone(err, accounts.ErrInvitationNotFound)
	}
	p, err := k.Self.Invitation(c.ctx, id, c.actor)
	if errors.Is(err, accounts.ErrInvitationTaken) {
		q.Title, q.Refused = c.text("ask.withdraw_invitation.taken"), c.text("ask.withdraw_invitation.refused")
		return q, nil
	}
	if err != nil {
		return nil, err
	}
	q.Title = c.text("ask.withdraw_invitation.title", "email", p.Email)
	q.What = []template.HTML{c.text("ask.withdraw_invitation.what")}
	q.Ends = k.endsWithdrawn(c, p)
	return q, nil
}

// endsWithdrawn is what ends with an invitation.
func (k *Console) endsWithdrawn(c *call, p accounts.PendingInvitation) (ends []template.HTML) {
	if p.State == accounts.InvitationWaiting || p.State == accounts.InvitationGivenUp {
		ends = append(ends, c.text("ends.invitation."+string(p.State)))
	}
	if p.ExpiresAt.IsZero() {
		return ends
	}
	key := "ends.invitation.tried"
	if len(ends) == 0 {
		key = "ends.invitation." + string(p.State)
	}
	return append(ends, c.text(key, "time", must(c.texts.Exact(p.ExpiresAt))))
}
