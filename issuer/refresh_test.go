package issuer_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"keyturn/accounts"
	"keyturn/api/apitest"
	"keyturn/audit"
	"keyturn/issuer"
	"keyturn/keys"
	"keyturn/storage/storagetest"
)

// onBoth runs a test on SQLite and on PostgreSQL.
func onBoth(t *testing.T, test func(t *testing.T, s *apitest.Server)) {
	t.Helper()
	t.Run("SQLite", func(t *testing.T) { test(t, apitest.New(t)) })
	t.Run("PostgreSQL", func(t *testing.T) {
		url := storagetest.Postgres(t)
		test(t, apitest.New(t, func(c *apitest.Config) { c.DatabaseURL = url }))
	})
}

func signIn(t *testing.T, s *apitest.Server, username string) issuer.Pair {
	t.Helper()
	who := authenticate(t, s, username)
	pair, err := s.Issuer.SignIn(context.Background(), who, audit.Actor{Kind: audit.Anonymous})
	if err != nil {
		t.Fatal(err)
	}
	return pair
}

func authenticate(t *testing.T, s *apitest.Server, username string) accounts.Authentication {
	t.Helper()
	who, err := s.Accounts.Authenticate(context.Background(), accounts.SignIn{Username: username, Password: apitest.Password})
	if err != nil {
		t.Fatal(err)
	}
	return who
}

func presented(token string) issuer.Presented {
	return issuer.Presented{Token: token, ClientID: issuer.TokenPairClient}
}

// TestHangingUpDoesNotCancelTheRevocation: a thief who replays and closes the connection is found out
// all the same.
func TestHangingUpDoesNotCancelTheRevocation(t *testing.T) {
	onBoth(t, func(t *testing.T, s *apitest.Server) {
		s.AddUser(t, "spiderman")
		first := signIn(t, s, "spiderman")
		second, err := s.Issuer.Refresh(context.Background(), presented(first.Refresh))
		if err != nil {
			t.Fatal(err)
		}
		s.Advance(time.Minute)
		gone, hangUp := context.WithCancel(context.Background())
		hangUp()
		if _, err := s.Issuer.Refresh(gone, presented(first.Refresh)); !errors.Is(err, issuer.ErrRefreshReused) {
			t.Fatalf("replay by somebody who has gone: %v", err)
		}
		if _, err := s.Issuer.Refresh(context.Background(), presented(second.Refresh)); !errors.Is(err, issuer.ErrGrantRevoked) {
			t.Fatalf("the newest token after the replay: %v, want ErrGrantRevoked", err)
		}
	})
}

// TestHangingUpOverHTTP is the same with a real connection that is closed behind the request.
func TestHangingUpOverHTTP(t *testing.T) {
	s := apitest.New(t)
	s.AddUser(t, "spiderman")
	first := signIn(t, s, "spiderman")
	second, err := s.Issuer.Refresh(context.Background(), presented(first.Refresh))
	if err != nil {
		t.Fatal(err)
	}
	s.Advance(time.Minute)
	body := "refresh=" + first.Refresh
	c, err := net.Dial("tcp", strings.TrimPrefix(s.URL, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	_, err = c.Write([]byte("POST /api/token/refresh/ HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: " +
		strconv.Itoa(len(body)) + "\r\n\r\n" + body))
	if err = errors.Join(err, c.Close()); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		if err := s.Issuer.Verify(context.Background(), second.Refresh); errors.Is(err, issuer.ErrGrantRevoked) {
			return
		}
		if time.Now().After(deadline) {
			t.Fatal("the grant lives on")
		}
	}
}

// TestOneSuccessorForAnyNumberOfTabs is requirement A3 20.
func TestOneSuccessorForAnyNumberOfTabs(t *testing.T) {
	onBoth(t, func(t *testing.T, s *apitest.Server) {
		s.AddUser(t, "spiderman")
		token := signIn(t, s, "spiderman").Refresh
		for round := range 10 {
			pairs, errs := make([]issuer.Pair, 50), make([]error, 50)
			var tabs sync.WaitGroup
			for n := range pairs {
				tabs.Go(func() { pairs[n], errs[n] = s.Issuer.Refresh(context.Background(), presented(token)) })
			}
			tabs.Wait()
			for n := range pairs {
				if errs[n] != nil || pairs[n].Refresh != pairs[0].Refresh {
					t.Fatalf("round %d tab %d: %v", round, n, errs[n])
				}
			}
			token = pairs[0].Refresh
		}
	})
}

// TestAProofOfYesterdayIsNoProof: what proved itself before a change of credentials gets no grant.
func TestAProofOfYesterdayIsNoProof(t *testing.T) {
	onBoth(t, func(t *testing.T, s *apitest.Server) {
		by := audit.Actor{Kind: audit.System, Rights: audit.ManageAll}
		for name, change := range map[string]func(id string) (int64, error){
			"password":     func(id string) (int64, error) { return s.Accounts.SetPassword(t.Context(), id, "another password", by) },
			"deactivation": func(id string) (int64, error) { return s.Accounts.Deactivate(t.Context(), id, by) },
			"deletion":     func(id string) (int64, error) { return s.Accounts.Delete(t.Context(), id, by) },
		} {
			user := s.AddUser(t, name)
			who := authenticate(t, s, name)
			if _, err := change(user.ID); err != nil {
				t.Fatal(err)
			}
			if _, err := s.Issuer.SignIn(t.Context(), who, by); !errors.Is(err, issuer.ErrUserChanged) {
				t.Errorf("after %s: %v, want ErrUserChanged", name, err)
			}
		}
		if _, err := s.Issuer.SignIn(t.Context(), accounts.Authentication{}, by); !errors.Is(err, issuer.ErrUserChanged) {
			t.Errorf("a zero proof: %v", err)
		}
	})
}

// TestReuseIsAudited: the revocation and its event are one transaction, and a repeat writes nothing.
func TestReuseIsAudited(t *testing.T) {
	onBoth(t, func(t *testing.T, s *apitest.Server) {
		s.AddUser(t, "spiderman")
		first := signIn(t, s, "spiderman")
		if _, err := s.Issuer.Refresh(t.Context(), presented(first.Refresh)); err != nil {
			t.Fatal(err)
		}
		s.Advance(time.Minute)
		p := presented(first.Refresh)
		p.Actor = audit.Actor{Kind: audit.Anonymous, Address: "192.0.2.7"}
		for range 3 {
			if _, err := s.Issuer.Refresh(t.Context(), p); err == nil {
				t.Fatal("a replaced token was taken")
			}
		}
		revoked, err := s.DB.RevokedTokens(t.Context(), issuer.RevokedQuery{Limit: 10})
		if err != nil {
			t.Fatal(err)
		}
		if len(revoked) != 1 || revoked[0].Reason != issuer.Reused || !strings.HasSuffix(revoked[0].JTI, ".2") || !strings.HasSuffix(revoked[0].PresentedJTI, ".1") {
			t.Errorf("revoked refresh tokens: %+v", revoked)
		}
		events := auditOf(t, s, audit.GrantRevoked)
		if len(events) != 1 || events[0].Reason != string(issuer.Reused) || events[0].Actor.Address != "192.0.2.7" {
			t.Errorf("events: %+v", events)
		}
	})
}

// TestRevokedRefreshKey: every token that the key signed is refused at once; grants are not touched, and
// new sign-ins use the next key.
func TestRevokedRefreshKey(t *testing.T) {
	s := apitest.New(t)
	s.AddUser(t, "spiderman")
	pair := signIn(t, s, "spiderman")
	if _, err := s.Keys.Rotate(t.Context(), keys.Rotation{Mode: keys.Compromised, Purpose: keys.Refresh, All: true}, "test", audit.Actor{Rights: audit.ManageAll}); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Issuer.Refresh(t.Context(), presented(pair.Refresh)); !errors.Is(err, keys.ErrUnknownKey) {
		t.Errorf("a token of a revoked key: %v, want ErrUnknownKey", err)
	}
	if err := s.Issuer.Verify(t.Context(), pair.Access); err != nil {
		t.Errorf("the access token: %v", err)
	}
	again := signIn(t, s, "spiderman")
	if _, err := s.Issuer.Refresh(t.Context(), presented(again.Refresh)); err != nil {
		t.Errorf("a sign-in after it: %v", err)
	}
}

// TestDatabaseWentBackInTime: a number above the stored one, or a grant that is not there, is refused
// and raises an alarm.
func TestDatabaseWentBackInTime(t *testing.T) {
	s := apitest.New(t)
	s.AddUser(t, "spiderman")
	var alarms []error
	s.Issuer.Alarm = func(err error, _ string) { alarms = append(alarms, err) }
	pair := signIn(t, s, "spiderman")
	other := apitest.New(t) // another database, to which the same keys are restored from a younger dump
	other.Issuer.Settings.Issuer, other.Issuer.Keys = s.Issuer.Settings.Issuer, s.Keys
	other.Issuer.Alarm = s.Issuer.Alarm
	if _, err := other.Issuer.Refresh(t.Context(), presented(pair.Refresh)); !errors.Is(err, issuer.ErrGrantRevoked) {
		t.Errorf("a grant that is not stored: %v", err)
	}
	if len(alarms) != 1 || !errors.Is(alarms[0], issuer.ErrGrantNotFound) {
		t.Errorf("alarms %v", alarms)
	}
}

func auditOf(t *testing.T, s *apitest.Server, action audit.Action) []audit.Event {
	t.Helper()
	events, err := s.DB.AuditEvents(t.Context(), audit.Query{Action: action, Limit: 100})
	if err != nil {
		t.Fatal(err)
	}
	return events
}

// TestTimesAreExact is RFC 7519 section 4.1.4: a token is refused from exp on, and with a leeway from
// exp plus that on, not a second later.
func TestTimesAreExact(t *testing.T) {
	for _, leeway := range []time.Duration{0, 10 * time.Second} {
		s := apitest.New(t, func(c *apitest.Config) { c.Settings.Leeway = leeway })
		s.AddUser(t, "spiderman")
		pair := signIn(t, s, "spiderman")
		end := expiry(t, pair.Access).Add(leeway)
		s.Advance(end.Sub(s.Now()) - 2*time.Second)
		if err := s.Issuer.Verify(t.Context(), pair.Access); err != nil {
			t.Errorf("leeway %v, two seconds before the end: %v", leeway, err)
		}
		s.Advance(2 * time.Second)
		if err := s.Issuer.Verify(t.Context(), pair.Access); !errors.Is(err, issuer.ErrTokenExpired) {
			t.Errorf("leeway %v, at the end: %v, want ErrTokenExpired", leeway, err)
		}
	}
}

// TestNothingOutlivesTheGrant is requirement A3 21: the absolute end is kept by both tokens.
func TestNothingOutlivesTheGrant(t *testing.T) {
	s := apitest.New(t, func(c *apitest.Config) {
		c.Settings.RefreshLifetime, c.Settings.GrantLifetime = time.Hour, 90*time.Minute
	})
	s.AddUser(t, "spiderman")
	began := s.Now()
	pair := signIn(t, s, "spiderman")
	for s.Now().Before(began.Add(85 * time.Minute)) {
		s.Advance(29 * time.Minute)
		var err error
		if pair, err = s.Issuer.Refresh(t.Context(), presented(pair.Refresh)); err != nil {
			t.Fatal(err)
		}
	}
	end := began.Add(90*time.Minute + time.Second)
	for name, token := range map[string]string{"access": pair.Access, "refresh": pair.Refresh} {
		if exp := expiry(t, token); exp.After(end) || exp.Before(end.Add(-5*time.Second)) {
			t.Errorf("the %s token expires at %v, the grant at %v", name, exp, end)
		}
	}
	if pair.ExpiresIn > 4*time.Minute {
		t.Errorf("expires_in is %v", pair.ExpiresIn)
	}
	s.Advance(5 * time.Minute)
	if _, err := s.Issuer.Refresh(t.Context(), presented(pair.Refresh)); !errors.Is(err, issuer.ErrTokenExpired) {
		t.Errorf("after the end: %v", err)
	}
}

// TestLoweredLifetimeSignsNobodyOut: a grant keeps the lifetime that it began with, so keys made after the
// setting was lowered must verify for as long as its tokens live.
func TestLoweredLifetimeSignsNobodyOut(t *testing.T) {
	s := apitest.New(t, func(c *apitest.Config) { c.Settings.GrantLifetime = 3000 * time.Hour })
	s.AddUser(t, "spiderman")
	pair := signIn(t, s, "spiderman")
	s.Issuer.Settings.RefreshLifetime = time.Hour
	kids := map[string]bool{}
	for range 125 { // past the end of the first key made after the change
		s.Advance(20 * time.Hour)
		if err := s.Issuer.LoadResources(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := s.Keys.Maintain(t.Context()); err != nil {
			t.Fatal(err)
		}
		var err error
		if pair, err = s.Issuer.Refresh(t.Context(), presented(pair.Refresh)); err != nil {
			t.Fatal(err)
		}
		header, _, _ := strings.Cut(pair.Refresh, ".")
		kids[header] = true
	}
	if len(kids) < 4 {
		t.Errorf("only %d keys signed; the test met no end of a key's turn", len(kids))
	}
}

func expiry(t *testing.T, token string) time.Time {
	t.Helper()
	text, err := base64.RawURLEncoding.DecodeString(strings.Split(token, ".")[1])
	if err != nil {
		t.Fatal(err)
	}
	var claims struct{ Exp int64 }
	if err := json.Unmarshal(text, &claims); err != nil {
		t.Fatal(err)
	}
	return time.Unix(claims.Exp, 0)
}
