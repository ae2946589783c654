package accounts

import (
	"errors"
	"time"
)

// QueuedLetter is a letter that is still to leave, or was given up.
type QueuedLetter struct {
	Letter
	// CreatedAt is when it was queued, QueuedAt from when the patience with it counts: the same, or when an
	// operator last had it tried again.
	CreatedAt, QueuedAt time.Time
	// DueAt is when it is tried next.
	DueAt time.Time
	// Attempts is how often it was taken to be sent.
	Attempts int64
	// Failure is a word for what the last attempt failed for, empty for nothing. It holds no secret and
	// nothing of what a server said.
	Failure string
	// FailedAt is when it was given up, zero for a letter that is still tried.
	FailedAt time.Time
}

// LetterFailure is how an attempt to send a letter ended.
type LetterFailure struct {
	// Attempt is the number under which the letter was taken.
	Attempt int64
	// Failure is a word, see QueuedLetter.
	Failure string
	// Wait is after how long it is due again.
	Wait time.Duration
	// GiveUp keeps the letter from being tried again until an operator says so.
	GiveUp bool
}

// LetterCounts is the state of the queue.
type LetterCounts struct {
	// Waiting counts the letters that are still tried, Failing those of them that have failed at least once.
	Waiting, Failing int64
	// Failed counts those that were given up and are kept for operators.
	Failed int64
	// Oldest is how long the oldest of the waiting has waited, by the database's clock; 0 for none.
	Oldest time.Duration
}

// LetterQuery selects letters of the queue by their ids, in the order of the ids.
type LetterQuery struct {
	// Failed selects those that were given up.
	Failed bool
	// After is the ID of the last letter of the page before, empty for the first (keyset paging); Before is that of the
	// first letter of the page behind. At most one of the two is set.
	After, Before string
	// Limit is 1 to 1000.
	Limit int
}

var (
	// ErrNoLetter tells that no letter is due.
	ErrNoLetter = errors.New("accounts: no letter is due")
	// ErrLetterNotFound tells that no letter of that id is in the queue.
	ErrLetterNotFound = errors.New("accounts: there is no such letter")
)
