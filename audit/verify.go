package audit

import (
	"context"
	"fmt"
	"math"
	"time"
)

// Lateness is how long after it was recorded an event may be committed. One that comes later still, into a log that
// was sealed beyond its time, was dated back.
const Lateness = time.Hour

// Head names a seal: its number and hash. Noted elsewhere, it shows later whether the log up to it is the same.
type Head struct {
	Number int64
	Hash   Digest
}

// String is "NUMBER:HASH".
func (h Head) String() string { return fmt.Sprintf("%d:%s", h.Number, h.Hash) }

// Head names the seal.
func (s Seal) Head() Head { return Head{s.Number, s.Hash} }

// Finding is one thing that is wrong with the log.
type Finding struct {
	// Seal and Event are what it is about, 0 for neither.
	Seal  int64 `json:"seal,omitempty"`
	Event int64 `json:"event,omitempty"`
	// Problem is a sentence for people.
	Problem string `json:"problem"`
}

// Batch is a seal and the rows that stand where it covers some.
type Batch struct {
	Seal     Seal
	Events   []Event
	Refusals []RefusalCount
}

// Verifier checks seals and their rows in order. Its exported fields are set before the first call.
type Verifier struct {
	// Tags checks the seals' tags; nil leaves them unchecked.
	Tags Tagger
	// Expect is the head that was noted, nil for none.
	Expect *Head
	// RefusalsSince is the first minute whose refusals have to be there: older ones leave before their seal does.
	RefusalsSince time.Time
	// PrunedBefore is a time before which retention may have removed rows, zero where it is not to be judged.
	PrunedBefore time.Time
	// Report is told of each finding.
	Report func(Finding)

	from                   int64
	last                   Seal
	covered                spans
	tagged, foreign        int64 // the newest seal with a good tag, and the oldest with a bad one
	seals, events, refused int64
	met, findings          int64 // met is 1 once Expect was compared
}

// Verified is what a Verifier has seen.
type Verified struct {
	// From is the seal that the rows before were removed with, 0 for none.
	From int64
	Head Head
	// HeadAt is when the newest seal was made.
	HeadAt                            time.Time
	Seals, Events, Refusals, Findings int64
	// ForeignTags tells that seals at the beginning were tagged under another master identity; later ones vouch for them.
	ForeignTags bool
}

func (v *Verifier) report(f Finding) {
	v.findings++
	v.Report(f)
}

func (v *Verifier) bad(s Seal, format string, args ...any) {
	v.report(Finding{Seal: s.Number, Problem: fmt.Sprintf(format, args...)})
}

// Start begins after a seal whose rows were removed; the zero Seal begins with the first.
func (v *Verifier) Start(s Seal) {
	v.from, v.last = s.Number, s
	if s.Number == 0 {
		return
	}
	v.checkSeal(s)
	if !v.PrunedBefore.IsZero() && !s.At.Before(v.PrunedBefore) {
		v.bad(s, "rows were removed up to seal %d, made at %s, which the retention does not explain", s.Number, s.At.UTC().Format(time.RFC3339))
	}
}

// checkSeal looks at the seal alone.
func (v *Verifier) checkSeal(s Seal) {
	if s.hash() != s.Hash {
		v.bad(s, "seal %d was altered: its hash is not that of its content", s.Number)
	}
	if v.Tags != nil && v.Tags.SealTagged(s.Hash[:], s.Tag) {
		v.tagged = s.Number
	} else if v.foreign == 0 {
		v.foreign = s.Number
	}
	if e := v.Expect; e != nil && e.Number == s.Number {
		v.met = 1
		if e.Hash != s.Hash {
			v.bad(s, "seal %d is not the one that was noted: its hash is %s", s.Number, s.Hash)
		}
	}
}

// Batch checks the next seal and its rows.
func (v *Verifier) Batch(b Batch) {
	s := b.Seal
	v.seals++
	if s.Number != v.last.Number+1 {
		v.bad(s, "seals %d to %d are missing", v.last.Number+1, s.Number-1)
	} else if s.Previous != v.last.Hash {
		v.bad(s, "seal %d does not continue seal %d: one of the two was altered", s.Number, v.last.Number)
	}
	if s.body() != s.Body {
		v.bad(s, "seal %d was altered: its marks are not those that were sealed", s.Number)
	}
	v.checkSeal(s)
	v.checkEvents(s, b.Events)
	v.checkRefusals(s, b.Refusals)
	v.last = s
}

func (v *Verifier) checkEvents(s Seal, events []Event) {
	found := make(map[int64]Event, len(events))
	for _, e := range events {
		found[e.ID] = e
	}
	for _, mark := range s.Events {
		v.events++
		problem := ""
		e, there := found[mark.Key]
		switch {
		case !v.covered.add(mark.Key):
			problem = "is covered by two seals"
		case mark.Digest == Digest{}:
			problem = "was removed before it was sealed"
		case !there:
			problem = "is missing"
		case e.Digest() != mark.Digest:
			problem = "was altered"
		case e.At.Before(v.last.CompleteAt.Add(-Lateness)):
			problem = "is dated " + e.At.UTC().Format(time.RFC3339) + ", long before the seals that should hold it: it was added afterwards"
		}
		if problem != "" {
			v.report(Finding{Seal: s.Number, Event: mark.Key, Problem: fmt.Sprintf("event %d %s", mark.Key, problem)})
		}
	}
}

// checkRefusals compares the refusals of the seal's minutes with its marks. Of one that is missing only the minute
// is known.
func (v *Verifier) checkRefusals(s Seal, refusals []RefusalCount) {
	left := make(map[Mark]bool, len(s.Refusals))
	for _, mark := range s.Refusals {
		v.refused++
		left[mark] = true
	}
	for _, r := range refusals {
		mark := Mark{microsOf(r.Minute), r.Digest()}
		if !left[mark] && !r.Minute.Before(v.RefusalsSince) {
			v.bad(s, "the refusals of account %q from %q, %q, in the minute %s were altered or added", r.Account, r.Address, r.Reason, r.Minute.UTC().Format(time.RFC3339))
		}
		delete(left, mark)
	}
	for _, mark := range s.Refusals {
		if minute := time.UnixMicro(mark.Key); left[mark] && !minute.Before(v.RefusalsSince) {
			v.bad(s, "refusals of the minute %s are missing or were altered", minute.UTC().Format(time.RFC3339))
		}
	}
}

// End checks what can be said only once the newest seal is known.
func (v *Verifier) End() {
	if v.Tags != nil && v.foreign > 0 && v.tagged < v.last.Number {
		v.report(Finding{Seal: v.last.Number, Problem: fmt.Sprintf(
			"seal %d and those before it up to %d have no tag of this master identity: they were made under another one, or forged", v.last.Number, max(v.tagged+1, v.foreign))})
	}
	e := v.Expect
	switch {
	case e == nil || v.met == 1:
	case e.Number > v.last.Number:
		v.report(Finding{Seal: e.Number, Problem: fmt.Sprintf("seal %d was noted and is not there: the log was cut off after seal %d", e.Number, v.last.Number)})
	default:
		v.report(Finding{Seal: e.Number, Problem: fmt.Sprintf("seal %d was noted and can't be compared: it is no longer, or not yet, in this log", e.Number)})
	}
}

// Verified tells what was seen.
func (v *Verifier) Verified() Verified {
	return Verified{
		From: v.from, Head: v.last.Head(), HeadAt: v.last.At, Seals: v.seals, Events: v.events, Refusals: v.refused, Findings: v.findings,
		ForeignTags: v.Tags != nil && v.foreign > 0,
	}
}

// Log is where the rows and seals are read from.
type Log interface {
	// OldestSeal is the first that is there, the zero Seal for none.
	OldestSeal(ctx context.Context) (Seal, error)
	// SealsAfter are the next seals by number.
	SealsAfter(ctx context.Context, number int64, limit int) ([]Seal, error)
	// BatchesOf are the seals with the rows where they cover some. The refusals are those of the minutes since after.
	BatchesOf(ctx context.Context, seals []Seal, after time.Time) ([]Batch, error)
	// StraysAfter are the ids above after, in order, of events that neither wait to be sealed nor are among covered.
	StraysAfter(ctx context.Context, after int64, limit int) ([]int64, error)
	// GoneUnsealed are the ids of events that wait to be sealed and are no longer there.
	GoneUnsealed(ctx context.Context) ([]int64, error)
}

const (
	// sealPage is how many seals are read with their rows at once.
	sealPage = 20
	idPage   = 10_000
)

// Run verifies a whole log, which may grow and be pruned meanwhile. progress is called from time to time, nil for no.
func (v *Verifier) Run(ctx context.Context, log Log, progress func(Verified)) error {
	first, err := log.OldestSeal(ctx)
	if err != nil {
		return err
	}
	if first.PrunedAt.IsZero() {
		first = Seal{}
	}
	v.Start(first)
	if err := v.follow(ctx, log, progress); err != nil {
		return err
	}
	if err := v.strays(ctx, log); err != nil {
		return err
	}
	gone, err := log.GoneUnsealed(ctx)
	if err != nil {
		return err
	}
	for _, id := range gone {
		v.report(Finding{Event: id, Problem: fmt.Sprintf("event %d was removed before it was sealed", id)})
	}
	v.End()
	return nil
}

// follow verifies all seals after the last.
func (v *Verifier) follow(ctx context.Context, log Log, progress func(Verified)) error {
	for {
		seals, err := log.SealsAfter(ctx, v.last.Number, sealPage)
		if err != nil || len(seals) == 0 {
			return err
		}
		batches, err := log.BatchesOf(ctx, seals, v.last.RefusalsThrough)
		if err != nil {
			return err
		}
		if oldest, err := log.OldestSeal(ctx); err != nil {
			return err
		} else if !oldest.PrunedAt.IsZero() && oldest.Number > v.last.Number {
			v.Start(oldest) // retention was faster; what was read may lack rows
			continue
		}
		for _, b := range batches {
			v.Batch(b)
		}
		if progress != nil {
			progress(v.Verified())
		}
	}
}

// strays reports events that no seal covers and that don't wait for one.
func (v *Verifier) strays(ctx context.Context, log Log) error {
	for after := int64(math.MinInt64); ; {
		ids, err := log.StraysAfter(ctx, after, idPage)
		if err != nil || len(ids) == 0 {
			return err
		}
		after = ids[len(ids)-1]
		if v.covered.hasAll(ids) {
			continue
		}
		if err := v.follow(ctx, log, nil); err != nil { // they may have been sealed meanwhile
			return err
		}
		for _, id := range ids {
			if !v.covered.has(id) {
				v.report(Finding{Event: id, Problem: fmt.Sprintf("event %d is in no seal and waits for none: it was added past Keyturn, or the seal that held it is gone", id)})
			}
		}
	}
}
