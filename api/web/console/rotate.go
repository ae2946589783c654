package console

import (
	"errors"
	"html/template"
	"net/http"
	"net/url"
	"slices"
	"time"

	"keyturn/audit/sentence"
	"keyturn/keys"
)

// consequences are what comes of a rotation, in sentences.
func (k *Console) consequences(c *call, out keys.Outcome) []template.HTML {
	now := k.Keys.Now()
	at := func(key string, t time.Time) template.HTML {
		if !t.After(now) {
			return c.text(key + ".now")
		}
		return c.text(key, "time", must(when(c.texts, t, now)))
	}
	var says []template.HTML
	if slices.ContainsFunc(out.Steps, func(s keys.Step) bool { return s.Action != keys.Revoke && s.Key.SignsFrom.Equal(out.SignsFrom) }) {
		says = append(says, at("plan.signs_from", out.SignsFrom))
	}
	says = append(says, at("plan.safe_by", out.SafeBy))
	for _, note := range out.Notes {
		says = append(says, c.text(noteKeys[note]))
	}
	return says
}

// noteKeys are the texts of all that keys notes.
var noteKeys = map[string]string{
	keys.NoteRefreshRefused: "note.refresh_refused", keys.NoteLongCaches: "note.long_caches",
	keys.NoteGrantsGoOn: "note.grants_go_on", keys.NoteTooEarly: "note.too_early",
}

// steps are what is done to which key.
func (k *Console) steps(c *call, out keys.Outcome) *table {
	t := &table{Columns: []string{"column.step", "column.kid", "column.lane", "column.signs_from", "column.signs_until"}}
	for _, s := range out.Steps {
		kid := cell{Key: "plan.new_key"}
		if s.Key.KID != "" {
			kid = cell{Text: s.Key.KID, Code: true}
		}
		t.Rows = append(t.Rows, []cell{
			{Key: "step." + string(s.Action)}, kid, {Key: "lane." + laneName(s.Key.Purpose, s.Key.Algorithm)}, k.planned(s.Key.SignsFrom), k.planned(s.Key.SignsUntil),
		})
	}
	return t
}

// planned is a time of a plan: what comes at once has no date yet.
func (k *Console) planned(t time.Time) cell {
	if now := k.Keys.Now(); t.After(now.Add(-time.Minute)) && !t.After(now) {
		return cell{Key: "plan.at_once"}
	}
	return cell{At: t}
}

// keyRevocation takes a key back at once.
func (k *Console) keyRevocation(c *call) (*question, error) {
	key, err := k.listed(c)
	if err != nil {
		return nil, err
	}
	out, err := k.Keys.Foresee(keys.Rotation{Mode: keys.Compromised, KID: key.KID})
	if err != nil {
		return nil, err
	}
	q := &question{
		section: "keys", Back: "/keys/" + key.KID, Title: c.text("ask.revoke_key.title", "kid", code(key.KID)),
		Button: c.text("ask.revoke_key.button", "kid", short(key.KID)), Plan: k.steps(c, out),
		What: append([]template.HTML{c.text("ask.revoke_key.what")}, k.consequences(c, out)...),
	}
	q.do = func() (string, error) {
		_, err := k.Keys.Revoke(c.ctx, key.KID, c.actor.Why, c.actor)
		return "/keys/" + key.KID + "?done=key_revoked", err
	}
	return q, nil
}

// rotation is the page on which keys are turned by hand: first what is wanted, then what comes of it.
type rotation struct {
	Action string
	Choose []*field
	// Problems are what is wrong with what was chosen, or with the reason.
	Problems []*field
	// Refused says why it can't be done so, empty where Ask stands.
	Refused template.HTML
	// Ask is what would be done; nil until it was said what.
	Ask *asked
	// Mode, Lane and Force are what was chosen, which the form sends back.
	Mode, Lane, Force string
}

// lanes are those to choose from: all, those of tokens by algorithm, that of refresh tokens.
func (k *Console) lanes() []string {
	lanes := []string{"all"}
	for _, lane := range lanesOf(k.Keys.Keys()) {
		lanes = append(lanes, laneName(lane[0].Purpose, lane[0].Algorithm))
	}
	return lanes
}

// wish is the rotation that was chosen.
func (p rotation) wish() keys.Rotation {
	r := keys.Rotation{Mode: keys.Mode(p.Mode), Force: p.Force == "on" && keys.Mode(p.Mode) == keys.Immediate}
	switch p.Lane {
	case "", "all":
	case "refresh":
		r.Purpose = keys.Refresh
	default:
		r.Purpose, r.Algorithm = keys.Token, keys.Algorithm(p.Lane)
	}
	r.All = r.Mode == keys.Compromised
	return r
}

var modes = []string{string(keys.Graceful), string(keys.Immediate), string(keys.Compromised)}

// chosenRotation is what was chosen, in the address or a form.
func chosenRotation(chosen url.Values) rotation {
	return rotation{Mode: chosen.Get("mode"), Lane: chosen.Get("lane"), Force: chosen.Get("force")}
}

func (k *Console) askRotation(c *call) error {
	page, reason := chosenRotation(c.query), c.askReason()
	if typed := c.kept(); typed.Get("mode") != "" && page.Mode == "" {
		page = chosenRotation(typed)
		reason.fill(typed)
	}
	return k.rotationPage(c, page, reason, nil)
}

// rotationPage shows what is chosen, with what comes of it, or with why it can't be done: so, or at all.
func (k *Console) rotationPage(c *call, page rotation, reason *field, refused error) error {
	page.Action = Path + "/keys/rotate"
	mode := page.Mode
	if mode == "" {
		mode = string(keys.Graceful)
	}
	page.Choose = []*field{
		{Name: "mode", Kind: "choice", Options: chosen(mode, modes, "mode."), Help: true},
		{Name: "lane", Kind: "choice", Options: chosen(page.Lane, k.lanes(), "lane.")},
		{Name: "force", Kind: "tick", Value: page.Force, Help: true},
	}
	status := http.StatusOK
	if page.Mode != "" && refused == nil {
		var out keys.Outcome
		if out, refused = k.Keys.Foresee(page.wish()); refused == nil {
			q := &question{What: k.consequences(c, out), Plan: k.steps(c, out), Button: c.text("rotate." + page.Mode), Mild: page.Mode == string(keys.Graceful)}
			page.Ask = &asked{question: q, Reason: reason}
		}
	}
	if bad, param, problem := badInput(refused); bad && blame(page.Choose, rotationField(param), problem) {
		status = http.StatusUnprocessableEntity
	} else if refused != nil {
		why, err := k.rotationRefusal(c, refused)
		if err != nil {
			return err
		}
		status, page.Refused = http.StatusConflict, why
	}
	page.Problems = wrong(page.Choose)
	if page.Ask != nil && reason.Wrong() {
		status, page.Problems = http.StatusUnprocessableEntity, []*field{reason}
	}
	return c.show(view{page: "rotate", section: "keys", title: c.text("rotate.title"), status: status, v: page})
}

// rotationField is the field that chooses a parameter of a rotation.
func rotationField(param string) string {
	switch param {
	case "purpose", "algorithm", "all":
		return "lane"
	}
	return param
}

// rotationRefusal says why a rotation can't be done; what is not about the wish is an error still.
func (k *Console) rotationRefusal(c *call, err error) (template.HTML, error) {
	for refusal, key := range map[error]string{
		keys.ErrLeadNotOver: "rotate.lead_not_over", keys.ErrTooManyWaiting: "rotate.too_many", keys.ErrTooManyKeys: "rotate.too_many",
	} {
		if errors.Is(err, refusal) {
			return c.text(key), nil
		}
	}
	return "", err
}

// rotate does what its page said.
func (k *Console) rotate(c *call) error {
	page, reason := chosenRotation(c.form), c.askReason()
	if bad, _, problem := badInput(c.badReason); bad {
		reason.Problem = problem
		return k.rotationPage(c, page, reason, nil)
	}
	var err error
	if page.Mode == "" {
		err = &keys.BadRotation{Param: "mode", Problem: sentence.Say("is missing")} // without one it would be a graceful one
	} else {
		_, err = k.Keys.Rotate(c.ctx, page.wish(), c.actor.Why, c.actor)
	}
	if err != nil {
		return k.rotationPage(c, page, reason, err)
	}
	return c.goTo("/keys?done=rotated")
}
