package audit

import (
	"encoding/base64"
	"fmt"
	"time"
)

// The types of this file are how the log looks in JSON: in lists, and as the lines of an export. Their order of
// members is fixed, times are RFC 3339 in UTC with the microseconds that are stored, hashes are hexadecimal.

// The types of lines. A list's items have none.
const (
	lineStart   = "start"
	lineEvent   = "event"
	lineRefusal = "refusal"
	lineSeal    = "seal"
	lineEnd     = "end"
)

// EventLine is an Event.
type EventLine struct {
	Type      string `json:"type,omitempty"`
	ID        int64  `json:"id"`
	At        string `json:"at"`
	Action    Action `json:"action"`
	ActorKind string `json:"actor_kind"`
	ActorID   string `json:"actor_id,omitempty"`
	// ActorName and SubjectName are the usernames of today, left out in exports.
	ActorName   string            `json:"actor_name,omitempty"`
	Address     string            `json:"address,omitempty"`
	RequestID   string            `json:"request_id,omitempty"`
	SubjectKind string            `json:"subject_kind"`
	SubjectID   string            `json:"subject_id"`
	SubjectName string            `json:"subject_name,omitempty"`
	Reason      string            `json:"reason,omitempty"`
	Details     map[string]string `json:"details,omitempty"`
}

// RefusalLine is a RefusalCount.
type RefusalLine struct {
	Type    string `json:"type,omitempty"`
	Minute  string `json:"minute"`
	Account string `json:"account"`
	Address string `json:"address"`
	Reason  string `json:"reason"`
	Count   int64  `json:"count"`
}

// SealLine is a Seal. Events and Refusals are the bytes of its marks in base64.
type SealLine struct {
	Type            string `json:"type,omitempty"`
	Number          int64  `json:"number"`
	At              string `json:"at"`
	CompleteAt      string `json:"complete_at,omitempty"`
	RefusalsThrough string `json:"refusals_through,omitempty"`
	Previous        string `json:"previous"`
	Body            string `json:"body"`
	Hash            string `json:"hash"`
	Tag             string `json:"tag"`
	Events          string `json:"events,omitempty"`
	Refusals        string `json:"refusals,omitempty"`
	PrunedAt        string `json:"pruned_at,omitempty"`
}

func instant(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format("2006-01-02T15:04:05.000000Z07:00")
}

func parseInstant(text string) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	return time.Parse(time.RFC3339Nano, text)
}

// Line is how the event looks; names are usernames by id, nil for none.
func (e Event) Line(names map[string]string) EventLine {
	l := EventLine{
		ID: e.ID, At: instant(e.At), Action: e.Action, ActorKind: string(e.Actor.Kind), ActorID: e.Actor.ID, Address: e.Actor.Address,
		RequestID: e.Actor.RequestID, SubjectKind: e.SubjectKind, SubjectID: e.SubjectID, Reason: e.Reason, Details: e.Details,
	}
	if e.Actor.Kind == User {
		l.ActorName = names[e.Actor.ID]
	}
	if e.SubjectKind == "user" {
		l.SubjectName = names[e.SubjectID]
	}
	return l
}

func (l EventLine) event() (Event, error) {
	at, err := parseInstant(l.At)
	return Event{
		ID: l.ID, At: at, Action: l.Action, Actor: Actor{Kind: ActorKind(l.ActorKind), ID: l.ActorID, Address: l.Address, RequestID: l.RequestID},
		SubjectKind: l.SubjectKind, SubjectID: l.SubjectID, Reason: l.Reason, Details: l.Details,
	}, err
}

// Line is how the refusals look.
func (r RefusalCount) Line() RefusalLine {
	return RefusalLine{Minute: instant(r.Minute), Account: r.Account, Address: r.Address, Reason: r.Reason, Count: r.Count}
}

func (l RefusalLine) refusal() (RefusalCount, error) {
	minute, err := parseInstant(l.Minute)
	return RefusalCount{Refusal: Refusal{Account: l.Account, Address: l.Address, Reason: l.Reason}, Minute: minute, Count: l.Count}, err
}

func (s Seal) line() SealLine {
	return SealLine{
		Type: lineSeal, Number: s.Number, At: instant(s.At), CompleteAt: instant(s.CompleteAt), RefusalsThrough: instant(s.RefusalsThrough),
		Previous: s.Previous.String(), Body: s.Body.String(), Hash: s.Hash.String(), Tag: base64.StdEncoding.EncodeToString(s.Tag),
		Events: base64.StdEncoding.EncodeToString(s.Events.Bytes()), Refusals: base64.StdEncoding.EncodeToString(s.Refusals.Bytes()),
		PrunedAt: instant(s.PrunedAt),
	}
}

func (l SealLine) seal() (Seal, error) {
	s := Seal{Number: l.Number}
	for _, t := range []struct {
		text string
		into *time.Time
	}{{l.At, &s.At}, {l.CompleteAt, &s.CompleteAt}, {l.RefusalsThrough, &s.RefusalsThrough}, {l.PrunedAt, &s.PrunedAt}} {
		var err error
		if *t.into, err = parseInstant(t.text); err != nil {
			return Seal{}, err
		}
	}
	for _, d := range []struct {
		text string
		into *Digest
	}{{l.Previous, &s.Previous}, {l.Body, &s.Body}, {l.Hash, &s.Hash}} {
		var err error
		if *d.into, err = ParseDigest(d.text); err != nil {
			return Seal{}, err
		}
	}
	for _, m := range []struct {
		text string
		into *Marks
	}{{l.Events, &s.Events}, {l.Refusals, &s.Refusals}} {
		raw, err := base64.StdEncoding.DecodeString(m.text)
		if err != nil {
			return Seal{}, fmt.Errorf("marks: %w", err)
		}
		if *m.into, err = ParseMarks(raw); err != nil {
			return Seal{}, err
		}
	}
	var err error
	s.Tag, err = base64.StdEncoding.DecodeString(l.Tag)
	return s, err
}
