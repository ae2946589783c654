package console

import (
	"testing"
	"time"

	"keyturn/audit"
	"keyturn/keys"
)

// TestTimelineHasThePhasesOfEachKey, side by side, with now where it is.
func TestTimelineHasThePhasesOfEachKey(t *testing.T) {
	const day = 24 * time.Hour
	now := time.Date(2026, time.March, 14, 12, 0, 0, 0, time.UTC)
	key := func(kid string, purpose keys.Purpose, published, signs, until, verifies, revoked time.Duration) keys.Listed {
		k := keys.Key{KID: kid, Algorithm: keys.RS256, Purpose: purpose, PublishedAt: now.Add(published), SignsFrom: now.Add(signs), SignsUntil: now.Add(until), VerifiesUntil: now.Add(verifies)}
		if revoked != 0 {
			k.RevokedAt = now.Add(revoked)
		}
		return keys.Listed{Key: k, State: k.State(now)}
	}
	drawn := draw([]keys.Listed{
		key("refresh", keys.Refresh, -10*day, -10*day, 20*day, 50*day, 0),
		key("waiting", keys.Token, -day, 20*day, 50*day, 51*day, 0),
		key("signing", keys.Token, -10*day, -10*day, 20*day, 25*day, 0),
		key("revoked", keys.Token, -12*day, -11*day, 10*day, 15*day, -5*day),
	}, now, func(at time.Time, step time.Duration) string { return at.Format(time.DateOnly) })
	if len(drawn.Lanes) != 2 || drawn.Lanes[0].Name != "RS256" || drawn.Lanes[1].Name != "refresh" {
		t.Fatalf("lanes %+v", drawn.Lanes)
	}
	want := map[string][]string{
		"revoked": {"published", "signing", "revoked"}, "signing": {"signing", "retiring"}, "waiting": {"published", "signing", "retiring"}, "refresh": {"signing", "retiring"},
	}
	for _, lane := range drawn.Lanes {
		for _, b := range lane.Bars {
			var names []string
			end := b.X
			for _, p := range b.Phases {
				names = append(names, p.Name)
				if gap := p.X - end; gap > 0.01 || gap < -0.01 {
					t.Errorf("%s: a gap of %.2f before %s", b.KID, gap, p.Name)
				}
				end = p.X + p.Width
				if p.X < drawn.Left || end > drawn.Width {
					t.Errorf("%s: %s lies outside", b.KID, p.Name)
				}
				if (p.Name == "published" && b.KID == "waiting") != (p.X < drawn.Now && end > drawn.Now && b.KID == "waiting") {
					t.Errorf("%s: now is not in %s", b.KID, p.Name)
				}
			}
			if len(names) != len(want[b.KID]) {
				t.Errorf("%s has %v, want %v", b.KID, names, want[b.KID])
			}
		}
	}
	if n := len(drawn.Ticks); n < 3 || n > mostTicks+1 {
		t.Errorf("%d dates", n)
	}
}

// TestNoNumberOfKeysBreaksTheDrawing: none, and many that turn by the minute.
func TestNoNumberOfKeysBreaksTheDrawing(t *testing.T) {
	now := time.Now()
	words := func(time.Time, time.Duration) string { return "" }
	if empty := draw(nil, now, words); len(empty.Lanes) != 0 || empty.Height <= 0 {
		t.Errorf("%+v", empty)
	}
	var list []keys.Listed
	for n := range 50 {
		at := now.Add(time.Duration(n) * time.Minute)
		k := keys.Key{KID: "k", Algorithm: keys.EdDSA, Purpose: keys.Token, PublishedAt: at, SignsFrom: at, SignsUntil: at.Add(time.Minute), VerifiesUntil: at.Add(time.Hour)}
		list = append(list, keys.Listed{Key: k, State: k.State(now)})
	}
	if many := draw(list, now, words); len(many.Lanes[0].Bars) != barsOfLane {
		t.Errorf("%d bars", len(many.Lanes[0].Bars))
	}
}

// TestActivityIsDrawnToScale, and what happened once can be seen.
func TestActivityIsDrawnToScale(t *testing.T) {
	a := drawActivity([]audit.Activity{{SignIns: 1000, Refusals: 500}, {SignIns: 1}, {}})
	high, low, none := a.Hours[0], a.Hours[1], a.Hours[2]
	if high.SignInHeight != 2*high.RefusalHeight || low.SignInHeight < 2 || none.SignInHeight != 0 || a.SignIns != 1001 || a.Refusals != 500 || a.Top != 1000 {
		t.Errorf("%+v", a)
	}
	noon := time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)
	first := drawActivity([]audit.Activity{{From: noon}, {}, {}}).Hours[0]
	last := drawActivity([]audit.Activity{{}, {}, {From: noon}})
	if first.LabelAtEnd || first.LabelX != first.X || !last.Hours[2].LabelAtEnd || last.Hours[2].LabelX != last.Width {
		t.Errorf("a label leaves the drawing: %+v, %+v", first, last)
	}
}
