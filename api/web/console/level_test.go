package console_test

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"keyturn/accounts"
	"keyturn/api/apitest"
	"keyturn/api/web/console"
)

// demand puts people into a group that wants a level of them.
func demand(t *testing.T, s *apitest.Server, level accounts.Level, users ...string) {
	t.Helper()
	ctx := context.Background()
	g, err := s.Groups.Create(ctx, accounts.NewGroup{Name: "demands-" + string(level), RequiredLevel: level}, apitest.System)
	for _, id := range users {
		if err == nil {
			err = s.Groups.AddMember(ctx, g.ID, id, apitest.System)
		}
	}
	if err != nil {
		t.Fatal(err)
	}
}

// TestGroupsDemandMoreThanAPassword: an administrator whose group demands a passkey, and who has only typed a password,
// sees no page of the console and does nothing there; each address leads to where more is proved, and from there back.
func TestGroupsDemandMoreThanAPassword(t *testing.T) {
	in := newTown(t)
	demand(t, in.Server, accounts.PhishingResistant, in.bossID)
	for _, r := range (&console.Console{}).Routes() {
		for _, method := range r.Methods() {
			path := console.Path + in.real(r.Path)
			p := send(in.boss, method, path)
			if method == http.MethodPost {
				path, _, _ = strings.Cut(path, "?")
			}
			if want := "/account/step-up?next=" + url.QueryEscape(path); p.Status != http.StatusSeeOther || p.Location != want {
				t.Errorf("%s %s: %d to %q, want %q", method, r.Path, p.Status, p.Location, want)
			}
			if strings.Contains(p.Body, "spiderman") {
				t.Errorf("%s %s tells something", method, r.Path)
			}
		}
	}
	u, err := in.Accounts.Get(context.Background(), in.spider.ID)
	if err != nil || !u.Active {
		t.Errorf("an act was done: %+v %v", u, err)
	}
	// The server of this test is an address, which has no passkeys.
	if p := in.boss.Get("/account/step-up?next=%2Fadmin"); p.Status != http.StatusBadRequest || !strings.Contains(p.Body, "demands more proof") {
		t.Errorf("where nothing reaches the level: %d %s", p.Status, p.Body)
	}
	if p := apitest.NewBrowser(t, in.Server).Get("/account/step-up?next=%2Fadmin"); p.Location != "/account?next=%2Fadmin" {
		t.Errorf("nobody is signed in: %d to %q", p.Status, p.Location)
	}
}

// TestStepUpLeadsToTheConsole: what is demanded is set up on the way where there was nothing, even where people may not
// set up what they like; from then on a session that has proved less is asked for it.
func TestStepUpLeadsToTheConsole(t *testing.T) {
	const wanted = "/admin/users?prefix=b"
	for name, features := range map[string]accounts.Features{"switched off": {}, "on": accounts.AllFeatures()} {
		t.Run(name, func(t *testing.T) {
			s := apitest.New(t, func(c *apitest.Config) { c.SelfService = features })
			b, boss := signedIn(t, s, "boss", true)
			other, _ := signedIn(t, s, "other", true)
			demand(t, s, accounts.TwoFactors, boss.ID)
			page := b.Get(b.Get(wanted).Location)
			setUp := "/account/ways/app?next=" + url.QueryEscape(wanted)
			if page.Status != http.StatusOK || !strings.Contains(page.Body, `href="`+setUp+`"`) {
				t.Fatalf("nothing to set up: %d %s", page.Status, page.Body)
			}
			if p := other.Get("/account/ways/app"); (p.Status == http.StatusNotFound) != (len(features) == 0) {
				t.Errorf("somebody of whom nothing is demanded: %d", p.Status)
			}
			_, after, _ := strings.Cut(b.Get(setUp).Body, "secret=")
			key, _, _ := strings.Cut(after, "&")
			if p := b.Post(setUp, url.Values{"code": {"000000"}}); p.Status != http.StatusUnprocessableEntity || !strings.Contains(p.Body, `action="`+setUp+`"`) {
				t.Errorf("a wrong code: %d", p.Status)
			}
			p := b.Post(setUp, url.Values{"code": {apitest.AppCode(t, key, s.Now())}, "name": {"Phone"}})
			if len(features) > 0 {
				if want := "/account/ways/recovery-codes?next=" + url.QueryEscape(wanted); p.Location != want {
					t.Fatalf("set up: %d to %q, want %q", p.Status, p.Location, want)
				}
				if p := b.Get(p.Location); !strings.Contains(p.Body, `href="`+wanted+`"`) {
					t.Errorf("the recovery codes do not lead on:\n%s", p.Body)
				}
			} else if p.Location != wanted {
				t.Fatalf("set up: %d to %q", p.Status, p.Location)
			}
			if p := b.Get(wanted); p.Status != http.StatusOK {
				t.Errorf("after it: %d to %q", p.Status, p.Location)
			}
			if p := b.Get("/account/step-up?next=" + url.QueryEscape(wanted)); p.Location != wanted {
				t.Errorf("who lacks nothing is sent to %q", p.Location)
			}
		})
	}
}
