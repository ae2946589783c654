package console

import (
	"html/template"
	"slices"

	"keyturn/accounts"
	"keyturn/issuer/oauth"
)

// overview is what the first page says.
type overview struct {
	Checks []checked
	// Worst is the status of the worst of them.
	Worst string
	// Look is what a person should look at, First what is still to be made.
	Look, First []advice
	// Day is the last day in sign-ins and refusals.
	Day activity
	// Next is what comes with the keys.
	Next []nextTurn
}

// advice is a sentence that leads somewhere.
type advice struct {
	Text template.HTML
	Href string
}

// mostAdvice is how many things the overview names; who mends them finds the others then.
const mostAdvice = 10

func (k *Console) overview(c *call) error {
	o := overview{Worst: "ok", Checks: k.checks(c)}
	for _, check := range o.Checks {
		if check.Status == "failed" || check.Status == "warning" && o.Worst == "ok" {
			o.Worst = check.Status
		}
	}
	clients, err := k.allClients(c, "")
	if err != nil {
		return err
	}
	if len(clients) == 0 {
		o.First = append(o.First, advice{c.text("overview.first.client"), Path + "/clients"})
	}
	o.Look = k.lookAt(c, clients)
	users, err := k.Accounts.List(c.ctx, accounts.Query{Limit: 2}, c.actor)
	if err != nil {
		return err
	}
	if len(users) < 2 {
		o.First = append(o.First, advice{c.text("overview.first.users"), Path + "/users"})
	}
	if o.Day, err = k.lastDay(c); err != nil {
		return err
	}
	now := k.Keys.Now()
	for _, lane := range lanesOf(k.Keys.Keys()) {
		if next := k.next(c, lane, now); len(next.Says) > 0 {
			o.Next = append(o.Next, nextTurn{next.Lane, next.Says[:1]})
		}
	}
	return c.show(view{page: "overview", section: "overview", title: c.text("overview.title"), v: o})
}

// checked is a line of health. Title is its name in the reader's language, empty for one that has none.
type checked struct {
	Check
	Title template.HTML
}

// checkNames are those that have one.
var checkNames = []string{"database", "keys", "alarms", "audit", "mail"}

func (k *Console) checks(c *call) []checked {
	if k.Operations.Checks == nil {
		return nil
	}
	var all []checked
	for _, check := range k.Operations.Checks(c.ctx) {
		line := checked{Check: check}
		if slices.Contains(checkNames, check.Name) {
			line.Title = c.text("check." + check.Name)
		}
		all = append(all, line)
	}
	return all
}

// lookAt is what can be told without asking anybody: keys that are not believed, and clients in the middle of a change.
func (k *Console) lookAt(c *call, clients []*oauth.Client) []advice {
	var all []advice
	if len(k.Keys.Bad()) > 0 {
		all = append(all, advice{c.text("overview.look.key"), Path + "/keys"})
	}
	for _, client := range clients {
		if !client.Enabled || !client.AuthMethod.UsesSecret() {
			continue
		}
		at := Path + "/clients/" + client.ID
		switch len(client.Secrets) {
		case 0:
			all = append(all, advice{c.text("overview.look.no_secret", "client", client.DisplayName()), at})
		case 2:
			all = append(all, advice{c.text("overview.look.two_secrets", "client", client.DisplayName()), at})
		}
	}
	return all[:min(len(all), mostAdvice)]
}

func escape(text string) template.HTML { return template.HTML(template.HTMLEscapeString(text)) }
