package console

import (
	"net/http"
	"strings"

	"keyturn/accounts"
	"keyturn/api/web"
	"keyturn/audit"
)

// inviteForm is the form by which somebody is offered an account, filled with in. Without mail there is no letter that
// has a language.
func (k *Console) inviteForm(c *call, in accounts.Invitation) *form {
	f := &form{Back: Path + "/users", Submit: "users.invite.link"}
	first := []*field{
		{Name: "email", Kind: "text", Value: in.Email, Help: true, Required: true},
		{Name: "username", Kind: "text", Value: in.Username, Help: true},
	}
	if k.Self.Offers(accounts.FeatureInvitation) {
		f.Submit = "users.invite.send"
		first = append(first, &field{Name: "language", Kind: "choice", Options: chosen(in.Language, web.Locales(), "language.")})
	}
	f.Groups = []group{
		{"", first},
		{"person", []*field{
			{Name: "given_name", Kind: "text", Value: in.GivenName}, {Name: "family_name", Kind: "text", Value: in.FamilyName},
		}},
	}
	if c.may(audit.ManageAll) {
		f.Groups = append(f.Groups, group{"rights", []*field{{Name: "admin", Kind: "tick", Value: onIf(in.Admin), Help: true}}})
	}
	return f
}

// typedInvitation is what the form holds.
func (c *call) typedInvitation() accounts.Invitation {
	get := func(name string) string { return strings.TrimSpace(c.form.Get(name)) }
	return accounts.Invitation{
		Email: get("email"), Username: get("username"), Language: get("language"),
		GivenName: get("given_name"), FamilyName: get("family_name"), Admin: c.form.Get("admin") == "on",
	}
}

func (k *Console) askInvitation(c *call) error {
	return c.showForm("users", "users.invite", k.inviteForm(c, accounts.Invitation{Language: c.texts.Language()}), nil)
}

// invite sends the invitation, or shows its link where there is no mail.
func (k *Console) invite(c *call) error {
	in := c.typedInvitation()
	send := k.inviteByLink
	if k.Self.Offers(accounts.FeatureInvitation) {
		send = k.inviteByLetter
	}
	f := k.inviteForm(c, in)
	err := c.checkChoices(f)
	if err == nil {
		err = send(c, in)
	}
	if err != nil {
		return k.userAgain(c, "users.invite", f, err)
	}
	return nil
}

func (k *Console) inviteByLetter(c *call, in accounts.Invitation) error {
	if err := k.Self.Invite(c.ctx, in, c.actor); err != nil {
		return err
	}
	return c.goTo(invitationsPath + "?done=invited")
}

// inviteByLink makes the link and shows it in its answer, as resetLinkMaking does.
func (k *Console) inviteByLink(c *call, in accounts.Invitation) error {
	secret, err := k.Self.InvitationLink(c.ctx, in, c.actor)
	if err != nil {
		return err
	}
	page := thing{
		Link:  k.Link(accounts.LinkInvitation, secret),
		Facts: facts(fact{"email", []cell{{Text: in.Email}}}, fact{"name", []cell{{Text: strings.TrimSpace(in.GivenName + " " + in.FamilyName)}}}),
	}
	page.Notes = append(page.Notes, c.text("users.invite.hand"))
	return c.show(view{page: "thing", section: "users", title: c.text("users.invited", "email", in.Email), status: http.StatusOK, v: page})
}
