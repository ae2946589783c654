package console_test

import (
	"maps"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"keyturn/accounts"
	"keyturn/api/apitest"
	"keyturn/audit"
)

// submit fills in the form of a page and sends it as it stands then.
func submit(t *testing.T, b *apitest.Browser, path string, typed url.Values) apitest.Page {
	t.Helper()
	return resend(t, b, path, b.Get(path), typed)
}

// resend sends the form of a page that was opened before.
func resend(t *testing.T, b *apitest.Browser, path string, opened apitest.Page, typed url.Values) apitest.Page {
	t.Helper()
	if opened.Status >= 500 {
		t.Fatalf("%s: %d %s", path, opened.Status, opened.Body)
	}
	form := sent(readForm(t, opened.Body))
	maps.Copy(form, typed)
	return b.Post(path, form)
}

// TestNobodysChangeIsLostUnseen: of two who open a form at once, the second is told what the first has stored meanwhile,
// keeps what they typed, and overwrites it only by saying so again.
func TestNobodysChangeIsLostUnseen(t *testing.T) {
	for name, of := range map[string]struct {
		at            string
		first, second url.Values
		told          []string
	}{
		"user":     {"/admin/users/:id/edit", url.Values{"family_name": {"Parker <b>"}}, url.Values{"given_name": {"Miles"}}, []string{"Parker &lt;b&gt;", `value="Miles"`, `aria-describedby="f-family_name-note`}},
		"group":    {"/admin/groups/:id/edit", url.Values{"required_acr": {"phr"}}, url.Values{"description": {"Heroes"}}, []string{"Stored now: Phishing-resistant: a passkey", `value="Heroes"`}},
		"client":   {"/admin/clients/:id/edit", url.Values{"redirect_uris": {"https://a.example/one\nhttps://a.example/two"}, "require_pkce": {"on"}}, url.Values{"client_name": {"Shop"}}, []string{"https://a.example/one, https://a.example/two", "Stored now: yes", `value="Shop"`}},
		"resource": {"/admin/resources/edit", url.Values{"claims": {"email"}, "access_lifetime": {"2m"}}, url.Values{"access_lifetime": {"1m"}}, []string{"Stored now: 2m0s", "Stored now: email<", `value="1m"`}},
	} {
		t.Run(name, func(t *testing.T) {
			in := newTown(t)
			at := "/admin" + in.real(strings.TrimPrefix(of.at, "/admin"))
			other, _ := signedIn(t, in.Server, "other", true)
			late := other.Get(at)
			if p := submit(t, in.boss, at, of.first); p.Status != http.StatusSeeOther {
				t.Fatalf("the first: %d %s", p.Status, p.Body)
			}
			before := newestEvent(t, in.Server)
			told := resend(t, other, at, late, of.second)
			if told.Status != http.StatusConflict || !strings.Contains(told.Body, `role="alert"`) {
				t.Errorf("the second: %d to %q", told.Status, told.Location)
			}
			wantAll(t, told.Body, append(of.told, "changed this since you opened")...)
			if after := newestEvent(t, in.Server); after != before {
				t.Error("it was stored all the same")
			}
			mended := sent(readForm(t, told.Body))
			delete(mended, "seen") // the page of the mistake has it, too
			wrong := url.Values{"username": {""}, "name": {""}, "redirect_uris": {"x"}, "access_lifetime": {"x"}}
			if p := resend(t, other, at, told, wrong); p.Status != http.StatusUnprocessableEntity {
				t.Errorf("with a mistake: %d", p.Status)
			} else if p = resend(t, other, at, p, mended); p.Status != http.StatusSeeOther {
				t.Errorf("mended, and sent again: %d %s", p.Status, p.Body)
			}
			if p := resend(t, in.boss, at, late, of.second); p.Status != http.StatusConflict {
				t.Errorf("an older form: %d", p.Status)
			}
			form := sent(readForm(t, in.boss.Get(at).Body))
			delete(form, "seen")
			if p := in.boss.Post(at, form); p.Status != http.StatusConflict {
				t.Errorf("a form that says not what it was made from: %d", p.Status)
			}
		})
	}
}

// TestTheDefaultResourceIsNotLostUnseen: as it has no row before the first change.
func TestTheDefaultResourceIsNotLostUnseen(t *testing.T) {
	in := newTown(t)
	const at = "/admin/resources/edit?identifier=api"
	fresh := in.boss.Get(at)
	if p := submit(t, in.boss, at, url.Values{"access_lifetime": {"2m"}}); p.Status != http.StatusSeeOther {
		t.Fatal(p.Status)
	}
	stored := in.boss.Get(at)
	if p := resend(t, in.boss, at, fresh, url.Values{"access_lifetime": {"3m"}}); p.Status != http.StatusConflict {
		t.Errorf("another made the row: %d", p.Status)
	}
	const away = "/admin/resources/delete?identifier=api"
	ask := in.boss.Get(away)
	for n, want := range []string{"resource_deleted", "resource_deleted"} {
		if p := resend(t, in.boss, away, in.boss.Get(away), nil); !strings.HasSuffix(p.Location, want) {
			t.Errorf("deleted %d: %d to %q", n, p.Status, p.Location)
		}
	}
	if p := resend(t, in.boss, at, stored, url.Values{"access_lifetime": {"4m"}}); p.Status != http.StatusConflict {
		t.Errorf("another removed the row: %d", p.Status)
	}
	if p := resend(t, in.boss, away, ask, nil); p.Status >= 500 {
		t.Errorf("%d", p.Status)
	}
}

// TestActsAreAskedAgainOfWhatChanged: what can't be undone is done to what its page has shown; what only takes access away
// is done whatever has changed.
func TestActsAreAskedAgainOfWhatChanged(t *testing.T) {
	in := newTown(t)
	ctx := t.Context()
	renamed := func() error {
		_, err := in.Accounts.Update(ctx, in.spider.ID, accounts.Change{Username: new("venom")}, apitest.System)
		return err
	}
	for _, act := range []struct {
		at     string
		change func() error
		shows  string
		asks   bool
	}{
		{"/users/:id/deactivate", renamed, "", false},
		{"/users/:id/delete", func() error {
			_, err := in.Accounts.Update(ctx, in.spider.ID, accounts.Change{Username: new("carnage")}, apitest.System)
			return err
		}, "Delete carnage</button>", true},
		{"/clients/:id/secrets", func() error {
			c, err := in.Clients.Get(ctx, "orders")
			if err == nil {
				_, err = in.Clients.RemoveSecret(ctx, "orders", c.Secrets[0].ID, apitest.System)
			}
			return err
		}, "Add a secret</button>", true},
		{"/groups/:id/delete", func() error {
			return in.Groups.AddRole(ctx, in.group.ID, accounts.Role{Resource: "api", Name: "driver"}, apitest.System)
		}, "driver", true},
		{"/clients/:id/delete", func() error {
			_, err := in.Clients.SetEnabled(ctx, "orders", false, apitest.System)
			return err
		}, "Delete Orders</button>", true},
	} {
		at := "/admin" + in.real(act.at)
		page := in.boss.Get(at)
		if err := act.change(); err != nil {
			t.Fatal(err)
		}
		p := resend(t, in.boss, at, page, url.Values{"reason": {"not needed"}})
		if !act.asks {
			if p.Status != http.StatusSeeOther {
				t.Errorf("%s: %d", act.at, p.Status)
			}
			continue
		}
		if p.Status != http.StatusConflict {
			t.Errorf("%s: %d to %q", act.at, p.Status, p.Location)
		}
		wantAll(t, p.Body, "changed since you opened the page", act.shows, `value="not needed"`)
		if p := resend(t, in.boss, at, p, nil); p.Status >= 400 {
			t.Errorf("%s, again: %d %s", act.at, p.Status, p.Body)
		}
	}
	events, err := in.DB.AuditEvents(ctx, audit.Query{Action: audit.GroupDeleted, Limit: 10})
	if err != nil || len(events) != 1 || events[0].Reason != "not needed" {
		t.Errorf("%+v %v", events, err)
	}
}
