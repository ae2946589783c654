package mail

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"keyturn/accounts"
	"keyturn/keys"
)

const (
	// poll is how often an instance looks for letters that are due.
	poll = 2 * time.Second
	// lease is how long one instance has for one letter before another takes it: far longer than an attempt.
	lease = 5 * time.Minute
	// patience is how long a letter is tried; patienceRefused how long one that the server refuses for good, in
	// which an operator may mend what it refuses it for.
	patience        = 72 * time.Hour
	patienceRefused = 4 * time.Hour
	// grace is how long a letter that is just leaving may take when the program stops.
	grace = 5 * time.Second
	// settleTime bounds the noting of what became of a letter.
	settleTime = 5 * time.Second
)

// wait is after how long a letter is tried again that has failed so often.
func wait(attempts int64) time.Duration {
	return min(30*time.Second<<min(max(attempts-1, 0), 10), 15*time.Minute)
}

// pause is how long no letter is tried after so many in a row met the same trouble with the server.
func pause(failures int) time.Duration {
	return min(5*time.Second<<min(max(failures-1, 0), 10), time.Minute)
}

// Store is the queue.
type Store interface {
	// ClaimLetter takes the letter that has been due for longest for itself alone while the lease lasts, by the
	// database's clock, and stores the link that it carries under the hash; accounts.ErrNoLetter for none.
	ClaimLetter(ctx context.Context, lease time.Duration, link keys.Hash) (accounts.QueuedLetter, error)
	// LetterSent removes a letter that has left.
	LetterSent(ctx context.Context, id string) error
	// LetterFailed notes an attempt that failed, unless the letter has been taken again since.
	LetterFailed(ctx context.Context, id string, f accounts.LetterFailure) error
}

// Post sends the letters of the queue, one after another. Any number of instances may do so at once. A letter
// leaves the queue only after the mail server has taken it; where that is not known it is sent again.
type Post struct {
	Store   Store
	Mailer  Mailer
	Letters *Letters
	// LinkURL is the address that the link of a letter leads to.
	LinkURL func(accounts.LinkPurpose, keys.Secret) string
	Now     func() time.Time
	Log     *slog.Logger
	// Poll is 2 seconds where it is 0.
	Poll time.Duration

	// inRow counts letters in a row that met a trouble with the server; only Run touches it.
	inRow int
}

// Run sends letters until ctx ends.
func (p *Post) Run(ctx context.Context) {
	every := p.Poll
	if every == 0 {
		every = poll
	}
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		}
		rest := every
		for ctx.Err() == nil {
			more, err := p.sendNext(ctx)
			if p.inRow > 0 && err != nil {
				rest = max(every, min(pause(p.inRow), 30*every))
			}
			if !more || err != nil {
				break
			}
		}
		timer.Reset(rest)
	}
}

// sendNext sends one letter. It tells whether there may be more, and returns an error where it is of no use to
// try others at once.
func (p *Post) sendNext(ctx context.Context) (more bool, err error) {
	secret := keys.NewSecret()
	letter, err := p.Store.ClaimLetter(ctx, lease, secret.Hash())
	switch {
	case errors.Is(err, accounts.ErrNoLetter):
		return false, nil
	case err != nil:
		if ctx.Err() == nil {
			p.Log.Warn("letters to send could not be read", "error", err)
		}
		return false, err
	}
	err = p.send(ctx, letter, secret)
	if err != nil && ctx.Err() != nil {
		return false, nil // being stopped is no failure; the lease ends, and somebody else sends it
	}
	settled, cancel := context.WithTimeout(context.WithoutCancel(ctx), settleTime)
	defer cancel()
	if noted := p.note(settled, letter, err); noted != nil {
		p.Log.Warn("what became of a letter was not noted; it is sent again", "letter", letter.ID, "kind", letter.Kind, "error", noted)
		return false, noted
	}
	return true, p.trouble(err)
}

// trouble counts letters in a row that failed for what every letter would fail for, and returns what they failed for.
func (p *Post) trouble(err error) error {
	if u, ok := errors.AsType[*Undelivered](err); ok && u.aboutAll() {
		p.inRow++
		return u
	}
	p.inRow = 0
	return nil
}

// send makes one attempt. The end of ctx leaves it a short while.
func (p *Post) send(ctx context.Context, letter accounts.QueuedLetter, secret keys.Secret) error {
	url := ""
	if letter.Link != nil {
		url = p.LinkURL(letter.Link.Purpose, secret)
	}
	message, err := p.Letters.write(letter, url)
	if err != nil {
		return &Undelivered{Trouble: Unwritable, Cause: err}
	}
	attempt, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	defer context.AfterFunc(ctx, func() {
		select {
		case <-time.After(grace):
		case <-attempt.Done():
		}
		cancel()
	})()
	return p.Mailer.Send(attempt, message)
}

// note writes down what became of the letter. The log gets no word of the letter or of the server's.
func (p *Post) note(ctx context.Context, letter accounts.QueuedLetter, err error) error {
	if err == nil {
		p.Log.Info("letter sent", "letter", letter.ID, "kind", letter.Kind, "attempts", letter.Attempts)
		return p.Store.LetterSent(ctx, letter.ID)
	}
	u, ok := errors.AsType[*Undelivered](err)
	if !ok {
		u = &Undelivered{Trouble: Unreachable, Cause: err}
	}
	f := accounts.LetterFailure{Attempt: letter.Attempts, Failure: u.Error(), Wait: wait(letter.Attempts)}
	tried := p.Now().Sub(letter.QueuedAt)
	f.GiveUp = tried >= patience || u.Permanent && !u.aboutAll() && tried >= patienceRefused
	log := p.Log.With("letter", letter.ID, "kind", letter.Kind, "attempts", letter.Attempts, "failure", f.Failure)
	if f.GiveUp {
		log.Error("a letter was given up; keyturn mail list shows it, keyturn mail retry has it tried again")
	} else {
		log.Warn("a letter could not be sent; it is tried again", "in", f.Wait)
	}
	return p.Store.LetterFailed(ctx, letter.ID, f)
}
