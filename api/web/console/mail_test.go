package console_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"keyturn/accounts"
	"keyturn/api/apitest"
	"keyturn/audit"
	"keyturn/keys"
)

// giveUp has a letter fail for good.
func giveUp(t *testing.T, s *apitest.Server, id string) {
	t.Helper()
	giveUpFor(t, s, id, "unreachable")
}

func giveUpFor(t *testing.T, s *apitest.Server, id, failure string) {
	t.Helper()
	l, err := s.DB.ClaimLetter(t.Context(), time.Minute, keys.NewSecret().Hash())
	if err == nil && l.ID != id {
		t.Fatalf("%s is due, not %s", l.ID, id)
	}
	if err == nil {
		err = s.DB.LetterFailed(t.Context(), id, accounts.LetterFailure{Attempt: l.Attempts, Failure: failure, GiveUp: true})
	}
	if err != nil {
		t.Fatal(err)
	}
}

// TestLettersAreTriedAgainAndDropped, with the reason kept, and found by their state.
func TestLettersAreTriedAgainAndDropped(t *testing.T) {
	in := newTown(t)
	at := "/admin/mail/" + in.letter.ID
	if p := in.boss.Get(at); strings.Contains(p.Body, at+"/retry") || !strings.Contains(p.Body, at+"/drop") {
		t.Errorf("one that waits for its first try:\n%s", p.Body)
	}
	giveUp(t, in.Server, in.letter.ID)
	for query, want := range map[string]bool{"": true, "?state=given_up": true, "?state=waiting": false, "?state=other": true} {
		if p := in.boss.Get("/admin/mail" + query); p.Status != http.StatusOK || strings.Contains(p.Body, at) != want {
			t.Errorf("%q: %d, shown %v, want %v", query, p.Status, !want, want)
		}
	}
	if p := in.boss.Get(at); !strings.Contains(p.Body, at+"/retry") || !strings.Contains(p.Body, "unreachable") {
		t.Errorf("one that was given up:\n%s", p.Body)
	}
	p := in.boss.Post(at+"/retry", url.Values{"reason": {"the server is back"}})
	if p.Location != "/admin/mail?done=letter_retried" {
		t.Fatalf("%d to %q: %s", p.Status, p.Location, p.Body)
	}
	if p := in.boss.Get("/admin/mail?state=waiting"); !strings.Contains(p.Body, at) {
		t.Error("it is not tried again")
	}
	if p := in.boss.Post(at+"/drop", url.Values{"reason": {"nobody reads it"}}); p.Location != "/admin/mail?done=letter_dropped" {
		t.Errorf("%d to %q", p.Status, p.Location)
	}
	if p := in.boss.Get(at); p.Status != http.StatusNotFound {
		t.Errorf("a dropped letter: %d", p.Status)
	}
	for action, reason := range map[audit.Action]string{audit.LetterRetried: "the server is back", audit.LetterDropped: "nobody reads it"} {
		events, err := in.DB.AuditEvents(t.Context(), audit.Query{Action: action, Limit: 10})
		if err != nil || len(events) != 1 || events[0].Reason != reason || events[0].Actor.ID != in.bossID {
			t.Errorf("%s: %+v %v", action, events, err)
		}
	}
}

// TestLettersOfBothStatesAreOneList, by pages in the order of their ids, none twice and none left out.
func TestLettersOfBothStatesAreOneList(t *testing.T) {
	s := apitest.New(t)
	b := administrator(t, s)
	for n, name := range names(70) {
		id := name + strings.Repeat("0", 28)
		if err := s.DB.QueueLetters(t.Context(), accounts.Letter{ID: id, Kind: accounts.LetterInvitation, To: name + "@example.com"}); err != nil {
			t.Fatal(err)
		}
		if n%2 == 0 && n < 40 {
			giveUp(t, s, id)
			continue
		}
		if _, err := s.DB.ClaimLetter(t.Context(), time.Hour, keys.NewSecret().Hash()); err != nil { // so that the next is due
			t.Fatal(err)
		}
	}
	first := b.Get("/admin/mail")
	second := b.Get(linkOf(t, first.Body, "next"))
	for n, name := range names(70) {
		on1, on2 := strings.Contains(first.Body, name+"@"), strings.Contains(second.Body, name+"@")
		if on1 != (n < 50) || on2 != (n >= 50) {
			t.Errorf("%s on the first page %v, on the second %v", name, on1, on2)
		}
	}
	if back := b.Get(linkOf(t, second.Body, "prev")); !strings.Contains(back.Body, "u000@") || strings.Contains(back.Body, "u050@") {
		t.Errorf("back to:\n%s", back.Body)
	}
}

// TestEmptyQueueNamesItsSetting, whether there is mail or not.
func TestEmptyQueueNamesItsSetting(t *testing.T) {
	for says, without := range map[string]bool{"No letter waits": false, "No mail is set up": true} {
		s := apitest.New(t, func(c *apitest.Config) { c.WithoutMail = without })
		if p := administrator(t, s).Get("/admin/mail"); !strings.Contains(p.Body, says) || !strings.Contains(p.Body, "KEYTURN_MAIL_URL") {
			t.Errorf("%v: %d %s", without, p.Status, p.Body)
		}
	}
}
