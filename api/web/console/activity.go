package console

import (
	"strconv"
	"time"

	"keyturn/audit"
)

// activity is the last day in sign-ins and refusals, as it is drawn: a pair of bars for each hour.
type activity struct {
	Width, Height, Base float64
	Hours               []hour
	SignIns, Refusals   int64
	// Top is the highest bar's number.
	Top int64
}

// hour is a pair of bars.
type hour struct {
	From              time.Time
	X, RefusalX       float64
	SignIns, Refusals int64
	// Heights and tops of the two bars.
	SignInY, SignInHeight, RefusalY, RefusalHeight float64
	// Label is the hour, for every sixth. It begins at LabelX, or ends there.
	Label      string
	LabelX     float64
	LabelAtEnd bool
}

// The measures of the drawing.
const (
	hourWidth   = 28.0
	hoursDrawn  = 24
	chartHeight = 96.0
	chartFoot   = 20.0
	chartLeft   = 4.0
	// labelWidth is what a label takes on a phone.
	labelWidth = 56.0
)

// lastDay reads and draws the last 24 hours, the one that runs among them.
func (k *Console) lastDay(c *call) (activity, error) {
	until := k.Now().UTC().Truncate(time.Hour).Add(time.Hour)
	list, err := k.Audit.Activity(c.ctx, until.Add(-hoursDrawn*time.Hour), until, time.Hour, c.actor)
	return drawActivity(list), err
}

func drawActivity(list []audit.Activity) activity {
	a := activity{Width: chartLeft + hourWidth*float64(len(list)), Height: chartHeight + chartFoot, Base: chartHeight, Top: 1}
	for _, step := range list {
		a.SignIns, a.Refusals = a.SignIns+step.SignIns, a.Refusals+step.Refusals
		a.Top = max(a.Top, step.SignIns, step.Refusals)
	}
	height := func(n int64) float64 {
		if n == 0 {
			return 0
		}
		return max(2, (chartHeight-8)*float64(n)/float64(a.Top)) // what happened once can be seen, too
	}
	for n, step := range list {
		x := chartLeft + hourWidth*float64(n)
		h := hour{From: step.From, X: x, RefusalX: x + 12, SignIns: step.SignIns, Refusals: step.Refusals}
		h.SignInHeight, h.RefusalHeight = height(step.SignIns), height(step.Refusals)
		h.SignInY, h.RefusalY = chartHeight-h.SignInHeight, chartHeight-h.RefusalHeight
		if step.From.Hour()%6 == 0 {
			h.Label, h.LabelX = strconv.Itoa(step.From.Hour())+":00", x
			if x+labelWidth > a.Width {
				h.LabelX, h.LabelAtEnd = a.Width, true
			}
		}
		a.Hours = append(a.Hours, h)
	}
	return a
}
