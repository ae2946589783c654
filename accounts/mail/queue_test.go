package mail

import (
	"errors"
	"testing"

	"keyturn/accounts"
	"keyturn/audit"
	"keyturn/storage"
	"keyturn/storage/storagetest"
)

func TestQueueAsksForRights(t *testing.T) {
	db, ctx := storagetest.Open(t, storagetest.SQLite(t), storage.Options{}), t.Context()
	q := Queue{db}
	l := storagetest.NewLetter(storagetest.User(t, db))
	if err := db.QueueLetters(ctx, l); err != nil {
		t.Fatal(err)
	}
	may := func(rights audit.Rights) audit.Actor { return audit.Actor{Kind: audit.User, Rights: rights} }
	for what, do := range map[string]func(audit.Actor) error{
		"list":  func(a audit.Actor) error { _, err := q.List(ctx, accounts.LetterQuery{}, a); return err },
		"get":   func(a audit.Actor) error { _, err := q.Get(ctx, l.ID, a); return err },
		"count": func(a audit.Actor) error { _, err := q.Count(ctx, a); return err },
	} {
		if err := do(may(0)); !errors.Is(err, audit.ErrForbidden) {
			t.Errorf("%s without a right: %v", what, err)
		}
		if err := do(may(audit.Read)); err != nil {
			t.Errorf("%s: %v", what, err)
		}
	}
	for _, a := range []audit.Actor{may(0), may(audit.Read), may(audit.ManageKeys)} {
		for what, do := range map[string]func() error{
			"retry":     func() error { _, err := q.Retry(ctx, l.ID, a); return err },
			"retry all": func() error { _, err := q.RetryAll(ctx, a); return err },
			"drop":      func() error { return q.Drop(ctx, l.ID, a) },
			"drop all":  func() error { _, err := q.DropAll(ctx, a); return err },
		} {
			if err := do(); !errors.Is(err, audit.ErrForbidden) {
				t.Errorf("%s with %s: %v", what, a.Rights, err)
			}
		}
	}
	a := may(audit.ManageAll)
	if err := q.Drop(ctx, "", a); !errors.Is(err, accounts.ErrLetterNotFound) {
		t.Errorf("drop of no letter: %v", err)
	}
	if _, err := q.Retry(ctx, "", a); !errors.Is(err, accounts.ErrLetterNotFound) {
		t.Errorf("retry of no letter: %v", err)
	}
	if err := q.Drop(ctx, l.ID, a); err != nil {
		t.Error(err)
	}
}
