package mail

import (
	"bytes"
	"context"
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net"
	netmail "net/mail"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-smtp"
)

// mailerTo is a mailer to the server.
func mailerTo(t *testing.T, s *mailServer) *SMTP {
	t.Helper()
	host, port, err := net.SplitHostPort(s.address)
	if err != nil {
		t.Fatal(err)
	}
	n, err := strconv.Atoi(port)
	if err != nil {
		t.Fatal(err)
	}
	return &SMTP{
		Host: host, Port: n, From: Sender{"Daily Bugle, Ökonomie", "id@example.com"}, Name: "id.example.com", Roots: s.roots,
		Now: func() time.Time { return time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC) },
	}
}

func testMessage() Message {
	return Message{
		ID: "letter-1", To: "peter@example.com", Language: "de", Subject: "Neues Passwort wählen",
		Text: "Guten Tag, Größe\n.\nhttps://id.example.com/link/password_reset?token=abc\n", HTML: "<p>Größe</p>",
	}
}

// TestMessageOnTheWire: RFC 5322 section 3.6, RFC 2046 section 5.1.4, RFC 3834 section 5.
func TestMessageOnTheWire(t *testing.T) {
	s := startServer(t, serverKind{})
	m := mailerTo(t, s)
	for range 2 { // Message-ID is the same at another attempt
		if err := m.Send(t.Context(), testMessage()); err != nil {
			t.Fatal(err)
		}
	}
	got := s.messages()
	if len(got) != 2 || !got[0].secure || got[0].from != "id@example.com" || got[0].to != "peter@example.com" || got[0].utf8 {
		t.Fatalf("got %+v, want two over TLS", got)
	}
	for _, r := range got {
		parsed, err := netmail.ReadMessage(bytes.NewReader(r.body))
		if err != nil {
			t.Fatal(err)
		}
		decoded := func(name string) string {
			text, err := new(mime.WordDecoder).DecodeHeader(parsed.Header.Get(name))
			if err != nil || len(parsed.Header[name]) != 1 {
				t.Errorf("%s: %v, %v", name, parsed.Header[name], err)
			}
			return text
		}
		for name, want := range map[string]string{
			"Date": "Fri, 02 Jan 2026 03:04:05 +0000", "Message-Id": "<letter-1@example.com>", "To": "<peter@example.com>",
			"Subject": "Neues Passwort wählen", "Auto-Submitted": "auto-generated", "Content-Language": "de", "Mime-Version": "1.0",
		} {
			if got := decoded(name); got != want {
				t.Errorf("%s: got %q, want %q", name, got, want)
			}
		}
		from, err := parsed.Header.AddressList("From")
		if err != nil || len(from) != 1 || from[0].Name != "Daily Bugle, Ökonomie" || from[0].Address != "id@example.com" {
			t.Errorf("From: %v, %v", from, err)
		}
		kind, params, err := mime.ParseMediaType(parsed.Header.Get("Content-Type"))
		if err != nil || kind != "multipart/alternative" {
			t.Fatalf("got %s, %v", kind, err)
		}
		parts := multipart.NewReader(parsed.Body, params["boundary"])
		for _, want := range []struct{ kind, text string }{{"text/plain", testMessage().Text}, {"text/html", testMessage().HTML}} {
			part, err := parts.NextRawPart()
			if err != nil {
				t.Fatal(err)
			}
			text, err := io.ReadAll(quotedprintable.NewReader(part))
			if !strings.HasPrefix(part.Header.Get("Content-Type"), want.kind) || err != nil || strings.TrimRight(strings.ReplaceAll(string(text), "\r\n", "\n"), "\n") != strings.TrimRight(want.text, "\n") {
				t.Errorf("%s: got %v %q, %v", want.kind, part.Header, text, err)
			}
		}
		for name := range parsed.Header {
			if name == "User-Agent" || name == "X-Mailer" {
				t.Errorf("%s tells of our software", name)
			}
		}
	}
}

// undelivered demands that the message was not handed over, and for what.
func undelivered(t *testing.T, err error, trouble Trouble, code string, permanent bool) {
	t.Helper()
	u, ok := errors.AsType[*Undelivered](err)
	if !ok || u.Trouble != trouble || u.Code != code || u.Permanent != permanent {
		t.Errorf("got %v (%+v), want %s %q", err, u, trouble, code)
	}
}

func TestSecurityOfTheConnection(t *testing.T) {
	withLogin := func(m *SMTP) *SMTP { m.Username, m.Password = "keyturn", "underoos"; return m }
	send := func(m *SMTP) error { return m.Send(t.Context(), testMessage()) }

	s := startServer(t, serverKind{implicitTLS: true, needUser: true})
	m := withLogin(mailerTo(t, s))
	m.Security = ImplicitTLS
	if err := send(m); err != nil || !s.messages()[0].secure || s.messages()[0].login != "PLAIN" {
		t.Errorf("implicit TLS (RFC 8314): %v, %+v", err, s.messages())
	}
	m.Security = StartTLS
	m.Timeout = 300 * time.Millisecond // the server waits for TLS, we for its greeting
	undelivered(t, send(m), Unreachable, "", false)

	s = startServer(t, serverKind{needUser: true, way: "LOGIN"})
	if err := send(withLogin(mailerTo(t, s))); err != nil || s.messages()[0].login != "LOGIN" {
		t.Errorf("LOGIN: %v", err)
	}
	s = startServer(t, serverKind{needUser: true, way: "CRAM-MD5"})
	undelivered(t, send(withLogin(mailerTo(t, s))), LoginRefused, "", false)

	s = startServer(t, serverKind{needUser: true})
	m = withLogin(mailerTo(t, s))
	m.Password = "wrong"
	undelivered(t, send(m), LoginRefused, "535", false)
	m = mailerTo(t, s) // without a login
	undelivered(t, send(m), SenderRefused, "502 5.7.0", true)

	s = startServer(t, serverKind{certificateFor: "other.example"})
	undelivered(t, send(mailerTo(t, s)), Insecure, "", false)
	m = mailerTo(t, s)
	m.Roots = nil
	undelivered(t, send(m), Insecure, "", false)
	s = startServer(t, serverKind{noTLS: true})
	undelivered(t, send(withLogin(mailerTo(t, s))), Insecure, "", false) // RFC 3207 section 4.1
	m = withLogin(mailerTo(t, s))
	m.Security = ImplicitTLS
	undelivered(t, send(m), Insecure, "", false)
	if n := len(s.messages()); n != 0 {
		t.Errorf("%d letters left without TLS", n)
	}
	m.Security = InsecurePlain
	if err := send(m); err != nil || s.messages()[0].secure || s.messages()[0].login != "PLAIN" {
		t.Errorf("plain on this machine: %v", err)
	}
}

func TestWhatTheServerRefuses(t *testing.T) {
	s := startServer(t, serverKind{})
	m := mailerTo(t, s)
	send := func() error { return m.Send(t.Context(), testMessage()) }
	no := func(code int, enhanced smtp.EnhancedCode) error {
		return &smtp.SMTPError{Code: code, EnhancedCode: enhanced, Message: "no"}
	}
	s.set(func() { s.rcpt = no(550, smtp.EnhancedCode{5, 1, 1}) })
	undelivered(t, send(), RecipientRefused, "550 5.1.1", true)
	s.set(func() { s.rcpt = no(451, smtp.EnhancedCode{4, 7, 1}) }) // greylisting
	undelivered(t, send(), RecipientRefused, "451 4.7.1", false)
	s.set(func() { s.rcpt, s.mail = nil, no(553, smtp.EnhancedCode{5, 7, 1}) })
	undelivered(t, send(), SenderRefused, "553 5.7.1", true)
	s.set(func() { s.mail, s.data = nil, func(received) error { return no(554, smtp.EnhancedCode{5, 6, 0}) } })
	undelivered(t, send(), MessageRefused, "554 5.6.0", true)
	s.set(func() { s.data = func(received) error { return no(421, smtp.EnhancedCode{4, 3, 2}) } })
	undelivered(t, send(), Unreachable, "421 4.3.2", false)
	s.set(func() { s.data, s.cut = nil, func(c *smtp.Conn, _ []byte) { _ = c.Conn().Close() } })
	undelivered(t, send(), Unreachable, "", false)
	s.set(func() { s.cut = nil })
	if err := send(); err != nil {
		t.Error(err)
	}
	if n := len(s.messages()); n != 1 {
		t.Errorf("the server has %d messages, want 1", n)
	}
}

func TestAddressesInOtherScripts(t *testing.T) {
	s := startServer(t, serverKind{})
	m := testMessage()
	m.To = "пётр@bücher.example"
	if err := mailerTo(t, s).Send(t.Context(), m); err != nil {
		t.Fatal(err)
	}
	if got := s.messages()[0]; got.to != "пётр@xn--bcher-kva.example" || !got.utf8 { // RFC 6531 section 3.4
		t.Errorf("got %+v", got)
	}
	without := startServer(t, serverKind{noUTF8: true})
	undelivered(t, mailerTo(t, without).Send(t.Context(), m), BadAddress, "", true)
	m.To = "peter@bücher.example"
	if err := mailerTo(t, without).Send(t.Context(), m); err != nil {
		t.Errorf("a domain of another script needs nothing of the server (RFC 5891): %v", err)
	}
	m.To = "peter@example.com\r\nRCPT TO:<all@example.com>"
	undelivered(t, mailerTo(t, s).Send(t.Context(), m), BadAddress, "", true)
}

// TestHeadersCanNotBeInjected: whatever stands in a message, it makes no header and no recipient.
func TestHeadersCanNotBeInjected(t *testing.T) {
	s := startServer(t, serverKind{})
	evil := "x\r\nBcc: all@example.com\r\n\r\nbody"
	m := Message{ID: evil, To: "peter@example.com", Language: evil, Subject: evil, Text: evil, HTML: evil}
	if err := mailerTo(t, s).Send(t.Context(), m); err != nil {
		t.Fatal(err)
	}
	named := mailerTo(t, s)
	named.From.Name = evil
	if err := named.Send(t.Context(), m); err == nil {
		t.Log("it was taken, and below is seen what it became")
	}
	for _, got := range s.messages() {
		parsed, err := netmail.ReadMessage(bytes.NewReader(got.body))
		if err != nil {
			t.Fatal(err)
		}
		if got.to != "peter@example.com" || parsed.Header.Get("Bcc") != "" || !strings.HasPrefix(parsed.Header.Get("Content-Type"), "multipart/alternative") {
			t.Errorf("got %s", got.body)
		}
	}
}

// TestEndOfContextCutsTheConnection: a server that says nothing does not hold up the end of the program.
func TestEndOfContextCutsTheConnection(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		conn, err := l.Accept()
		if err == nil {
			defer conn.Close()
			cancel()
			_, _ = io.Copy(io.Discard, conn)
		}
	}()
	m := mailerTo(t, &mailServer{address: l.Addr().String()})
	m.Timeout = time.Hour
	undelivered(t, m.Send(ctx, testMessage()), Unreachable, "", false)
}

func TestNobodyListens(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	undelivered(t, mailerTo(t, &mailServer{address: l.Addr().String()}).Send(t.Context(), testMessage()), Unreachable, "", false)
}

func TestConsole(t *testing.T) {
	var out strings.Builder
	if err := (Console{&out}).Send(t.Context(), testMessage()); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(out.String(), "To: peter@example.com\nSubject: Neues Passwort wählen\n") || !strings.Contains(out.String(), "?token=abc") {
		t.Errorf("got %s", out.String())
	}
}
