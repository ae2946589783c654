package audit

import (
	"strings"
	"time"
)

// Query selects events, newest first; empty fields select all.
type Query struct {
	Action Action
	// Prefix is what actions begin with, for example "user.".
	Prefix                                   string
	ActorID, SubjectKind, SubjectID, Address string
	// Since and Until bound their time, [Since, Until).
	Since, Until time.Time
	// After is the ID of the last event of the page before, 0 for the first (keyset paging); Before is that of the first
	// event of the page behind. At most one of the two is set.
	After, Before int64
	// Limit is 1 to 1000.
	Limit int
}

// RefusalCount is how often a refusal happened in one minute.
type RefusalCount struct {
	Refusal
	// Minute is its beginning.
	Minute time.Time
	Count  int64
}

// RefusalQuery selects refusals of the minutes that began in [Since, Until), newest first.
type RefusalQuery struct {
	// Account is empty for all.
	Account      string
	Since, Until time.Time
	// After is the last row of the page before, zero for the first (keyset paging).
	After RefusalCount
	// Limit is 1 to 1000.
	Limit int
}

// Activity is what happened in one step of time.
type Activity struct {
	// From is the beginning of the step.
	From time.Time
	// SignIns and Refusals are how many there were.
	SignIns, Refusals int64
}

// Tail is what no seal covers yet.
type Tail struct {
	Events int64
	// Oldest is the time of the first of them, zero for none.
	Oldest time.Time
}

// ActionOrPrefix reads what a person filters by: an action, or the beginning of some where it ends in a dot.
func ActionOrPrefix(text string) (Action, string) {
	if strings.HasSuffix(text, ".") {
		return "", text
	}
	return Action(text), ""
}
