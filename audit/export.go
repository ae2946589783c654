package audit

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
)

// Format is the first line's format.
const Format = "keyturn-audit-1"

var (
	// ErrSealNotFound says that an export should go on after a seal that is not in the log.
	ErrSealNotFound = errors.New("audit: there is no such seal in the log, or retention has removed its rows")
	// errOvertaken says that retention removed rows that were still to be exported.
	errOvertaken = errors.New("audit: old rows were removed meanwhile; begin again")
)

// StartLine is the first line of an export.
type StartLine struct {
	Type       string `json:"type"`
	Format     string `json:"format"`
	Issuer     string `json:"issuer"`
	ExportedAt string `json:"exported_at"`
	// RefusalsSince is the first minute whose refusals have to be there.
	RefusalsSince string `json:"refusals_since"`
	// Seal is the one after which the export begins, without its marks; left out where it begins with the first.
	Seal *SealLine `json:"seal,omitempty"`
}

// EndLine is the last line, without which an export was cut off. It counts what stands before it.
type EndLine struct {
	Type     string `json:"type"`
	Seals    int64  `json:"seals"`
	Events   int64  `json:"events"`
	Unsealed int64  `json:"unsealed"`
}

// exporter writes lines.
type exporter struct {
	*json.Encoder
	end EndLine
}

// export writes the log from the seal after number after on: for each seal its events and refusals and then the
// seal; after the last seal the events that wait for one. It holds a page in memory. turn is called after each.
func export(ctx context.Context, log Store, w io.Writer, start StartLine, after int64, turn func() error) error {
	first, err := exportStart(ctx, log, after)
	if err != nil {
		return err
	}
	start.Type, start.Format = lineStart, Format
	if first.Number > 0 {
		bare := first
		bare.Events, bare.Refusals = nil, nil
		line := bare.line()
		start.Seal = &line
	}
	out := bufio.NewWriter(w)
	e := &exporter{json.NewEncoder(out), EndLine{Type: lineEnd}}
	e.SetEscapeHTML(false)
	if err := e.Encode(start); err != nil {
		return err
	}
	flush := func() error { return errors.Join(out.Flush(), turn()) }
	if err := e.sealed(ctx, log, first, flush); err != nil {
		return err
	}
	if err := e.unsealed(ctx, log, flush); err != nil {
		return err
	}
	if err := e.Encode(e.end); err != nil {
		return err
	}
	return flush()
}

// exportStart is the seal after which an export begins.
func exportStart(ctx context.Context, log Log, after int64) (Seal, error) {
	if after > 0 {
		seals, err := log.SealsAfter(ctx, after-1, 1)
		if err == nil && (len(seals) == 0 || seals[0].Number != after) {
			err = ErrSealNotFound
		}
		if err != nil {
			return Seal{}, err
		}
		return seals[0], nil
	}
	first, err := log.OldestSeal(ctx)
	if first.PrunedAt.IsZero() {
		first = Seal{}
	}
	return first, err
}

func (e *exporter) sealed(ctx context.Context, log Log, last Seal, flush func() error) error {
	for {
		seals, err := log.SealsAfter(ctx, last.Number, sealPage)
		if err != nil || len(seals) == 0 {
			return err
		}
		batches, err := log.BatchesOf(ctx, seals, last.RefusalsThrough)
		if err != nil {
			return err
		}
		oldest, err := log.OldestSeal(ctx)
		if err == nil && !oldest.PrunedAt.IsZero() && oldest.Number > last.Number {
			err = errOvertaken
		}
		if err != nil {
			return err
		}
		for _, b := range batches {
			if err := e.batch(b); err != nil {
				return err
			}
		}
		last = seals[len(seals)-1]
		if err := flush(); err != nil {
			return err
		}
	}
}

func (e *exporter) batch(b Batch) error {
	if err := e.events(b.Events); err != nil {
		return err
	}
	for _, r := range b.Refusals {
		line := r.Line()
		line.Type = lineRefusal
		if err := e.Encode(line); err != nil {
			return err
		}
	}
	e.end.Seals++
	return e.Encode(b.Seal.line())
}

func (e *exporter) events(events []Event) error {
	for _, event := range events {
		line := event.Line(nil)
		line.Type = lineEvent
		if err := e.Encode(line); err != nil {
			return err
		}
		e.end.Events++
	}
	return nil
}

func (e *exporter) unsealed(ctx context.Context, log Store, flush func() error) error {
	for after := int64(math.MinInt64); ; {
		events, err := log.UnsealedAfter(ctx, after, 1000)
		if err != nil || len(events) == 0 {
			return err
		}
		after = events[len(events)-1].ID
		if err := e.events(events); err != nil {
			return err
		}
		e.end.Unsealed += int64(len(events))
		if err := flush(); err != nil {
			return err
		}
	}
}

// importer reads lines and has them verified.
type importer struct {
	v      *Verifier
	batch  Batch
	counts EndLine
	ended  bool
}

// RunFile verifies an export: the log is what Export wrote. Its error is that a line can't be read. The tail is what
// no seal in it covers.
func (v *Verifier) RunFile(in io.Reader, progress func(Verified)) (Tail, error) {
	r := &importer{v: v}
	decoder := json.NewDecoder(in)
	for n := 1; ; n++ {
		var raw json.RawMessage
		err := decoder.Decode(&raw)
		if errors.Is(err, io.EOF) {
			break
		}
		if err == nil {
			err = r.line(raw, n == 1)
		}
		if err != nil {
			return Tail{}, fmt.Errorf("audit: line %d of the export: %w", n, err)
		}
		if progress != nil && n%10_000 == 0 {
			progress(v.Verified())
		}
	}
	if !r.ended {
		v.report(Finding{Problem: "the export was cut off: its last line is missing"})
	}
	v.End()
	tail := Tail{Events: int64(len(r.batch.Events))}
	for _, e := range r.batch.Events {
		if tail.Oldest.IsZero() || e.At.Before(tail.Oldest) {
			tail.Oldest = e.At
		}
	}
	return tail, nil
}

func (r *importer) line(raw []byte, first bool) error {
	var kind struct {
		Type string `json:"type"`
	}
	if err := json.Unmarshal(raw, &kind); err != nil {
		return err
	}
	switch {
	case r.ended:
		return errors.New("it stands behind the end")
	case first != (kind.Type == lineStart):
		return errors.New("an export begins with one line of type start")
	case kind.Type == lineStart:
		return r.start(raw)
	case kind.Type == lineEvent:
		return r.event(raw)
	case kind.Type == lineRefusal:
		return r.refusal(raw)
	case kind.Type == lineSeal:
		return r.seal(raw)
	case kind.Type == lineEnd:
		return r.end(raw)
	}
	return fmt.Errorf("its type %q is unknown", kind.Type)
}

func (r *importer) start(raw []byte) error {
	var line StartLine
	if err := json.Unmarshal(raw, &line); err != nil {
		return err
	}
	if line.Format != Format {
		return fmt.Errorf("the format %q is unknown", line.Format)
	}
	since, err := parseInstant(line.RefusalsSince)
	if err != nil {
		return err
	}
	if since.After(r.v.RefusalsSince) {
		r.v.RefusalsSince = since
	}
	var first Seal
	if line.Seal != nil {
		if first, err = line.Seal.seal(); err != nil {
			return err
		}
	}
	r.v.Start(first)
	return nil
}

func (r *importer) event(raw []byte) error {
	var line EventLine
	if err := json.Unmarshal(raw, &line); err != nil {
		return err
	}
	e, err := line.event()
	r.batch.Events = append(r.batch.Events, e)
	r.counts.Events++
	return err
}

func (r *importer) refusal(raw []byte) error {
	var line RefusalLine
	if err := json.Unmarshal(raw, &line); err != nil {
		return err
	}
	refusal, err := line.refusal()
	r.batch.Refusals = append(r.batch.Refusals, refusal)
	return err
}

func (r *importer) seal(raw []byte) (err error) {
	var line SealLine
	if err := json.Unmarshal(raw, &line); err != nil {
		return err
	}
	if r.batch.Seal, err = line.seal(); err != nil {
		return err
	}
	for _, e := range r.batch.Events {
		if !r.batch.Seal.covers(e.ID) {
			r.v.report(Finding{Seal: r.batch.Seal.Number, Event: e.ID, Problem: fmt.Sprintf("event %d stands in the export with seal %d, which does not cover it", e.ID, r.batch.Seal.Number)})
		}
	}
	r.v.Batch(r.batch)
	r.batch = Batch{}
	r.counts.Seals++
	return nil
}

func (r *importer) end(raw []byte) error {
	var line EndLine
	if err := json.Unmarshal(raw, &line); err != nil {
		return err
	}
	r.ended = true
	r.counts.Type, r.counts.Unsealed = lineEnd, int64(len(r.batch.Events))
	if line != r.counts {
		r.v.report(Finding{Problem: fmt.Sprintf("the export says that it has %d seals, %d events and %d unsealed ones, and has %d, %d and %d",
			line.Seals, line.Events, line.Unsealed, r.counts.Seals, r.counts.Events, r.counts.Unsealed)})
	}
	return nil
}

func (s Seal) covers(id int64) bool {
	for _, mark := range s.Events {
		if mark.Key == id {
			return true
		}
	}
	return false
}
