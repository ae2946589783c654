package mail

import (
	"context"
	"database/sql"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-smtp"

	"keyturn/accounts"
	"keyturn/audit"
	"keyturn/keys"
	"keyturn/storage"
	"keyturn/storage/storagetest"
)

// office is a queue in a real database, and what sends its letters to a real mail server.
type office struct {
	*Post
	db    *storage.DB
	clock *storagetest.Clock
	log   *logged
}

// both runs a test with each database.
func both(t *testing.T, test func(t *testing.T, url string)) {
	t.Run("Postgres", func(t *testing.T) { test(t, storagetest.Postgres(t)) })
	t.Run("SQLite", func(t *testing.T) { test(t, storagetest.SQLite(t)) })
}

func newOffice(t *testing.T, url string, s *mailServer) *office {
	t.Helper()
	o := &office{clock: storagetest.NewClock(), log: &logged{}}
	o.db = storagetest.Open(t, url, storage.Options{DatabaseNow: o.clock.Now})
	o.Post = &Post{
		Store: o.db, Mailer: mailerTo(t, s), Letters: testLetters(t), Now: o.clock.Now, Log: slog.New(slog.NewJSONHandler(o.log, nil)),
		LinkURL: func(purpose accounts.LinkPurpose, secret keys.Secret) string {
			return "https://id.example.com/link/" + string(purpose) + "?token=" + secret.Reveal()
		},
	}
	return o
}

// queue queues a letter with a link.
func (o *office) queue(t *testing.T) accounts.Letter {
	t.Helper()
	l := storagetest.NewLetter(storagetest.User(t, o.db))
	if err := o.db.QueueLetters(t.Context(), l); err != nil {
		t.Fatal(err)
	}
	return l
}

// next sends one letter, if one is due.
func (o *office) next(t *testing.T) (sent bool) {
	t.Helper()
	before := o.counts(t)
	_, _ = o.sendNext(t.Context())
	return o.counts(t).Waiting < before.Waiting
}

func (o *office) counts(t *testing.T) accounts.LetterCounts {
	t.Helper()
	c, err := o.db.CountLetters(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return c
}

var tokenInMail = regexp.MustCompile(`token=(?:3D)?([A-Za-z0-9_-]+)`)

// secretIn finds the secret of the link in a message as it came over the wire.
func secretIn(t *testing.T, body []byte) string {
	t.Helper()
	joined := strings.ReplaceAll(string(body), "=\r\n", "")
	found := tokenInMail.FindStringSubmatch(joined)
	if found == nil {
		t.Fatalf("no link in %s", body)
	}
	return found[1]
}

// TestSecretIsInTheLetterAlone: not in a table, nor in a log, even where the server repeats the letter.
func TestSecretIsInTheLetterAlone(t *testing.T) {
	both(t, func(t *testing.T, url string) {
		s := startServer(t, serverKind{})
		o := newOffice(t, url, s)
		o.queue(t)
		var secrets []string
		s.set(func() {
			s.data = func(r received) error {
				secrets = append(secrets, secretIn(t, r.body))
				return &smtp.SMTPError{Code: 554, EnhancedCode: smtp.EnhancedCode{5, 7, 1}, Message: "blocked for https://id.example.com/link/password_reset?token=" + secrets[0]}
			}
		})
		if o.next(t) {
			t.Error("a letter that was refused left the queue")
		}
		s.set(func() { s.data = nil })
		o.clock.Advance(15 * time.Minute)
		if !o.next(t) {
			t.Fatal("the letter was not sent")
		}
		secrets = append(secrets, secretIn(t, s.messages()[0].body))
		if secrets[0] == secrets[1] {
			t.Error("two attempts bear the same link")
		}
		stored, said := everything(t, url), o.log.String()
		for _, secret := range secrets {
			raw, err := base64.RawURLEncoding.DecodeString(secret)
			if err != nil || len(raw) < 16 {
				t.Fatalf("secret %q: %v", secret, err)
			}
			for what, text := range map[string]string{"the database": stored, "the log": said} {
				if strings.Contains(text, secret) || strings.Contains(text, string(raw)) {
					t.Errorf("the secret is in %s:\n%s", what, text)
				}
			}
			hash := keys.SecretOf(secret).Hash()
			if !strings.Contains(stored, string(hash[:])) {
				t.Error("the hash of the secret is not in what was read of the database: it is not all")
			}
			if _, err := o.db.LinkByHash(t.Context(), hash, accounts.LinkPasswordReset); err != nil {
				t.Errorf("the link of a letter that was sent: %v", err)
			}
		}
	})
}

// everything is all rows of all tables.
func everything(t *testing.T, url string) string {
	t.Helper()
	db := storagetest.Raw(t, url)
	tables := `SELECT name FROM sqlite_master WHERE type = 'table'`
	if strings.HasPrefix(url, "postgres") {
		tables = `SELECT table_name FROM information_schema.tables WHERE table_schema = current_schema()`
	}
	var all strings.Builder
	for _, name := range column(t, db, tables) {
		rows, err := db.QueryContext(t.Context(), `SELECT * FROM "`+name+`"`)
		if err != nil {
			t.Fatal(err)
		}
		defer rows.Close()
		columns, err := rows.Columns()
		if err != nil {
			t.Fatal(err)
		}
		for rows.Next() {
			values, into := make([]any, len(columns)), make([]any, len(columns))
			for n := range values {
				into[n] = &values[n]
			}
			if err := rows.Scan(into...); err != nil {
				t.Fatal(err)
			}
			for _, v := range values {
				if bytes, ok := v.([]byte); ok {
					v = string(bytes)
				}
				fmt.Fprintf(&all, "%s: %v\n", name, v)
			}
		}
	}
	return all.String()
}

func column(t *testing.T, db *sql.DB, query string) (values []string) {
	t.Helper()
	rows, err := db.QueryContext(t.Context(), query)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var v string
		if err := rows.Scan(&v); err != nil {
			t.Fatal(err)
		}
		values = append(values, v)
	}
	return values
}

// TestNothingIsLost: whatever happens between the queue and the mail server, each letter arrives at least once.
func TestNothingIsLost(t *testing.T) {
	both(t, func(t *testing.T, url string) {
		s := startServer(t, serverKind{})
		o := newOffice(t, url, s)
		first, second := o.queue(t), o.queue(t)
		// again comes back when the letters are due once more.
		again := func() { o.clock.Advance(time.Hour) }

		s.set(func() { s.cut = func(c *smtp.Conn, _ []byte) { _ = c.Conn().Close() } })
		o.next(t)
		s.set(func() {
			s.cut, s.rcpt = nil, &smtp.SMTPError{Code: 451, EnhancedCode: smtp.EnhancedCode{4, 7, 1}, Message: "later"}
		})
		o.next(t)
		again()
		// The server takes it and goes away before it says so: it comes again, with another link.
		s.set(func() {
			s.rcpt = nil
			s.data = func(r received) error {
				s.got = append(s.got, r)
				return &smtp.SMTPError{Code: 421, Message: "going away"}
			}
		})
		o.next(t)
		o.next(t)
		if c := o.counts(t); c.Waiting != 2 || c.Failing != 2 || len(s.messages()) != 2 {
			t.Errorf("got %+v and %d messages, want both waiting, and both arrived", c, len(s.messages()))
		}
		again()
		s.set(func() { s.data = nil })
		// The program is killed while a letter leaves: its lease runs out.
		if _, err := o.db.ClaimLetter(t.Context(), lease, keys.NewSecret().Hash()); err != nil {
			t.Fatal(err)
		}
		if !o.next(t) || o.next(t) {
			t.Error("want one letter sent, and the other held by its lease")
		}
		o.clock.Advance(lease)
		if !o.next(t) {
			t.Error("the letter whose sender was killed was not sent")
		}
		arrived := map[string]int{}
		for _, r := range s.messages() {
			for _, l := range []accounts.Letter{first, second} {
				if strings.Contains(string(r.body), "<"+l.ID+"@example.com>") {
					arrived[l.ID]++
				}
			}
		}
		if arrived[first.ID] != 2 || arrived[second.ID] != 2 {
			t.Errorf("arrived %v, want each twice, under the same Message-ID", arrived)
		}
		if c := o.counts(t); c != (accounts.LetterCounts{}) {
			t.Errorf("left in the queue: %+v", c)
		}
	})
}

// notes tells what each attempt failed for, once that is stored.
type notes struct {
	Store
	of chan string
}

func (n notes) LetterFailed(ctx context.Context, id string, f accounts.LetterFailure) error {
	err := n.Store.LetterFailed(ctx, id, f)
	n.of <- f.Failure
	return err
}

func (n notes) LetterSent(ctx context.Context, id string) error {
	err := n.Store.LetterSent(ctx, id)
	n.of <- "sent"
	return err
}

// TestMailServerGoesAwayAndComesBack is the loop itself.
func TestMailServerGoesAwayAndComesBack(t *testing.T) {
	s := startServer(t, serverKind{})
	o := newOffice(t, storagetest.SQLite(t), s)
	noted := notes{o.db, make(chan string)}
	o.Store, o.Poll = noted, time.Millisecond
	run := func(mailer Mailer) (stop func()) {
		o.Mailer = mailer
		ctx, cancel := context.WithCancel(t.Context())
		stopped := make(chan struct{})
		go func() {
			defer close(stopped)
			o.Run(ctx)
		}()
		return func() {
			cancel()
			<-stopped
		}
	}
	away := mailerTo(t, s)
	away.Port = 1
	o.queue(t)
	stop := run(away)
	for range 5 {
		if got := <-noted.of; got != string(Unreachable) {
			t.Errorf("got %s", got)
		}
		o.clock.Advance(time.Hour)
	}
	stop()
	stop = run(mailerTo(t, s))
	if got := <-noted.of; got != "sent" {
		t.Errorf("got %s", got)
	}
	stop()
	if c := o.counts(t); c.Waiting != 0 || len(s.messages()) != 1 {
		t.Errorf("got %+v and %d messages", c, len(s.messages()))
	}
}

func TestWhenALetterIsGivenUp(t *testing.T) {
	s := startServer(t, serverKind{})
	o := newOffice(t, storagetest.SQLite(t), s)
	refuse := func(code int) {
		s.set(func() { s.rcpt = &smtp.SMTPError{Code: code, Message: "no"} })
	}
	tryFor := func(d time.Duration) {
		for until := o.clock.Now().Add(d); o.clock.Now().Before(until); o.clock.Advance(15 * time.Minute) {
			o.next(t)
		}
	}
	o.queue(t)
	refuse(550)
	tryFor(patienceRefused)
	if c := o.counts(t); c.Waiting != 1 {
		t.Errorf("refused for good, before its time: %+v", c)
	}
	o.next(t)
	if c := o.counts(t); c.Failed != 1 || c.Waiting != 0 {
		t.Errorf("refused for good, after %s: %+v", patienceRefused, c)
	}
	o.queue(t)
	refuse(451)
	tryFor(patience)
	if c := o.counts(t); c.Waiting != 1 {
		t.Errorf("refused for now, before its time: %+v", c)
	}
	o.next(t)
	if c := o.counts(t); c.Failed != 2 {
		t.Errorf("refused for now, after %s: %+v", patience, c)
	}
	s.set(func() { s.rcpt = nil })
	if n, err := o.db.RetryLetters(t.Context(), "", audit.Actor{Kind: audit.Operator}); n != 2 || err != nil {
		t.Errorf("retried %d, %v", n, err)
	}
	if !o.next(t) || !o.next(t) || len(s.messages()) != 2 {
		t.Errorf("letters that were tried again: %d arrived", len(s.messages()))
	}
}

// TestTroubleWithTheServerSparesTheOthers: while it is away letters are not all tried in vain.
func TestTroubleWithTheServerSparesTheOthers(t *testing.T) {
	s := startServer(t, serverKind{})
	o := newOffice(t, storagetest.SQLite(t), s)
	away := mailerTo(t, s)
	away.Port = 1
	o.Mailer = away
	o.queue(t)
	o.queue(t)
	if _, err := o.sendNext(t.Context()); err == nil {
		t.Error("the loop was told to go on")
	}
	s.set(func() { s.rcpt = &smtp.SMTPError{Code: 550, Message: "no"} })
	o.Mailer = mailerTo(t, s)
	if more, err := o.sendNext(t.Context()); err != nil || !more {
		t.Errorf("a refused recipient says nothing about others: %v, %v", more, err)
	}
}

func TestWaitsGrow(t *testing.T) {
	for attempts, want := range map[int64]time.Duration{0: 30 * time.Second, 1: 30 * time.Second, 2: time.Minute, 5: 8 * time.Minute, 6: 15 * time.Minute, 1 << 40: 15 * time.Minute} {
		if got := wait(attempts); got != want {
			t.Errorf("after %d attempts: got %s, want %s", attempts, got, want)
		}
	}
	for failures, want := range map[int]time.Duration{1: 5 * time.Second, 2: 10 * time.Second, 5: time.Minute, 1 << 40: time.Minute} {
		if got := pause(failures); got != want {
			t.Errorf("after %d failures: got %s, want %s", failures, got, want)
		}
	}
}

// TestLetterOfANewerRelease: it waits for an instance that knows it, and keeps no other from leaving. Of letters that are
// due at the same time that of the lowest id goes first.
func TestLetterOfANewerRelease(t *testing.T) {
	s := startServer(t, serverKind{})
	o := newOffice(t, storagetest.SQLite(t), s)
	if err := o.db.QueueLetters(t.Context(), accounts.Letter{ID: "0", Kind: "from_the_future", To: "peter@example.com"}); err != nil {
		t.Fatal(err)
	}
	o.queue(t)
	more, err := o.sendNext(t.Context())
	if !more || err != nil || !o.next(t) {
		t.Errorf("got %v, %v", more, err)
	}
	if c := o.counts(t); c.Waiting != 1 || c.Failing != 1 {
		t.Errorf("got %+v, want it waiting", c)
	}
}

// failingStore can't note anything.
type failingStore struct{ Store }

func (failingStore) LetterSent(context.Context, string) error {
	return errors.New("the database is away")
}

// TestOutcomeNotNoted: a letter that was sent, but not noted so, is sent again.
func TestOutcomeNotNoted(t *testing.T) {
	s := startServer(t, serverKind{})
	o := newOffice(t, storagetest.SQLite(t), s)
	o.queue(t)
	o.Store = failingStore{o.db}
	o.next(t)
	o.Store = o.db
	o.clock.Advance(lease)
	if !o.next(t) || len(s.messages()) != 2 {
		t.Errorf("%d arrived, want the letter twice", len(s.messages()))
	}
}
