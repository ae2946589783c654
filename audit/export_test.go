package audit

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"
)

// memory is a Store of three seals and the events that wait. What it does not answer is not asked for here.
type memory struct {
	Store
	batches  []Batch
	pruned   Seal // the oldest seal, where retention has removed rows
	unsealed []Event
}

func (m memory) OldestSeal(context.Context) (Seal, error) {
	if m.pruned.Number > 0 || len(m.batches) == 0 {
		return m.pruned, nil
	}
	return m.batches[0].Seal, nil
}

func (m memory) SealsAfter(_ context.Context, number int64, limit int) (seals []Seal, err error) {
	for _, b := range m.batches {
		if b.Seal.Number > number && len(seals) < limit {
			seals = append(seals, b.Seal)
		}
	}
	return seals, nil
}

func (m memory) BatchesOf(_ context.Context, seals []Seal, _ time.Time) (batches []Batch, err error) {
	for _, b := range m.batches {
		if slices.ContainsFunc(seals, func(s Seal) bool { return s.Number == b.Seal.Number }) {
			batches = append(batches, b)
		}
	}
	return batches, nil
}

func (m memory) UnsealedAfter(_ context.Context, after int64, _ int) (events []Event, err error) {
	for _, e := range m.unsealed {
		if e.ID > after {
			events = append(events, e)
		}
	}
	return events, nil
}

func (m memory) Now(context.Context) (time.Time, error) { return day0, nil }

var auditor = Actor{Kind: User, ID: "auditor", Rights: Read}

func exported(t testing.TB, m memory, after int64) string {
	t.Helper()
	var out strings.Builder
	r := &Reader{Store: m, Issuer: "https://id.example.com", RefusalAge: 90 * 24 * time.Hour}
	if err := r.Export(t.Context(), &out, after, func() error { return nil }, auditor); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

// readBack verifies an export.
func readBack(text string) (v Verifier, tail Tail, found []string, err error) {
	v = Verifier{Tags: key("k"), Report: func(f Finding) { found = append(found, f.Problem) }}
	tail, err = v.RunFile(strings.NewReader(text), nil)
	return v, tail, found, err
}

func TestExportIsReadBack(t *testing.T) {
	batches := chain("k")
	odd := event(10)
	odd.Reason, odd.Details = "\x00<>&\u2028", map[string]string{"": "\"\n"}
	m := memory{batches: batches, unsealed: []Event{odd, event(11)}}
	v, tail, found, err := readBack(exported(t, m, 0))
	if err != nil || len(found) > 0 || tail != (Tail{Events: 2, Oldest: day0}) || v.Verified().Head != batches[2].Seal.Head() || v.Verified().Events != 9 || v.Verified().Refusals != 3 {
		t.Errorf("got %+v, %+v, %q, %v", v.Verified(), tail, found, err)
	}
	v, _, found, err = readBack(exported(t, m, 2))
	if err != nil || len(found) > 0 || v.Verified().Seals != 1 || v.Verified().From != 2 {
		t.Errorf("after seal 2: got %+v, %q, %v", v.Verified(), found, err)
	}
	m.pruned, m.batches = batches[0].Seal, batches[1:]
	m.pruned.PrunedAt, m.pruned.Events, m.pruned.Refusals = day0, nil, nil
	v, _, found, err = readBack(exported(t, m, 0))
	if err != nil || len(found) > 0 || v.Verified().From != 1 {
		t.Errorf("after retention: got %+v, %q, %v", v.Verified(), found, err)
	}
}

// TestLinesKeepWhatIsHashed: an odd event that is sealed verifies after its way through JSON.
func TestLinesKeepWhatIsHashed(t *testing.T) {
	e := event(1)
	e.Reason, e.Details = "\x00<>&\u2028\U0001F577", map[string]string{"": "\"\n", "é": "\u202e"}
	text, err := json.Marshal(e.Line(map[string]string{"root": "x"}))
	var l EventLine
	if err = errors.Join(err, json.Unmarshal(text, &l)); err != nil {
		t.Fatal(err)
	}
	if got, err := l.event(); err != nil || got.Digest() != e.Digest() {
		t.Errorf("got %+v, %v", got, err)
	}
}

func TestChangedExportIsFound(t *testing.T) {
	text := exported(t, memory{batches: chain("k"), unsealed: []Event{event(10)}}, 0)
	lines := strings.SplitAfter(strings.TrimSuffix(text, "\n"), "\n")
	for _, c := range []struct {
		what, want string
		change     func(lines []string) []string
	}{
		{"an altered event", "event 1 was altered", func(l []string) []string { l[1] = strings.Replace(l[1], `"root"`, `"me"`, 1); return l }},
		{"a removed event", "event 1 is missing", func(l []string) []string { return slices.Delete(l, 1, 2) }},
		{"an event in another batch", "does not cover it", func(l []string) []string { l[1], l[6] = l[6], l[1]; return l }},
		{"an event twice", "the export says that it has", func(l []string) []string { return slices.Insert(l, 1, l[1]) }},
		{"a removed seal", "seals 1 to 1 are missing", func(l []string) []string { return slices.Delete(l, 1, 6) }},
		{"no end", "was cut off", func(l []string) []string { return l[:len(l)-1] }},
		{"a removed event that waits", "the export says that it has", func(l []string) []string { return slices.Delete(l, len(l)-2, len(l)-1) }},
	} {
		_, _, found, err := readBack(strings.Join(c.change(slices.Clone(lines)), ""))
		if err != nil || !strings.Contains(strings.Join(found, "\n"), c.want) {
			t.Errorf("%s: got %q, %v, want %q", c.what, found, err, c.want)
		}
	}
}

func TestExportThatCantBeReadIsAnError(t *testing.T) {
	start := `{"type":"start","format":"` + Format + `"}`
	for _, text := range []string{
		`{`, `[]`, `{"type":"event"}`, start + start, `{"type":"start","format":"other"}`, start + `{"type":"x"}`, start + `{"type":"end"}` + start,
		start + `{"type":"event","at":"x"}`, start + `{"type":"refusal","minute":"x"}`, start + `{"type":"seal"}`, start + `{"type":"event","id":"1"}`,
		`{"type":"start","format":"` + Format + `","seal":{}}`, `{"type":"start","format":"` + Format + `","refusals_since":"x"}`,
	} {
		if _, _, _, err := readBack(text); err == nil {
			t.Errorf("%s is read", text)
		}
	}
	if _, _, found, err := readBack(""); err != nil || len(found) == 0 {
		t.Errorf("an empty file: got %q, %v, want a finding", found, err)
	}
}

// TestReaderAsksForTheRight: every method, before it reads anything.
func TestReaderAsksForTheRight(t *testing.T) {
	r, ctx := &Reader{}, t.Context()
	var nobody Actor
	_, err1 := r.Events(ctx, Query{}, nobody)
	_, err2 := r.Refusals(ctx, RefusalQuery{}, nobody)
	_, err3 := r.Activity(ctx, time.Time{}, time.Time{}, 0, nobody)
	_, err4 := r.Lines(ctx, nil, nobody)
	err5 := r.Export(ctx, nil, 0, nil, nobody)
	_, err6 := r.Verify(ctx, nil, nil, nobody)
	for n, err := range []error{err1, err2, err3, err4, err5, err6} {
		if !errors.Is(err, ErrForbidden) {
			t.Errorf("method %d: got %v, want ErrForbidden", n, err)
		}
	}
}

func TestExportAfterNoSeal(t *testing.T) {
	r := &Reader{Store: memory{batches: chain("k")}}
	if err := r.Export(t.Context(), nil, 4, nil, auditor); !errors.Is(err, ErrSealNotFound) {
		t.Errorf("got %v, want ErrSealNotFound", err)
	}
}

// FuzzRunFile: whatever stands in a file, it is read or refused, and only what was sealed has no findings.
func FuzzRunFile(f *testing.F) {
	f.Add(exported(f, memory{batches: chain("k"), unsealed: []Event{event(10)}}, 0))
	f.Add(exported(f, memory{batches: chain("k")}, 1))
	f.Add(`{"type":"start"}`)
	f.Fuzz(func(t *testing.T, text string) {
		v, _, found, err := readBack(text)
		if so := v.Verified(); err == nil && len(found) == 0 && so.Seals > 0 && so.Head != chain("k")[so.Head.Number-1].Seal.Head() {
			t.Errorf("a forged head %s has no findings: %s", so.Head, text)
		}
	})
}
