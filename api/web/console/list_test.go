package console_test

import (
	"context"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"

	"keyturn/accounts"
	"keyturn/api/apitest"
	"keyturn/keys"
)

// TestListsTurnBothWays: whoever goes on to the last page of a list and back sees the same pages again, in the other order.
func TestListsTurnBothWays(t *testing.T) {
	s := apitest.New(t)
	b := administrator(t, s)
	ctx := context.Background()
	var all accounts.Group
	for n, name := range names(121) {
		u := s.AddUser(t, name)
		g, err := s.Groups.Create(ctx, accounts.NewGroup{Name: "group " + name}, apitest.System)
		if err != nil {
			t.Fatal(err)
		}
		if n == 0 {
			all = g
		}
		if err := s.Groups.AddMember(ctx, all.ID, u.ID, apitest.System); err != nil {
			t.Fatal(err)
		}
		if err := s.DB.QueueLetters(ctx, accounts.Letter{ID: keys.NewTokenID(), Kind: accounts.LetterPasswordChanged, To: name + "@example.com"}); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Self.InvitationLink(ctx, accounts.Invitation{Email: name + "@example.org"}, apitest.System); err != nil {
			t.Fatal(err)
		}
	}
	for _, at := range []string{"/users?prefix=u", "/users/invitations", "/groups", "/groups/" + all.ID, "/mail", "/mail?state=waiting", "/audit?action=user.created", "/audit?action=user.&since=2020-01-01"} {
		forwards := walk(t, b, "/admin"+at, "next")
		backwards := walk(t, b, forwards[len(forwards)-1].at, "prev")
		if len(forwards) < 3 || len(backwards) != len(forwards) {
			t.Errorf("%s: %d pages forwards, %d back", at, len(forwards), len(backwards))
			continue
		}
		slices.Reverse(backwards)
		for n, p := range forwards {
			if !slices.Equal(p.links, backwards[n].links) {
				t.Errorf("%s: page %d was\n%v\nand is, backwards,\n%v", at, n+1, p.links, backwards[n].links)
			}
		}
	}
}

// TestListsBeginAnewWhereAPageIsGone: what a page began behind may be swept away while somebody reads it.
func TestListsBeginAnewWhereAPageIsGone(t *testing.T) {
	b := administrator(t, apitest.New(t))
	gone := "5bfb0d1e-0000-4000-8000-000000000000"
	for at, want := range map[string]string{
		"/admin/grants?after=" + gone: "/admin/grants", "/admin/grants?before=" + gone: "/admin/grants", "/admin/revoked-tokens?user=" + gone + "&after=" + gone + ".1": "/admin/revoked-tokens?user=" + gone,
	} {
		if p := b.Get(at); p.Status != http.StatusSeeOther || p.Location != want {
			t.Errorf("%s: %d to %q, want %q", at, p.Status, p.Location, want)
		}
	}
}

// turned is a page of a list: where it is, and where its rows lead.
type turned struct {
	at    string
	links []string
}

// walk goes from a page on, as far as links of a kind lead.
func walk(t *testing.T, b *apitest.Browser, at, rel string) (pages []turned) {
	t.Helper()
	on, link := regexp.MustCompile(`rel="`+rel+`" href="`), regexp.MustCompile(`href="([^"]+)"`)
	for {
		p := b.Get(at)
		if p.Status != http.StatusOK {
			t.Fatalf("%s: %d", at, p.Status)
		}
		_, list, _ := strings.Cut(p.Body, "<tbody>")
		list, _, _ = strings.Cut(list, "<nav class=\"pages\"")
		page := turned{at: at}
		for _, m := range link.FindAllStringSubmatch(list, -1) {
			page.links = append(page.links, m[1])
		}
		pages = append(pages, page)
		if !on.MatchString(p.Body) {
			return pages
		}
		at = linkOf(t, p.Body, rel)
	}
}
