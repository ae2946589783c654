package storagetest

import (
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"keyturn/issuer/oauth"
	"keyturn/keys"
	"keyturn/storage"
)

func testInteractions(t *testing.T, open OpenFunc) {
	clock := NewClock()
	db, ctx := open(t, storage.Options{DatabaseNow: clock.Now}), t.Context()
	client := Client(t, db)
	want := NewInteraction(client)
	must(t, db.StoreInteraction(ctx, want, time.Hour))
	want.CreatedAt, want.ExpiresAt = micro(clock.Now()), micro(clock.Now().Add(time.Hour))
	clock.Advance(time.Minute)
	got, now, err := db.Interaction(ctx, want.ID, want.Browser)
	must(t, err)
	equal(t, "as stored", got, want)
	equal(t, "the database's time", now, micro(clock.Now()))
	_, _, err = db.Interaction(ctx, want.ID, keys.NewSecret().Hash())
	is(t, "in another browser", err, oauth.ErrInteractionGone)
	_, _, err = db.Interaction(ctx, keys.NewSecret().Hash(), want.Browser)
	is(t, "an unknown one", err, oauth.ErrInteractionGone)

	for _, step := range []struct {
		name  oauth.Step
		noted *time.Time
		as    *string
		once  bool
	}{
		{oauth.StepSignedIn, &want.SignedInAt, &want.SignedInAs, false}, {oauth.StepConsented, &want.ConsentedAt, &want.ConsentedAs, false},
		{oauth.StepFinished, &want.FinishedAt, new(string), true},
	} {
		for round := range 2 {
			clock.Advance(time.Second)
			session := keys.NewTokenID()
			if round == 0 || !step.once {
				*step.noted, *step.as = micro(clock.Now()), session
			}
			got, err = db.NoteStep(ctx, want.ID, step.name, session)
			must(t, err)
			equal(t, string(step.name), got, want)
		}
	}
	got, _, err = db.Interaction(ctx, want.ID, want.Browser)
	must(t, err)
	equal(t, "as read", got, want)
	_, err = db.NoteStep(ctx, keys.NewSecret().Hash(), oauth.StepFinished, "")
	is(t, "a step of an unknown one", err, oauth.ErrInteractionGone)
	if _, err = db.NoteStep(ctx, want.ID, "paid", ""); err == nil {
		t.Error("an unknown step was noted")
	}
	clock.Advance(want.ExpiresAt.Sub(clock.Now().Truncate(time.Microsecond)))
	_, _, err = db.Interaction(ctx, want.ID, want.Browser)
	is(t, "at its end", err, oauth.ErrInteractionGone)
	_, err = db.NoteStep(ctx, want.ID, oauth.StepSignedIn, "")
	is(t, "a step at its end", err, oauth.ErrInteractionGone)
}

// testAssertions: RFC 7523 section 3, a jti that is used once.
func testAssertions(t *testing.T, open OpenFunc) {
	const rounds, contenders = 10, 16
	db, ctx := open(t, storage.Options{MaxOpen: contenders}), t.Context()
	until := time.Now().Add(time.Minute)
	must(t, db.UseAssertion(ctx, "a", "one", until))
	is(t, "the same again", db.UseAssertion(ctx, "a", "one", until.Add(time.Hour)), oauth.ErrReplayed)
	is(t, "another client's", db.UseAssertion(ctx, "b", "one", until), nil)
	is(t, "another case", db.UseAssertion(ctx, "a", "One", until), nil)
	is(t, "bytes that are no text", db.UseAssertion(ctx, "a", "\x00\xff", until), nil)
	is(t, "a very long one", db.UseAssertion(ctx, "a", strings.Repeat("x", 100_000), until), nil)
	for range rounds {
		var won atomic.Int64
		jti := keys.NewTokenID()
		must(t, atOnce(contenders, func(int) error {
			err := db.UseAssertion(ctx, "a", jti, until)
			if err == nil {
				won.Add(1)
			}
			return unless(err, oauth.ErrReplayed)
		}))
		equal(t, "contenders who used the assertion", won.Load(), 1)
	}
}
