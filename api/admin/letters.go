package admin

import (
	"context"
	"net/http"

	"keyturn/accounts"
	"keyturn/audit"
)

// Letters is what operators do with letters that are on their way.
type Letters interface {
	List(ctx context.Context, q accounts.LetterQuery, actor audit.Actor) ([]accounts.QueuedLetter, error)
	Get(ctx context.Context, id string, actor audit.Actor) (accounts.QueuedLetter, error)
	// Retry returns 0 for one that waits for its first try anyway.
	Retry(ctx context.Context, id string, actor audit.Actor) (int, error)
	Drop(ctx context.Context, id string, actor audit.Actor) error
}

// Letter is a letter that is still to leave, or was given up, without what it says.
type Letter struct {
	ID        string              `json:"id"`
	Kind      accounts.LetterKind `json:"kind"`
	To        string              `json:"to"`
	UserID    string              `json:"user_id,omitempty"`
	CreatedAt Instant             `json:"created_at"`
	// DueAt is left out for one that was given up, GivenUpAt for one that is still tried.
	DueAt     Instant `json:"due_at,omitzero"`
	GivenUpAt Instant `json:"given_up_at,omitzero"`
	Attempts  int64   `json:"attempts"`
	Failure   string  `json:"failure,omitempty"`
}

// ViewLetter is how one looks.
func ViewLetter(l accounts.QueuedLetter) Letter {
	v := Letter{
		ID: l.ID, Kind: l.Kind, To: l.To, UserID: l.UserID, CreatedAt: Instant{l.CreatedAt},
		GivenUpAt: Instant{l.FailedAt}, Attempts: l.Attempts, Failure: l.Failure,
	}
	if l.FailedAt.IsZero() {
		v.DueAt = Instant{l.DueAt}
	}
	return v
}

// listLetters answers letters that wait, or those that were given up, in the order of their ids; the cursor is one.
func (h *Handlers) listLetters(r *request) error {
	failed, err := r.query.flag("failed")
	if err != nil {
		return err
	}
	read := func(after string, limit int) ([]accounts.QueuedLetter, error) {
		if h.Letters == nil {
			return nil, nil
		}
		return h.Letters.List(r.ctx, accounts.LetterQuery{Failed: failed, After: after, Limit: limit}, r.actor)
	}
	return writePageByID(r, read, func(l accounts.QueuedLetter) string { return l.ID }, ViewLetter)
}

func (h *Handlers) readLetter(r *request) error {
	id, err := r.id(accounts.ErrLetterNotFound)
	if err != nil {
		return err
	}
	if h.Letters == nil {
		return accounts.ErrLetterNotFound
	}
	letter, err := h.Letters.Get(r.ctx, id, r.actor)
	if err != nil {
		return err
	}
	return r.write(http.StatusOK, ViewLetter(letter))
}

// retryLetter has a letter tried again at once.
func (h *Handlers) retryLetter(r *request) error {
	id, err := h.letter(r)
	if err != nil {
		return err
	}
	if _, err := h.Letters.Retry(r.ctx, id, r.actor); err != nil {
		return err
	}
	return r.done()
}

// dropLetter removes a letter, which will never leave then.
func (h *Handlers) dropLetter(r *request) error {
	id, err := h.letter(r)
	if err != nil {
		return err
	}
	if err := h.Letters.Drop(r.ctx, id, r.actor); err != nil {
		return err
	}
	return r.done()
}

// letter reads a change of a letter, which has no body.
func (h *Handlers) letter(r *request) (string, error) {
	id, err := r.id(accounts.ErrLetterNotFound)
	if err != nil {
		return "", err
	}
	if err := r.read(nil); err != nil {
		return "", err
	}
	if h.Letters == nil {
		return "", accounts.ErrLetterNotFound
	}
	return id, nil
}
