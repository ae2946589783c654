package audit

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

var day0 = time.Date(2026, 1, 2, 3, 4, 5, 678000, time.UTC)

// key is a Tagger.
type key string

func (k key) TagSeal(hash []byte) []byte {
	mac := hmac.New(sha256.New, []byte(k))
	mac.Write(hash)
	return mac.Sum(nil)
}

func (k key) SealTagged(hash, tag []byte) bool { return hmac.Equal(k.TagSeal(hash), tag) }

func event(id int64) Event {
	return Event{
		ID: id, At: day0, Action: UserUpdated, Actor: Actor{Kind: Operator, ID: "root", Address: "192.0.2.1", RequestID: "r"},
		SubjectKind: "user", SubjectID: "s", Reason: "test", Details: map[string]string{"a": fmt.Sprint(id), "b": "2"},
	}
}

func refusal(minute int) RefusalCount {
	return RefusalCount{
		Refusal: Refusal{Account: "u", Address: "192.0.2.1", Reason: "credentials"}, Minute: day0.Truncate(time.Minute).Add(time.Duration(minute) * time.Minute), Count: 3,
	}
}

// chain is three seals of three events and one minute of refusals each, by k.
func chain(k key) (batches []Batch) {
	last := Seal{}
	for n := range 3 {
		b := Batch{Refusals: []RefusalCount{refusal(n)}}
		var ids []int64
		for id := int64(3*n + 1); id <= int64(3*n+3); id++ {
			b.Events, ids = append(b.Events, event(id)), append(ids, id)
		}
		at := day0.Add(time.Duration(n) * time.Minute)
		b.Seal = last.Next(Seal{
			At: at, CompleteAt: at, RefusalsThrough: b.Refusals[0].Minute, Events: MarkEvents(ids, b.Events), Refusals: MarkRefusals(b.Refusals),
		}, k)
		last, batches = b.Seal, append(batches, b)
	}
	return batches
}

// verify gives the findings' texts.
func verify(v Verifier, batches []Batch) (found []string) {
	v.Report = func(f Finding) { found = append(found, f.Problem) }
	v.Start(Seal{})
	for _, b := range batches {
		v.Batch(b)
	}
	v.End()
	return found
}

func TestIntactChainHasNoFindings(t *testing.T) {
	if found := verify(Verifier{Tags: key("k")}, chain("k")); len(found) > 0 {
		t.Errorf("got %q", found)
	}
}

// TestDigestsTellEveryFieldApart: no two events hash alike, also where text moves from one field to the next.
func TestDigestsTellEveryFieldApart(t *testing.T) {
	seen := map[Digest]string{event(1).Digest(): "the event itself"}
	for what, change := range map[string]func(*Event){
		"id":             func(e *Event) { e.ID++ },
		"time":           func(e *Event) { e.At = e.At.Add(time.Microsecond) },
		"action":         func(e *Event) { e.Action = UserDeleted },
		"actor's kind":   func(e *Event) { e.Actor.Kind = User },
		"actor's id":     func(e *Event) { e.Actor.ID = "" },
		"address":        func(e *Event) { e.Actor.Address = "" },
		"request":        func(e *Event) { e.Actor.RequestID = "" },
		"subject's kind": func(e *Event) { e.SubjectKind = "" },
		"subject":        func(e *Event) { e.SubjectID = "" },
		"reason":         func(e *Event) { e.Reason = "" },
		"moved text":     func(e *Event) { e.SubjectKind, e.SubjectID = "use", "rs" },
		"details":        func(e *Event) { e.Details = nil },
		"empty detail":   func(e *Event) { e.Details = map[string]string{"a": "1", "b": "2", "c": ""} },
		"detail's text":  func(e *Event) { e.Details = map[string]string{"a": "1", "b": "3"} },
		"moved detail":   func(e *Event) { e.Details = map[string]string{"a": "1b", "": "2"} },
		"swapped":        func(e *Event) { e.Details = map[string]string{"a": "2", "b": "1"} },
	} {
		e := event(1)
		change(&e)
		if other, known := seen[e.Digest()]; known {
			t.Errorf("another %s hashes like %s", what, other)
		}
		seen[e.Digest()] = what
	}
	for what, change := range map[string]func(*RefusalCount){
		"the refusal":    func(*RefusalCount) {},
		"minute":         func(r *RefusalCount) { r.Minute = r.Minute.Add(time.Minute) },
		"account":        func(r *RefusalCount) { r.Account = "v" },
		"address":        func(r *RefusalCount) { r.Address = "" },
		"refusal reason": func(r *RefusalCount) { r.Reason = "throttled" },
		"count":          func(r *RefusalCount) { r.Count-- },
	} {
		r := refusal(0)
		change(&r)
		if other, known := seen[r.Digest()]; known {
			t.Errorf("another %s hashes like %s", what, other)
		}
		seen[r.Digest()] = what
	}
}

// TestDigestIsWhatIsDocumented spells the canonical form out, so that it can't change unseen: old seals would break.
func TestDigestIsWhatIsDocumented(t *testing.T) {
	var want []byte
	field := func(text string) {
		want = append(want, 0, 0, 0, 0, 0, 0, 0, byte(len(text)))
		want = append(want, text...)
	}
	field("keyturn audit event v1")
	field("\x00\x00\x00\x00\x00\x00\x00\x07")
	field("\x00\x06\x47\x5f\xcd\xb6\xbd\x8e") // 1767323045000678
	for _, text := range []string{"user.updated", "operator", "root", "192.0.2.1", "r", "user", "s", "test", "\x00\x00\x00\x00\x00\x00\x00\x02", "a", "7", "b", "2"} {
		field(text)
	}
	e := event(7)
	e.At = time.UnixMicro(0x0006475fcdb6bd8e)
	if got := e.Digest(); got != Digest(sha256.Sum256(want)) {
		t.Errorf("the canonical form of an event changed: %s", got)
	}
}

// The documented forms of a refusal and of a seal, which verifiers of years later go by.
func TestSealIsWhatIsDocumented(t *testing.T) {
	var form []byte
	field := func(parts ...[]byte) {
		for _, p := range parts {
			form = append(binary.BigEndian.AppendUint64(form, uint64(len(p))), p...)
		}
	}
	number := func(n int64) []byte { return binary.BigEndian.AppendUint64(nil, uint64(n)) }
	is := func(what string, got Digest) {
		if want := Digest(sha256.Sum256(form)); got != want {
			t.Errorf("%s: %s, want %s", what, got, want)
		}
		form = nil
	}
	r := refusal(1)
	field([]byte("keyturn audit refusal v1"), number(r.Minute.UnixMicro()), []byte("u"), []byte("192.0.2.1"), []byte("credentials"), number(3))
	is("a refusal", r.Digest())

	last := Seal{Number: 8, Hash: Digest{1, 2, 3}}
	s := last.Next(Seal{
		At: day0, RefusalsThrough: r.Minute, Events: MarkEvents([]int64{7}, []Event{event(7)}), Refusals: MarkRefusals([]RefusalCount{r}),
	}, key("k"))
	e, refused := event(7).Digest(), r.Digest()
	field([]byte("keyturn audit body v1"), slices.Concat(number(7), e[:]), slices.Concat(number(r.Minute.UnixMicro()), refused[:]))
	is("a body", s.Body)
	field([]byte("keyturn audit seal v1"), last.Hash[:], number(9), number(day0.UnixMicro()), number(0), number(r.Minute.UnixMicro()), s.Body[:])
	is("a seal", s.Hash)
}

func TestTamperingIsFound(t *testing.T) {
	rechained := func(b []Batch, k key) {
		last := Seal{}
		for i := range b {
			b[i].Seal = last.Next(b[i].Seal, k)
			last = b[i].Seal
		}
	}
	for _, c := range []struct {
		what   string
		change func(b []Batch) []Batch
		want   []string
	}{
		{"an altered event", func(b []Batch) []Batch { b[1].Events[0].Reason = "x"; return b }, []string{"event 4 was altered"}},
		{"a removed event", func(b []Batch) []Batch { b[1].Events = b[1].Events[1:]; return b }, []string{"event 4 is missing"}},
		{"two swapped events", func(b []Batch) []Batch {
			b[1].Events[0].ID, b[1].Events[1].ID = b[1].Events[1].ID, b[1].Events[0].ID
			return b
		}, []string{"event 4 was altered", "event 5 was altered"}},
		{"an altered count", func(b []Batch) []Batch { b[2].Refusals[0].Count++; return b }, []string{"were altered or added", "are missing or were altered"}},
		{"removed refusals", func(b []Batch) []Batch { b[2].Refusals = nil; return b }, []string{"are missing or were altered"}},
		{"added refusals", func(b []Batch) []Batch {
			b[2].Refusals = append(b[2].Refusals, RefusalCount{Minute: b[2].Refusals[0].Minute})
			return b
		}, []string{"were altered or added"}},
		{"an altered seal", func(b []Batch) []Batch { b[1].Seal.At = b[1].Seal.At.Add(time.Hour); return b }, []string{"seal 2 was altered: its hash"}},
		{"altered marks", func(b []Batch) []Batch {
			b[1].Events[0].Reason = "x"
			b[1].Seal.Events = MarkEvents([]int64{4, 5, 6}, b[1].Events)
			return b
		}, []string{"seal 2 was altered: its marks"}},
		{"a removed seal", func(b []Batch) []Batch { return slices.Delete(b, 1, 2) }, []string{"seals 2 to 2 are missing"}},
		{"the first seal removed", func(b []Batch) []Batch { return b[1:] }, []string{"seals 1 to 1 are missing"}},
		{"a seal made anew", func(b []Batch) []Batch {
			b[1].Seal = b[0].Seal.Next(Seal{Events: b[1].Seal.Events, Refusals: b[1].Seal.Refusals}, key("k"))
			return b
		}, []string{"seal 3 does not continue seal 2"}},
		{"all made anew without the master identity", func(b []Batch) []Batch {
			b[1].Events[0].Reason = "x"
			b[1].Seal.Events = MarkEvents([]int64{4, 5, 6}, b[1].Events)
			rechained(b, "another")
			return b
		}, []string{"seal 3 and those before it up to 1 have no tag"}},
		{"an event in two seals", func(b []Batch) []Batch {
			b[2].Seal.Events = append(b[2].Seal.Events, b[0].Seal.Events[0])
			b[2].Events = append(b[2].Events, b[0].Events[0])
			b[2].Seal = b[1].Seal.Next(b[2].Seal, key("k"))
			return b
		}, []string{"event 1 is covered by two seals"}},
		{"an event that was gone before it was sealed", func(b []Batch) []Batch {
			b[2].Seal.Events = MarkEvents([]int64{7, 8, 9}, b[2].Events[:2])
			b[2].Seal = b[1].Seal.Next(b[2].Seal, key("k"))
			return b
		}, []string{"event 9 was removed before it was sealed"}},
		{"an event dated back", func(b []Batch) []Batch {
			b[2].Events[0].At = b[1].Seal.CompleteAt.Add(-Lateness - time.Microsecond)
			b[2].Seal.Events = MarkEvents([]int64{7, 8, 9}, b[2].Events)
			b[2].Seal = b[1].Seal.Next(b[2].Seal, key("k"))
			return b
		}, []string{"it was added afterwards"}},
	} {
		found := verify(Verifier{Tags: key("k")}, c.change(chain("k")))
		if len(found) != len(c.want) || slices.ContainsFunc(c.want, func(want string) bool { return !strings.Contains(strings.Join(found, "\n"), want) }) {
			t.Errorf("%s: got %q, want %q", c.what, found, c.want)
		}
	}
}

// TestNotedHead: what the database alone can't tell, a note from outside does.
func TestNotedHead(t *testing.T) {
	batches := chain("k")
	other := Seal{}.Next(Seal{At: day0}, key("k"))
	for _, c := range []struct {
		what string
		head Head
		upTo int
		want string
	}{
		{"the head", batches[2].Seal.Head(), 3, ""},
		{"an older head", batches[1].Seal.Head(), 3, ""},
		{"after the tail was cut off", batches[2].Seal.Head(), 2, "the log was cut off after seal 2"},
		{"of a log that was rewritten with the master identity", other.Head(), 3, "seal 1 is not the one that was noted"},
		{"of no seal", Head{}, 3, "can't be compared"},
	} {
		found := verify(Verifier{Tags: key("k"), Expect: &c.head}, batches[:c.upTo])
		if text := strings.Join(found, "\n"); (c.want == "") != (text == "") || !strings.Contains(text, c.want) {
			t.Errorf("%s: got %q, want %q", c.what, text, c.want)
		}
	}
}

// TestLaterSealsVouchForForeignTags: after a change of the master identity old tags can't be checked, and need not be.
func TestLaterSealsVouchForForeignTags(t *testing.T) {
	batches := chain("old")
	last := batches[1].Seal.Next(batches[2].Seal, key("new"))
	batches[2].Seal = last
	if found := verify(Verifier{Tags: key("new")}, batches); len(found) > 0 {
		t.Errorf("got %q", found)
	}
	if found := verify(Verifier{Tags: key("new")}, batches[:2]); len(found) != 1 {
		t.Errorf("without the later seal: got %q, want a finding", found)
	}
}

// TestRefusalsLeaveBeforeTheirSeal: they are kept for a shorter time.
func TestRefusalsLeaveBeforeTheirSeal(t *testing.T) {
	batches := chain("k")
	batches[0].Refusals = nil
	if found := verify(Verifier{RefusalsSince: refusal(1).Minute}, batches); len(found) > 0 {
		t.Errorf("got %q", found)
	}
}

func TestPrunedChainGoesOn(t *testing.T) {
	batches := chain("k")
	rest := func(s Seal, before time.Time) (found []string) {
		v := Verifier{Tags: key("k"), PrunedBefore: before, Report: func(f Finding) { found = append(found, f.Problem) }}
		s.Events, s.Refusals, s.PrunedAt = nil, nil, day0
		v.Start(s)
		v.Batch(batches[1])
		v.Batch(batches[2])
		v.End()
		return found
	}
	first := batches[0].Seal
	if found := rest(first, first.At.Add(1)); len(found) > 0 {
		t.Errorf("got %q", found)
	}
	if found := rest(first, first.At); len(found) != 1 || !strings.Contains(found[0], "retention does not explain") {
		t.Errorf("too young: got %q", found)
	}
	first.At = first.At.Add(-time.Hour)
	if found := rest(first, time.Time{}); len(found) != 1 || !strings.Contains(found[0], "seal 1 was altered") {
		t.Errorf("dated back: got %q", found)
	}
}

func TestMarksAreReadAsWritten(t *testing.T) {
	marks := MarkEvents([]int64{-3, 2}, []Event{event(2)})
	got, err := ParseMarks(marks.Bytes())
	if err != nil || !slices.Equal(got, marks) || marks[0].Key != -3 || (marks[0].Digest != Digest{}) || (marks[1].Digest == Digest{}) {
		t.Errorf("got %v %v, want %v", got, err, marks)
	}
	if _, err := ParseMarks(marks.Bytes()[1:]); err == nil {
		t.Error("cut marks are read")
	}
}

func TestSpans(t *testing.T) {
	var s spans
	for _, n := range []int64{5, 1, 2, 9, 8, 3, 4, 7} {
		if !s.add(n) || s.add(n) || !s.has(n) {
			t.Errorf("%d is not new, then known", n)
		}
	}
	if got, want := fmt.Sprint(s), "[{1 5} {7 9}]"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if s.has(6) || s.has(0) || s.has(10) || s.hasAll([]int64{5, 6}) || !s.hasAll([]int64{1, 5, 7, 9}) {
		t.Error("the gaps are in it")
	}
	if s.add(6); fmt.Sprint(s) != "[{1 9}]" {
		t.Errorf("got %v, want one span", s)
	}
}
