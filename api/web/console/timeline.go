package console

import (
	"slices"
	"strings"
	"time"

	"keyturn/keys"
)

// The measures of the drawing, in its own pixels. It is never narrower than on the screen: a phone scrolls it.
const (
	drawnWidth = 960.0
	laneLabel  = 168.0
	laneHead   = 8.0
	barHeight  = 18.0
	barStep    = 26.0
	axisHeight = 34.0
	// barsOfLane is how many keys of a lane are drawn, the newest.
	barsOfLane = 8
	mostTicks  = 9
)

// timeline is the schedule of the keys as it is drawn: a lane for each algorithm and purpose, a bar for each key.
type timeline struct {
	Width, Height, Left float64
	// Now is where now is, AxisY the line of the dates.
	Now, AxisY float64
	Ticks      []tickMark
	Lanes      []drawnLane
}

type tickMark struct {
	X    float64
	Text string
}

type drawnLane struct {
	Name   string
	Y, End float64
	Bars   []bar
}

// bar is a key. Its phases stand beside one another.
type bar struct {
	KID, Short      string
	State           keys.State
	X, Y, TextY     float64
	Width           float64
	Phases          []phase
	SignsAt, EndsAt time.Time
}

// phase is a part of a key's life: published, signing, retiring, or revoked for what it lost.
type phase struct {
	Name     string
	X, Width float64
}

// laneName is how a lane is called.
func laneName(purpose keys.Purpose, algorithm keys.Algorithm) string {
	if purpose == keys.Refresh {
		return "refresh"
	}
	return string(algorithm)
}

// draw lays the keys out around now. words says what stands at a tick.
func draw(list []keys.Listed, now time.Time, words func(t time.Time, step time.Duration) string) timeline {
	from, to := span(list, now)
	t := timeline{Width: drawnWidth, Left: laneLabel}
	x := func(at time.Time) float64 {
		at = earlier(later(at, from), to)
		return laneLabel + (drawnWidth-laneLabel-8)*float64(at.Sub(from))/float64(to.Sub(from))
	}
	y := axisHeight
	for _, lane := range lanesOf(list) {
		d := drawnLane{Name: laneName(lane[0].Purpose, lane[0].Algorithm), Y: y}
		y += laneHead
		for _, k := range lane[max(0, len(lane)-barsOfLane):] {
			b := barOf(k, x)
			b.Y, b.TextY = y, y+barHeight-5
			d.Bars = append(d.Bars, b)
			y += barStep
		}
		d.End = y
		t.Lanes = append(t.Lanes, d)
	}
	t.Height, t.AxisY, t.Now = y+4, axisHeight, x(now)
	step := tickStep(to.Sub(from))
	for at := from.UTC().Truncate(step).Add(step); at.Before(to); at = at.Add(step) {
		t.Ticks = append(t.Ticks, tickMark{x(at), words(at, step)})
	}
	return t
}

// span is the time that is drawn: from the oldest key that still says something to the end of the newest turn.
func span(list []keys.Listed, now time.Time) (from, to time.Time) {
	from, to = now.Add(-24*time.Hour), now.Add(24*time.Hour)
	for _, k := range list {
		from, to = earlier(from, k.PublishedAt), later(to, k.SignsUntil)
	}
	width := to.Sub(now)
	from = later(from, now.Add(-width)) // what was is no more than half of it
	return from.Add(-width / 30), to.Add(width / 30)
}

// lanesOf are the keys by algorithm and purpose, in the order of the list.
func lanesOf(list []keys.Listed) [][]keys.Listed {
	var lanes [][]keys.Listed
	for _, k := range list {
		same := func(lane []keys.Listed) bool { return lane[0].Purpose == k.Purpose && lane[0].Algorithm == k.Algorithm }
		if n := slices.IndexFunc(lanes, same); n >= 0 {
			lanes[n] = append(lanes[n], k)
			continue
		}
		lanes = append(lanes, []keys.Listed{k})
	}
	for _, lane := range lanes {
		slices.SortStableFunc(lane, func(a, b keys.Listed) int { return a.SignsFrom.Compare(b.SignsFrom) })
	}
	// Those of tokens first: they are what others know.
	slices.SortStableFunc(lanes, func(a, b []keys.Listed) int { return strings.Compare(string(b[0].Purpose), string(a[0].Purpose)) })
	return lanes
}

// barOf is the life of a key. A revoked one ends where it was revoked, and what it lost is drawn as such.
func barOf(k keys.Listed, x func(time.Time) float64) bar {
	b := bar{KID: k.KID, Short: short(k.KID), State: k.State, SignsAt: k.SignsFrom, EndsAt: k.VerifiesUntil}
	end := k.VerifiesUntil
	if !k.RevokedAt.IsZero() {
		end = k.RevokedAt
	}
	for _, p := range []struct {
		name     string
		from, to time.Time
	}{
		{"published", k.PublishedAt, earlier(k.SignsFrom, end)},
		{"signing", k.SignsFrom, earlier(k.SignsUntil, end)},
		{"retiring", k.SignsUntil, end},
		{"revoked", end, k.VerifiesUntil},
	} {
		if left, right := x(p.from), x(p.to); right-left >= 0.5 {
			b.Phases = append(b.Phases, phase{p.name, left, right - left})
		}
	}
	b.X, b.Width = x(k.PublishedAt), x(k.VerifiesUntil)-x(k.PublishedAt)
	return b
}

// short is the beginning of a kid: enough to tell a few keys apart.
func short(kid string) string { return kid[:min(8, len(kid))] }

// tickStep is the time between two dates of the axis.
func tickStep(width time.Duration) time.Duration {
	const day = 24 * time.Hour
	steps := []time.Duration{time.Minute, 10 * time.Minute, time.Hour, 6 * time.Hour, day, 2 * day, 7 * day, 14 * day, 30 * day, 90 * day, 365 * day}
	for _, step := range steps {
		if width/step <= mostTicks {
			return step
		}
	}
	return 10 * steps[len(steps)-1]
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
