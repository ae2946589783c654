package accounts

import (
	"context"
	"slices"
	"strings"
	"sync"
	"time"

	"keyturn/audit"
)

// testStore is a Store in memory, enough for the rules of this package. Its clock is time.Now, which
// synctest moves.
type testStore struct {
	mu       sync.Mutex
	users    map[string]User
	failures map[[2]string]Throttle
	known    map[[2]string]time.Time
	// newcomers are the attempts by account and address, "" for all addresses.
	newcomers map[[2]string][]time.Time
	refusals  []audit.Refusal
	events    []audit.Event
	// factors are by user id.
	factors map[string]FactorCounts
	// calls are the names of the methods called, in order.
	calls []string
	// latency is how old the answer of ThrottleOf is when it arrives.
	latency time.Duration
	// down is returned by every method whose name it has.
	down map[string]error
}

func newTestStore(users ...User) *testStore {
	s := &testStore{
		users: make(map[string]User), failures: make(map[[2]string]Throttle),
		known: make(map[[2]string]time.Time), newcomers: make(map[[2]string][]time.Time), down: make(map[string]error),
	}
	for _, u := range users {
		s.users[u.ID] = u
	}
	return s
}

// call locks, logs, and returns what the method has to fail with.
func (s *testStore) call(name string) error {
	s.mu.Lock()
	s.calls = append(s.calls, name)
	return s.down[name]
}

func (s *testStore) count(name string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := 0
	for _, c := range s.calls {
		if c == name {
			n++
		}
	}
	return n
}

func (s *testStore) UserByUsername(_ context.Context, username string) (User, error) {
	err := s.call("UserByUsername")
	defer s.mu.Unlock()
	if err != nil {
		return User{}, err
	}
	for _, u := range s.users {
		if u.Username == username {
			return u, nil
		}
	}
	return User{}, ErrUserNotFound
}

func (s *testStore) UserByID(_ context.Context, id string) (User, error) {
	err := s.call("UserByID")
	defer s.mu.Unlock()
	if u, ok := s.users[id]; ok || err != nil {
		return u, err
	}
	return User{}, ErrUserNotFound
}

func (s *testStore) Users(_ context.Context, q Query) ([]User, error) {
	err := s.call("Users")
	defer s.mu.Unlock()
	var page []User
	for _, u := range s.users {
		if strings.HasPrefix(u.Username, q.Prefix) && u.Username > q.After {
			page = append(page, u)
		}
	}
	slices.SortFunc(page, func(a, b User) int { return strings.Compare(a.Username, b.Username) })
	return page[:min(len(page), q.Limit)], err
}

func (s *testStore) CreateUser(_ context.Context, u User, event audit.Event) (User, error) {
	err := s.call("CreateUser")
	defer s.mu.Unlock()
	if err != nil {
		return User{}, err
	}
	if s.taken(u) {
		return User{}, ErrUsernameTaken
	}
	u.CredentialVersion = 1
	s.users[u.ID] = u
	s.events = append(s.events, event)
	return u, nil
}

func (s *testStore) taken(u User) bool {
	for _, other := range s.users {
		if Fold(other.Username) == Fold(u.Username) || u.ExternalID != "" && other.ExternalID == u.ExternalID {
			return true
		}
	}
	return false
}

func (s *testStore) ImportUsers(_ context.Context, users []User, events []audit.Event) error {
	err := s.call("ImportUsers")
	defer s.mu.Unlock()
	if err != nil {
		return err
	}
	for _, u := range users {
		if s.taken(u) {
			return &ImportConflict{Username: u.Username}
		}
	}
	for _, u := range users {
		u.CredentialVersion = 1
		s.users[u.ID] = u
	}
	s.events = append(s.events, events...)
	return nil
}

func (s *testStore) change(name, id string, event audit.Event, change func(*User)) (User, error) {
	err := s.call(name)
	defer s.mu.Unlock()
	u, ok := s.users[id]
	switch {
	case err != nil:
		return User{}, err
	case !ok:
		return User{}, ErrUserNotFound
	}
	change(&u)
	s.users[id] = u
	s.events = append(s.events, event)
	return u, nil
}

func (s *testStore) UpdateUser(_ context.Context, id string, c Change, event audit.Event, _ ...Letter) (User, error) {
	s.mu.Lock()
	for _, other := range s.users {
		if c.Username != nil && other.ID != id && Fold(other.Username) == Fold(*c.Username) {
			s.mu.Unlock()
			return User{}, ErrUsernameTaken
		}
	}
	s.mu.Unlock()
	return s.change("UpdateUser", id, event, func(u *User) {
		for _, field := range []struct{ to, from *string }{
			{&u.Username, c.Username}, {&u.Email, c.Email}, {&u.GivenName, c.GivenName},
			{&u.FamilyName, c.FamilyName}, {&u.ExternalID, c.ExternalID},
		} {
			if field.from != nil {
				*field.to = *field.from
			}
		}
		if c.EmailVerified != nil {
			u.EmailVerified = *c.EmailVerified
		}
		if c.Admin != nil {
			u.Admin = *c.Admin
		}
		if c.Claims != nil {
			u.Claims = *c.Claims
		}
	})
}

func (s *testStore) SetPassword(_ context.Context, id, hash string, event audit.Event, _ ...Letter) (int64, error) {
	_, err := s.change("SetPassword", id, event, func(u *User) { u.PasswordHash = hash; u.CredentialVersion++ })
	return 1, err
}

func (s *testStore) Rehash(_ context.Context, id, old, hash string) error {
	_, err := s.change("Rehash", id, audit.Event{}, func(u *User) {
		if u.PasswordHash == old {
			u.PasswordHash = hash
		}
	})
	return err
}

func (s *testStore) Activate(_ context.Context, id string, event audit.Event) error {
	_, err := s.change("Activate", id, event, func(u *User) { u.Active = true; u.CredentialVersion++ })
	return err
}

func (s *testStore) Deactivate(_ context.Context, id string, event audit.Event) (int64, error) {
	_, err := s.change("Deactivate", id, event, func(u *User) { u.Active = false; u.CredentialVersion++ })
	return 2, err
}

func (s *testStore) DeleteUser(_ context.Context, id string, event audit.Event) (int64, error) {
	_, err := s.change("DeleteUser", id, event, func(*User) {})
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.users, id)
	return 3, err
}

func (s *testStore) ThrottleOf(_ context.Context, account, folded, address string) (Throttle, error) {
	err := s.call("ThrottleOf")
	defer time.Sleep(s.latency)
	defer s.mu.Unlock()
	var since time.Time
	for _, u := range s.users {
		if Fold(u.Username) == folded {
			since = s.known[[2]string{u.ID, address}]
		}
	}
	place := ""
	if !since.IsZero() {
		place = address
	}
	t := s.failures[[2]string{account, place}]
	t.Place, t.Now, t.KnownSince = place, time.Now(), since
	return t, err
}

func (s *testStore) AddFailure(ctx context.Context, account, place, address string) error {
	err := s.call("AddFailure")
	defer s.mu.Unlock()
	if err == nil {
		err = ctx.Err()
	}
	if err != nil {
		return err
	}
	t := s.failures[[2]string{account, place}]
	s.failures[[2]string{account, place}] = Throttle{Failures: t.Failures + 1, LastFailedAt: time.Now()}
	if place == "" {
		s.newcomers[[2]string{account, address}] = []time.Time{time.Now()}
	}
	return nil
}

func (s *testStore) TakeNewcomer(_ context.Context, account, address string, most int64) (bool, error) {
	err := s.call("TakeNewcomer")
	defer s.mu.Unlock()
	own, all := [2]string{account, address}, [2]string{account, ""}
	for _, key := range [][2]string{own, all} {
		if times := s.newcomers[key]; len(times) > 0 && time.Since(times[0]) >= time.Hour {
			delete(s.newcomers, key)
		}
	}
	if err != nil || len(s.newcomers[own]) > 0 || int64(len(s.newcomers[all])) >= most {
		return false, err
	}
	s.newcomers[own] = append(s.newcomers[own], time.Now())
	s.newcomers[all] = append(s.newcomers[all], time.Now())
	return true, nil
}

func (s *testStore) TakeAttempt(_ context.Context, account string, t Throttle) (bool, error) {
	err := s.call("TakeAttempt")
	defer s.mu.Unlock()
	key := [2]string{account, t.Place}
	if is := s.failures[key]; err != nil || is.Failures != t.Failures || !is.LastFailedAt.Equal(t.LastFailedAt) {
		return false, err
	}
	s.failures[key] = Throttle{Failures: t.Failures + 1, LastFailedAt: time.Now()}
	return true, nil
}

func (s *testStore) AddSuccess(_ context.Context, done Success) error {
	err := s.call("AddSuccess")
	defer s.mu.Unlock()
	if err == nil {
		delete(s.failures, [2]string{done.Account, done.Place})
		s.known[[2]string{done.UserID, done.Address}] = time.Now()
	}
	return err
}

func (s *testStore) AddRefusal(ctx context.Context, r audit.Refusal) error {
	err := s.call("AddRefusal")
	defer s.mu.Unlock()
	if err == nil {
		err = ctx.Err()
	}
	s.refusals = append(s.refusals, r)
	return err
}

func (s *testStore) FactorCounts(_ context.Context, id string) (FactorCounts, error) {
	err := s.call("FactorCounts")
	defer s.mu.Unlock()
	return s.factors[id], err
}

func (s *testStore) PasswordSchemes(context.Context) ([]string, error) {
	err := s.call("PasswordSchemes")
	defer s.mu.Unlock()
	var schemes []string
	for _, u := range s.users {
		if u.PasswordHash != "" {
			schemes = append(schemes, u.PasswordHash)
		}
	}
	return schemes, err
}

var _ Store = (*testStore)(nil)

func (s *testStore) RightsOf(_ context.Context, id string) (audit.Rights, bool, error) {
	err := s.call("RightsOf")
	defer s.mu.Unlock()
	for _, u := range s.users {
		if u.ID == id && u.Admin {
			return audit.ManageAll, u.Active, err
		} else if u.ID == id {
			return 0, u.Active, err
		}
	}
	return 0, false, err
}

func (s *testStore) AdministratorLeft(_ context.Context, l Loss) (is, left bool, err error) {
	err = s.call("AdministratorLeft")
	defer s.mu.Unlock()
	for _, u := range s.users {
		is = is || u.Admin && u.Active
		left = left || u.Admin && u.Active && u.ID != l.UserID
	}
	return is, left, err
}

func (s *testStore) CountAdministrators(context.Context) (n Administrators, err error) {
	err = s.call("CountAdministrators")
	defer s.mu.Unlock()
	for _, u := range s.users {
		if u.Admin && u.Active {
			n.All++
		}
	}
	return n, err
}
