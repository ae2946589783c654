package console

import (
	"time"

	"keyturn/accounts"
)

// waysOf is how a user signs in.
func (k *Console) waysOf(c *call, userID string) (part, bool, error) {
	p := part{Name: "ways", Table: table{Columns: []string{"column.way", "column.name", "column.created", "column.used"}}}
	ways, err := k.Factors.WaysOf(c.ctx, userID, c.actor)
	if err != nil {
		return p, false, err
	}
	used := func(t time.Time) cell {
		if t.IsZero() {
			return cell{Key: "never"}
		}
		return cell{At: t}
	}
	if ways.Password {
		p.Table.Rows = append(p.Table.Rows, []cell{{Key: "way.password"}, {}, {}, {}})
	}
	for _, passkey := range ways.Passkeys {
		p.Table.Rows = append(p.Table.Rows, []cell{{Key: "way.passkey"}, {Text: passkey.Name}, {At: passkey.CreatedAt}, used(passkey.LastUsedAt)})
	}
	for _, app := range ways.Apps {
		p.Table.Rows = append(p.Table.Rows, []cell{{Key: "way.app"}, {Text: app.Name}, {At: app.CreatedAt}, used(app.LastUsedAt)})
	}
	if ways.RecoveryCodes > 0 {
		p.Table.Rows = append(p.Table.Rows, []cell{{Key: "way.codes"}, {More: c.count("way.codes.left", ways.RecoveryCodes)}, {At: ways.RecoveryCodesAt}, {}})
	}
	return p, len(ways.Passkeys)+len(ways.Apps) > 0 || ways.RecoveryCodes > 0, nil
}

// factorReset removes all factors of somebody who has lost them.
func (k *Console) factorReset(c *call) (*question, error) {
	q, u, err := k.userQuestion(c, "reset_factors")
	if err != nil {
		return nil, err
	}
	q.do = func() (string, error) {
		n, err := k.Factors.Reset(c.ctx, u.ID, c.actor)
		return ended(q.Back, "factors_reset", n), err
	}
	return q, k.loses(c, q, u.ID)
}

// resetSending sends the letter by which somebody chooses a new password.
func (k *Console) resetSending(c *call) (*question, error) {
	q, u, err := k.userQuestion(c, "send_reset")
	if err != nil {
		return nil, err
	}
	if u.Email == "" {
		return nil, accounts.ErrNoAddress
	}
	q.What = append(q.What, c.text("ask.send_reset.to", "email", u.Email))
	q.Mild = true
	q.do = func() (string, error) { return q.Back + "?done=reset_sent", k.Self.SendReset(c.ctx, u.ID, c.actor) }
	return q, nil
}

// resetLinkMaking asks before a link is made that lets its bearer choose a new password.
func (k *Console) resetLinkMaking(c *call) (*question, error) {
	q, u, err := k.userQuestion(c, "reset_link")
	if err != nil {
		return nil, err
	}
	q.Mild = true
	q.show = func() error {
		secret, err := k.Self.ResetLink(c.ctx, u.ID, 0, c.actor)
		if err != nil {
			return err
		}
		return k.userPage(c, u, k.Link(accounts.LinkPasswordReset, secret))
	}
	return q, nil
}
