package web

import (
	"time"

	"github.com/gin-gonic/gin"

	"keyturn/accounts"
)

// CodeKind is what a page asks to be typed.
type CodeKind string

// The kinds; the zero value is that nothing can be.
const (
	CodeApp      CodeKind = "app"
	CodeRecovery CodeKind = "recovery"
)

// SecondFactor asks for a code or a passkey: of whoever has shown a password, or of whoever is signed in where more
// proof is demanded.
type SecondFactor struct {
	Look
	// Client is nil at the account page.
	Client   *Client
	Username string
	// StepUp tells that the person is signed in already.
	StepUp bool
	// Action is where the form goes: code or response, or decision=cancel.
	Action string
	Code   CodeKind
	// Recovery is where a recovery code is typed instead, Usual where it is not; empty for nowhere.
	Recovery, Usual string
	Passkey         Ceremony
	// Back is where to sign in as somebody else; empty for nowhere.
	Back      string
	Cancel    bool
	Problem   Problem
	Redirects string
	// Console tells that the person is on the way there.
	Console bool
}

// Enroll says that a client, or a group of the person's, demands more than they have, and leads to what there is to set
// up.
type Enroll struct {
	Look
	// Client is nil where no client asks.
	Client *Client
	// Action takes decision=cancel, for a client.
	Action string
	// Passkey and App are where these are set up; empty where that can't be, or does not help.
	Passkey, App string
	OnlyPasskey  bool
	Redirects    string
}

// NewPasskey asks the browser for a passkey.
type NewPasskey struct {
	Look
	Passkey Ceremony
	Back    string
	// Device is the User-Agent header, which the name is made of where none was typed.
	Device, Name string
	Problem      Problem
	// Redirects is where the answer to the form may lead, in an interaction.
	Redirects string
}

// NewApp shows the secret of an authenticator app and asks for its first code.
type NewApp struct {
	Look
	Action, Back string
	// Secret is for typing, URI for the QR code.
	Secret, URI string
	Name        string
	Problem     Problem
	// Redirects is where the answer to the form may lead, in an interaction.
	Redirects string
	// QR is drawn of URI.
	QR qrCode
}

// RecoveryCodes offers new recovery codes, or shows those that were made.
type RecoveryCodes struct {
	Look
	// Action makes them.
	Action string
	// Codes are the new ones; none where they are offered only.
	Codes []string
	// Left is how many there are, which stop working.
	Left int64
	// Onward leads on: to the account page, or where Interaction is set to where the person was on the way to.
	Onward      string
	Interaction bool
}

// FactorPage is about one passkey or app of the account.
type FactorPage struct {
	Look
	Factor AccountFactor
	// Typed is the name in the field.
	Typed   string
	Back    string
	Problem Problem
}

// AccountWays are a person's ways to sign in, as the account page lists them.
type AccountWays struct {
	Password       bool
	Passkeys, Apps []AccountFactor
	CodesLeft      int64
	CodesAt        time.Time
	// AddPasskey, AddApp and RecoveryCodes are where these are set up; empty where that can't be.
	AddPasskey, AddApp, RecoveryCodes string
}

// AccountFactor is a passkey or an authenticator app.
type AccountFactor struct {
	ID, Name string
	Passkey  bool
	// Synced tells that a passkey may be on more devices than one.
	Synced bool
	// Used is zero for never.
	Made, Used time.Time
	// Edit is its page.
	Edit string
}

func accountWays(w accounts.Ways) AccountWays {
	all := AccountWays{Password: w.Password, CodesLeft: w.RecoveryCodes, CodesAt: w.RecoveryCodesAt}
	for _, p := range w.Passkeys {
		all.Passkeys = append(all.Passkeys, AccountFactor{
			ID: p.ID, Name: p.Name, Passkey: true, Synced: p.Synced, Made: p.CreatedAt, Used: p.LastUsedAt, Edit: AccountPath + "/factors/" + p.ID,
		})
	}
	for _, a := range w.Apps {
		all.Apps = append(all.Apps, AccountFactor{ID: a.ID, Name: a.Name, Made: a.CreatedAt, Used: a.LastUsedAt, Edit: AccountPath + "/factors/" + a.ID})
	}
	return all
}

// offer says what can be set up; nothing can be changed where ways to sign in are not for people to change.
func (w *AccountWays) offer(has accounts.Ways, changes, passkeys bool) {
	if !changes {
		for _, list := range [][]AccountFactor{w.Passkeys, w.Apps} {
			for n := range list {
				list[n].Edit = ""
			}
		}
		return
	}
	if passkeys {
		w.AddPasskey = AccountPath + waysBegin + "passkey"
	}
	if has.Password { // a code proves nobody alone
		w.AddApp = AccountPath + waysBegin + "app"
	}
	if len(has.Passkeys)+len(has.Apps) > 0 {
		w.RecoveryCodes = AccountPath + waysBegin + "recovery-codes"
	}
}

func (w AccountWays) find(id string) (AccountFactor, bool) {
	for _, list := range [][]AccountFactor{w.Passkeys, w.Apps} {
		for _, f := range list {
			if f.ID == id {
				return f, true
			}
		}
	}
	return AccountFactor{}, false
}

// SecondFactor writes the page of the second step.
func (p *Pages) SecondFactor(c *gin.Context, status int, v SecondFactor) {
	retryAfter(c, v.Problem)
	policy := pagePolicy{images: logoSource(v.Client), opener: true}
	policy.passkeys(v.Passkey)
	if v.Client != nil {
		policy.forms = formTargets(v.Redirects)
	}
	p.write(c, status, "second", v.Look, policy, v)
}

// Enroll writes the page that leads to setting up a way to sign in.
func (p *Pages) Enroll(c *gin.Context, status int, v Enroll) {
	p.write(c, status, "enroll", v.Look, pagePolicy{images: logoSource(v.Client), forms: formTargets(v.Redirects), opener: true}, v)
}

// NewPasskey writes the page that makes a passkey.
func (p *Pages) NewPasskey(c *gin.Context, status int, v NewPasskey) {
	policy := pagePolicy{opener: true}
	policy.passkeys(v.Passkey)
	policy.leads(v.Redirects)
	p.write(c, status, "newpasskey", v.Look, policy, v)
}

// NewApp writes the page of a new authenticator app. Its error is that the QR code can't be drawn.
func (p *Pages) NewApp(c *gin.Context, status int, v NewApp) (err error) {
	if v.QR, err = drawQR(v.URI); err != nil {
		return err
	}
	policy := pagePolicy{opener: true}
	policy.leads(v.Redirects)
	p.write(c, status, "newapp", v.Look, policy, v)
	return nil
}

// RecoveryCodes writes the page of recovery codes.
func (p *Pages) RecoveryCodes(c *gin.Context, status int, v RecoveryCodes) {
	p.write(c, status, "recoverycodes", v.Look, pagePolicy{opener: true}, v)
}

// Factor writes the page of one passkey or app.
func (p *Pages) Factor(c *gin.Context, status int, v FactorPage) {
	p.write(c, status, "factor", v.Look, pagePolicy{}, v)
}

// factorWrong is the key of what stands beside a field, empty where the field is well.
func factorWrong(p Problem, field string) string {
	switch {
	case field == "code" && p.Kind == ProblemNoCode:
		return "problem.no_code.field"
	case field == "code" && p.Kind == ProblemCode:
		return "problem.code.field"
	case field == "name" && p.Kind == ProblemName:
		return "problem.name.field"
	}
	return ""
}
