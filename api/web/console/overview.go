package console

import (
	"html/template"

	"keyturn/accounts"
)

// overview is what the first page says.
type overview struct {
	Checks []Check
	// Worst is the status of the worst of them.
	Worst string
	// First are what is still to be made, as keys of texts with where each leads.
	First []link
}

func (k *Console) overview(c *call) error {
	o := overview{Worst: "ok"}
	if k.Operations.Checks != nil {
		o.Checks = k.Operations.Checks(c.ctx)
	}
	for _, check := range o.Checks {
		if check.Status == "failed" || check.Status == "warning" && o.Worst == "ok" {
			o.Worst = check.Status
		}
	}
	clients, err := k.Clients.List(c.ctx, "", "", 1, c.actor)
	if err != nil {
		return err
	}
	if len(clients) == 0 {
		o.First = append(o.First, link{"client", Path + "/clients"})
	}
	users, err := k.Accounts.List(c.ctx, accounts.Query{Limit: 2}, c.actor)
	if err != nil {
		return err
	}
	if len(users) < 2 {
		o.First = append(o.First, link{"users", Path + "/users"})
	}
	return c.show(view{page: "overview", section: "overview", title: c.text("overview.title"), v: o})
}

func escape(text string) template.HTML { return template.HTML(template.HTMLEscapeString(text)) }
