package accounts

import (
	"context"
	"errors"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"keyturn/audit"
	"keyturn/keys"
)

// seeAgainAfter bounds how often a session's SeenAt is written.
const seeAgainAfter = time.Minute

// maxUserAgent is in bytes; more of it tells nobody anything.
const maxUserAgent = 255

// Browsers signs browsers in to the provider and out of it. Its fields are set before the first call and
// not changed after; its methods may be called by any number of goroutines.
type Browsers struct {
	Store SessionStore
	// Idle is how long a session lives without being used, Lifetime how long at most.
	Idle, Lifetime time.Duration
}

// Live tells whether a session still stands for its user at the database's time now.
func (s *Session) Live(now time.Time, idle time.Duration) bool {
	return s.UserActive && s.UserVersion == s.CredentialVersion &&
		now.Before(s.ExpiresAt) && now.Before(s.SeenAt.Add(idle))
}

// Start signs a browser in: it makes a session, under a new secret at every sign-in (a cookie that
// somebody planted before is worth nothing after), and returns the secret with the proof bound to the
// session. had is the secret that the browser showed, empty for none. ErrCredentials where the user
// changed since the proof.
func (b *Browsers) Start(ctx context.Context, who Authentication, had keys.Secret, userAgent string, actor audit.Actor) (keys.Secret, Authentication, error) {
	if !who.Valid() {
		return keys.Secret{}, Authentication{}, ErrCredentials
	}
	replaces, err := b.replaced(ctx, had)
	if err != nil {
		return keys.Secret{}, Authentication{}, err
	}
	ctx, cancel := outlive(ctx)
	defer cancel()
	actor.Kind, actor.ID = audit.User, who.UserID()
	secret, id := keys.NewSecret(), keys.NewTokenID()
	stored, err := b.Store.StartSession(ctx, NewSession{
		Session: Session{
			ID: id, UserID: who.userID, CredentialVersion: who.credentialVersion,
			AuthTime: who.at, AMR: strings.Join(who.methods, " "),
			Address: actor.Address, UserAgent: printable(userAgent),
		},
		Hash: secret.Hash(), Replaces: replaces, Lifetime: b.Lifetime,
	}, audit.Event{Action: audit.UserSignedIn, Actor: actor, SubjectKind: "session", SubjectID: id})
	if err != nil {
		return keys.Secret{}, Authentication{}, err
	}
	return secret, stored.authentication(), nil
}

// replaced is the id of the session that the browser had, dead or alive.
func (b *Browsers) replaced(ctx context.Context, had keys.Secret) (string, error) {
	if had.Reveal() == "" {
		return "", nil
	}
	s, _, err := b.Store.SessionByHash(ctx, had.Hash())
	if errors.Is(err, ErrNotSignedIn) {
		return "", nil
	}
	return s.ID, err
}

// Resume returns the proof that a browser's session stands for. ErrNotSignedIn where it has none that
// lives.
func (b *Browsers) Resume(ctx context.Context, secret keys.Secret) (Authentication, error) {
	if secret.Reveal() == "" {
		return Authentication{}, ErrNotSignedIn
	}
	s, now, err := b.Store.SessionByHash(ctx, secret.Hash())
	if err != nil {
		return Authentication{}, err
	}
	if !s.Live(now, b.Idle) {
		return Authentication{}, ErrNotSignedIn
	}
	if now.Sub(s.SeenAt) >= seeAgainAfter {
		if err := b.Store.SeeSession(ctx, s.ID); err != nil {
			return Authentication{}, err
		}
	}
	return s.authentication(), nil
}

// authentication is made of what the store says only after Live, or of a session that was just started.
func (s *Session) authentication() Authentication {
	return Authentication{
		userID: s.UserID, credentialVersion: s.CredentialVersion, at: s.AuthTime,
		methods: strings.Fields(s.AMR), sessionID: s.ID,
	}
}

// Sessions lists the live sessions of a user.
func (b *Browsers) Sessions(ctx context.Context, userID string) ([]Session, error) {
	if err := checkID(userID); err != nil {
		return nil, err
	}
	all, now, err := b.Store.Sessions(ctx, userID)
	if err != nil {
		return nil, err
	}
	live := all[:0]
	for _, s := range all {
		if s.Live(now, b.Idle) {
			live = append(live, s)
		}
	}
	return live, nil
}

// End ends one session of anybody, with everything that was issued in it but for what outlives it on purpose
// (offline_access). ErrSessionNotFound where there is none. It needs audit.ManageAll, because the id does not
// tell whose session it is.
func (b *Browsers) End(ctx context.Context, id, reason string, actor audit.Actor) error {
	if err := actor.Need(audit.ManageAll); err != nil {
		return err
	}
	return b.end(ctx, id, reason, actor)
}

// EndOneOf is End for a session of that user, who has no more rights than the actor; ErrSessionNotFound where it
// is somebody else's.
func (b *Browsers) EndOneOf(ctx context.Context, userID, id, reason string, actor audit.Actor) error {
	if err := MayTouch(ctx, b.Store, userID, actor); err != nil {
		return err
	}
	return b.EndOwn(ctx, userID, id, reason, actor)
}

func (b *Browsers) end(ctx context.Context, id, reason string, actor audit.Actor) error {
	ctx, cancel := outlive(ctx)
	defer cancel()
	n, err := b.Store.EndSessions(ctx, SessionSelection{ID: id}, audit.Event{
		Action: audit.SessionEnded, Actor: actor, SubjectKind: "session", SubjectID: id, Reason: reason,
	})
	if err == nil && n == 0 {
		return ErrSessionNotFound
	}
	return err
}

// EndOwn ends a session for the person whose it is; ErrSessionNotFound where it is somebody else's.
func (b *Browsers) EndOwn(ctx context.Context, userID, id, reason string, actor audit.Actor) error {
	sessions, err := b.Sessions(ctx, userID)
	if err != nil {
		return err
	}
	for _, s := range sessions {
		if s.ID == id {
			return b.end(ctx, id, reason, actor)
		}
	}
	return ErrSessionNotFound
}

// EndOf ends all sessions of a user, who has no more rights than the actor, and returns how many there were.
func (b *Browsers) EndOf(ctx context.Context, userID, reason string, actor audit.Actor) (int64, error) {
	if err := MayTouch(ctx, b.Store, userID, actor); err != nil {
		return 0, err
	}
	return b.EndAllOwn(ctx, userID, reason, actor)
}

// EndAllOwn ends all sessions for the person whose they are, and returns how many there were.
func (b *Browsers) EndAllOwn(ctx context.Context, userID, reason string, actor audit.Actor) (int64, error) {
	if err := checkID(userID); err != nil {
		return 0, err
	}
	ctx, cancel := outlive(ctx)
	defer cancel()
	return b.Store.EndSessions(ctx, SessionSelection{UserID: userID}, audit.Event{
		Action: audit.SessionEnded, Actor: actor, SubjectKind: "user", SubjectID: userID, Reason: reason,
	})
}

// printable is a User-Agent as it may be stored and shown.
func printable(userAgent string) string {
	if len(userAgent) > maxUserAgent {
		userAgent = userAgent[:maxUserAgent]
	}
	return strings.Map(func(r rune) rune {
		if r == utf8.RuneError || !unicode.IsPrint(r) {
			return -1
		}
		return r
	}, userAgent)
}
