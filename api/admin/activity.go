package admin

import (
	"net/http"
	"time"

	"keyturn/audit"
)

// Activity is what happened in one step of time.
type Activity struct {
	From     Instant `json:"from"`
	SignIns  int64   `json:"sign_ins"`
	Refusals int64   `json:"refusals"`
}

const (
	// maxSteps and longestStep bound what is counted and answered.
	maxSteps    = 1000
	longestStep = 7 * 24 * time.Hour
)

// listActivity answers how many sign-ins and refusals there were in each step of time: without parameters in each of
// the last 24 hours, the one that runs among them.
func (h *Handlers) listActivity(r *request) error {
	since, until, step, err := h.span(r)
	if err != nil {
		return err
	}
	steps, err := h.Audit.Activity(r.ctx, since, until, step, r.actor)
	if err != nil {
		return err
	}
	out := listed[Activity]{Items: make([]Activity, len(steps))}
	for n, s := range steps {
		out.Items[n] = viewActivity(s)
	}
	return r.write(http.StatusOK, out)
}

func viewActivity(a audit.Activity) Activity {
	return Activity{From: Instant{a.From}, SignIns: a.SignIns, Refusals: a.Refusals}
}

// span reads what time is asked for, and in what steps.
func (h *Handlers) span(r *request) (since, until time.Time, step time.Duration, err error) {
	if step, err = r.query.duration("step", time.Hour); err != nil {
		return since, until, step, err
	}
	if step < time.Minute || step > longestStep || step%time.Minute != 0 {
		return since, until, step, invalid("step", "must be whole minutes, such as 15m, and at most 168h")
	}
	if until, err = r.query.time("until"); err != nil {
		return since, until, step, err
	}
	if until.IsZero() {
		until = h.Issuer.Now().UTC().Truncate(step).Add(step)
	}
	if since, err = r.query.time("since"); err != nil {
		return since, until, step, err
	}
	if since.IsZero() {
		since = until.Add(-24 * time.Hour)
	}
	since = since.UTC().Truncate(time.Minute) // refusals are counted by the minute
	switch {
	case !until.After(since):
		err = invalid("until", "is not behind since")
	case (until.Sub(since)-1)/step >= maxSteps: // the last step may be cut short, and is one
		err = invalid("step", "makes more than 1000 steps; ask for longer ones, or for less time")
	}
	return since, until, step, err
}
