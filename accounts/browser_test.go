package accounts

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"keyturn/audit"
	"keyturn/keys"
)

// TestLive: each bound of a session to the microsecond in which databases count, the sign-in's end and the idle one
// themselves being too late (ASVS 7.3.1, 7.3.2).
func TestLive(t *testing.T) {
	const tick, idle = time.Microsecond, 12 * time.Hour
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	for _, of := range []struct {
		name   string
		change func(*Session)
		live   bool
	}{
		{"just used", func(*Session) {}, true},
		{"used a tick before idle", func(s *Session) { s.SeenAt = now.Add(tick - idle) }, true},
		{"idle", func(s *Session) { s.SeenAt = now.Add(-idle) }, false},
		{"idle for a tick", func(s *Session) { s.SeenAt = now.Add(-idle - tick) }, false},
		{"a tick before its end", func(s *Session) { s.ExpiresAt = now.Add(tick) }, true},
		{"at its end", func(s *Session) { s.ExpiresAt = now }, false},
		{"a tick after its end", func(s *Session) { s.ExpiresAt = now.Add(-tick) }, false},
		{"of a user who is not active", func(s *Session) { s.UserActive = false }, false},
		{"of a user with a newer password", func(s *Session) { s.UserVersion++ }, false},
		{"of a version that the database has lost", func(s *Session) { s.UserVersion-- }, false},
	} {
		s := Session{CredentialVersion: 3, UserVersion: 3, UserActive: true, SeenAt: now, ExpiresAt: now.Add(time.Hour)}
		of.change(&s)
		if got := s.Live(now, idle); got != of.live {
			t.Errorf("%s: live %v, want %v", of.name, got, of.live)
		}
	}
	if (&Session{}).Live(now, idle) {
		t.Error("the zero value is alive")
	}
}

// TestPrintable: what a browser calls itself is stored and shown, whatever it is.
func TestPrintable(t *testing.T) {
	long := strings.Repeat("x", 300)
	for in, want := range map[string]string{
		"":                                 "",
		"Mozilla/5.0 (X11; Linux)":         "Mozilla/5.0 (X11; Linux)",
		"a\x00b\r\nc\td\x1b[31m\x7f":       "abcd[31m",
		"a\u0085\u202e\u200b\u2028\ufeffb": "ab", // C1, right-to-left override, and what else is not seen
		"a\xffb\xc3":                       "ab",
		"a\ufffdb":                         "ab",
		"é 中 🕷":                            "é 中 🕷",
		long:                               long[:255],
		long[:254] + "é":                   long[:254], // never half a character
		long[:253] + "é":                   long[:253] + "é",
	} {
		if got := printable(in); got != want || !utf8.ValidString(got) {
			t.Errorf("%.40q: got %q, want %q", in, got, want)
		}
	}
}

// sessionStore is a SessionStore in memory with a clock of its own, of which Start is not asked.
type sessionStore struct {
	SessionStore
	now      time.Time
	sessions map[keys.Hash]Session
	ended    []SessionSelection
	seen     int
}

func (s *sessionStore) SessionByHash(_ context.Context, h keys.Hash) (Session, time.Time, error) {
	found, ok := s.sessions[h]
	if !ok {
		return Session{}, s.now, ErrNotSignedIn
	}
	return found, s.now, nil
}

func (s *sessionStore) SeeSession(_ context.Context, id string) error {
	s.seen++
	for h, session := range s.sessions {
		if session.ID == id {
			session.SeenAt = s.now
			s.sessions[h] = session
		}
	}
	return nil
}

func (s *sessionStore) Sessions(_ context.Context, userID string) (of []Session, now time.Time, err error) {
	for _, session := range s.sessions {
		if session.UserID == userID {
			of = append(of, session)
		}
	}
	return of, s.now, nil
}

func (s *sessionStore) EndSessions(_ context.Context, sel SessionSelection, _ audit.Event) (int64, error) {
	s.ended = append(s.ended, sel)
	return 1, nil
}

const (
	oneUser   = "5a7e1b4e-0d7f-4c7e-9f67-6f0a3f1d2c01"
	otherUser = "5a7e1b4e-0d7f-4c7e-9f67-6f0a3f1d2c02"
)

// browsersOf signs each user in once; the secret's text is the session's ID.
func browsersOf(users ...string) (*Browsers, *sessionStore) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	store := &sessionStore{now: now, sessions: map[keys.Hash]Session{}}
	for _, u := range users {
		id := "session of " + u
		store.sessions[keys.SecretOf(id).Hash()] = Session{
			ID: id, UserID: u, CredentialVersion: 1, UserVersion: 1, UserActive: true, SeenAt: now, ExpiresAt: now.Add(168 * time.Hour),
		}
	}
	return &Browsers{Store: store, Idle: 12 * time.Hour, Lifetime: 168 * time.Hour}, store
}

// TestEndOwnIsForItsOwner: somebody else's session is as if there were none (ASVS 8.2.2).
func TestEndOwnIsForItsOwner(t *testing.T) {
	b, store := browsersOf(oneUser, otherUser)
	for _, id := range []string{"session of " + otherUser, "nobody's", ""} {
		if err := b.EndOwn(t.Context(), oneUser, id, "test", audit.Actor{}); !errors.Is(err, ErrSessionNotFound) || len(store.ended) != 0 {
			t.Errorf("%q: %v, ended %v", id, err, store.ended)
		}
	}
	own := "session of " + oneUser
	if err := b.EndOwn(t.Context(), oneUser, own, "test", audit.Actor{}); err != nil || len(store.ended) != 1 || store.ended[0] != (SessionSelection{ID: own}) {
		t.Errorf("one's own: %v, ended %v", err, store.ended)
	}
}

// TestUseKeepsASessionAlive, written once a minute at most; what has died is not brought back by being tried.
func TestUseKeepsASessionAlive(t *testing.T) {
	b, store := browsersOf(oneUser)
	secret := keys.SecretOf("session of " + oneUser)
	for _, of := range []struct {
		after time.Duration
		live  bool
		seen  int
	}{
		{time.Minute - time.Microsecond, true, 0},
		{time.Microsecond, true, 1},
		{11 * time.Hour, true, 2},
		{11 * time.Hour, true, 3},
		{12 * time.Hour, false, 3},
		{0, false, 3},
	} {
		store.now = store.now.Add(of.after)
		if _, err := b.Resume(t.Context(), secret); (err == nil) != of.live || err != nil && !errors.Is(err, ErrNotSignedIn) || store.seen != of.seen {
			t.Errorf("%v later: %v, written %d times, want live %v and %d", of.after, err, store.seen, of.live, of.seen)
		}
	}
}
