package mail

import (
	"context"

	"keyturn/accounts"
	"keyturn/audit"
)

// maxPage is the most letters that one call lists.
const maxPage = 1000

// QueueStore is what operators see of the queue.
type QueueStore interface {
	// Letters lists letters in the order of their ids.
	Letters(ctx context.Context, q accounts.LetterQuery) ([]accounts.QueuedLetter, error)
	// Letter is one of them; accounts.ErrLetterNotFound where it is not there.
	Letter(ctx context.Context, id string) (accounts.QueuedLetter, error)
	CountLetters(ctx context.Context) (accounts.LetterCounts, error)
	// RetryLetters makes a letter due at once, with patience anew; the empty id means all that have failed.
	// accounts.ErrLetterNotFound for one that is not there.
	RetryLetters(ctx context.Context, id string, actor audit.Actor) (int, error)
	// DropLetters removes a letter; the empty id means all that were given up.
	DropLetters(ctx context.Context, id string, actor audit.Actor) (int, error)
}

// Queue is what operators do with letters that are on their way. Only who may do everything has them tried again or
// dropped: what tells an administrator of a change of their account must not be kept from them.
type Queue struct{ Store QueueStore }

// List lists letters. It needs audit.Read.
func (q Queue) List(ctx context.Context, query accounts.LetterQuery, actor audit.Actor) ([]accounts.QueuedLetter, error) {
	if err := actor.Need(audit.Read); err != nil {
		return nil, err
	}
	query.Limit = min(max(query.Limit, 1), maxPage)
	return q.Store.Letters(ctx, query)
}

// Get is one letter. It needs audit.Read; accounts.ErrLetterNotFound where it is not there, or has left.
func (q Queue) Get(ctx context.Context, id string, actor audit.Actor) (accounts.QueuedLetter, error) {
	if err := actor.Need(audit.Read); err != nil {
		return accounts.QueuedLetter{}, err
	}
	return q.Store.Letter(ctx, id)
}

// Count tells how the queue stands. It needs audit.Read.
func (q Queue) Count(ctx context.Context, actor audit.Actor) (accounts.LetterCounts, error) {
	if err := actor.Need(audit.Read); err != nil {
		return accounts.LetterCounts{}, err
	}
	return q.Store.CountLetters(ctx)
}

// Retry has one letter tried again at once. It needs audit.ManageAll, and returns 0 for one that is waiting
// for its first try anyway.
func (q Queue) Retry(ctx context.Context, id string, actor audit.Actor) (int, error) {
	if err := named(id, actor); err != nil {
		return 0, err
	}
	return q.Store.RetryLetters(ctx, id, actor)
}

// RetryAll does so with every letter that has failed, given up or not, and returns how many those were.
func (q Queue) RetryAll(ctx context.Context, actor audit.Actor) (int, error) {
	if err := actor.Need(audit.ManageAll); err != nil {
		return 0, err
	}
	return q.Store.RetryLetters(ctx, "", actor)
}

// Drop removes one letter, which will never leave then. It needs audit.ManageAll.
func (q Queue) Drop(ctx context.Context, id string, actor audit.Actor) error {
	if err := named(id, actor); err != nil {
		return err
	}
	_, err := q.Store.DropLetters(ctx, id, actor)
	return err
}

// DropAll removes the letters that were given up, and returns how many those were.
func (q Queue) DropAll(ctx context.Context, actor audit.Actor) (int, error) {
	if err := actor.Need(audit.ManageAll); err != nil {
		return 0, err
	}
	return q.Store.DropLetters(ctx, "", actor)
}

// named keeps an id that somebody forgot from meaning all letters.
func named(id string, actor audit.Actor) error {
	if err := actor.Need(audit.ManageAll); err != nil {
		return err
	}
	if id == "" {
		return accounts.ErrLetterNotFound
	}
	return nil
}
