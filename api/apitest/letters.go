package apitest

import (
	"context"
	"errors"
	"log/slog"
	"net/url"
	"regexp"
	"testing"
	"time"

	"keyturn/accounts"
	"keyturn/accounts/mail"
	"keyturn/api/web"
	"keyturn/keys"
)

// mailbox takes whatever is sent.
type mailbox struct{ got []mail.Message }

// Send implements mail.Mailer.
func (m *mailbox) Send(_ context.Context, letter mail.Message) error {
	m.got = append(m.got, letter)
	return nil
}

// emptied tells when the queue holds nothing that is due.
type emptied struct {
	mail.Store
	done context.CancelFunc
}

func (q emptied) ClaimLetter(ctx context.Context, lease time.Duration, link keys.Hash) (accounts.QueuedLetter, error) {
	letter, err := q.Store.ClaimLetter(ctx, lease, link)
	if errors.Is(err, accounts.ErrNoLetter) {
		q.done()
	}
	return letter, err
}

// Letters sends what is queued, and returns it in the order in which it left.
func (s *Server) Letters(t testing.TB) []mail.Message {
	t.Helper()
	letters, err := mail.NewLetters("Keyturn", "id.example.com")
	must(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	box := &mailbox{}
	(&mail.Post{
		Store: emptied{s.DB, cancel}, Mailer: box, Letters: letters, Now: s.Now, Log: slog.New(slog.DiscardHandler),
		LinkURL: web.LinkAt(s.URL),
	}).Run(ctx)
	return box.got
}

var linkInText = regexp.MustCompile(`https?://\S+/link/\S+`)

// Link sends what is queued, and returns the path of the link in the one letter that has one.
func (s *Server) Link(t testing.TB) string {
	t.Helper()
	var found []string
	all := s.Letters(t)
	for _, letter := range all {
		if link := linkInText.FindString(letter.Text); link != "" {
			found = append(found, link)
		}
	}
	if len(found) != 1 {
		t.Fatalf("%d links in %d letters", len(found), len(all))
	}
	u, err := url.Parse(found[0])
	must(t, err)
	return u.RequestURI()
}
