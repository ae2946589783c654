package main

import (
	"io"
	"net"
	"net/http"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"keyturn/accounts"
	"keyturn/accounts/mail"
	"keyturn/keys"
)

// TestMailURL: without TLS letters and the password go to this machine alone.
func TestMailURL(t *testing.T) {
	for text, want := range map[string]mail.SMTP{
		"smtp://mail.example.com":                     {Host: "mail.example.com", Port: 587, Security: mail.StartTLS},
		"smtp://keyturn:p%40ss@mail.example.com:2525": {Host: "mail.example.com", Port: 2525, Security: mail.StartTLS, Username: "keyturn", Password: "p@ss"},
		"smtps://keyturn:secret@mail.example.com":     {Host: "mail.example.com", Port: 465, Security: mail.ImplicitTLS, Username: "keyturn", Password: "secret"},
		"smtp://127.0.0.1:1025":                       {Host: "127.0.0.1", Port: 1025, Security: mail.InsecurePlain},
		"smtp://[::1]:1025":                           {Host: "::1", Port: 1025, Security: mail.InsecurePlain},
		"smtp://localhost:1025":                       {Host: "localhost", Port: 1025, Security: mail.InsecurePlain},
		"smtp://localhost.example.com":                {Host: "localhost.example.com", Port: 587, Security: mail.StartTLS},
		"smtps://localhost":                           {Host: "localhost", Port: 465, Security: mail.ImplicitTLS},
	} {
		got, err := parseMailURL(text)
		if err != nil || !reflect.DeepEqual(*got, want) {
			t.Errorf("%s: got %+v, %v, want %+v", text, got, err, want)
		}
	}
	for _, text := range []string{
		"", "console", "mail.example.com", "smtp://", "smtp://u:topsecret@", "smtp://u:top secret@mail.example.com", "smtp://u:topsecret@mail.example.com:x",
		"smtp://u:top/secret@mail.example.com", "smtp://mail.example.com/x", "smtp://mail.example.com?tls=off", "smtp://u:topsecret@mail.example.com:70000", "smtp://:topsecret@mail.example.com",
	} {
		if got, err := parseMailURL(text); err == nil || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: got %+v, %v", text, got, err)
		}
	}
}

// TestLinksLeadToTheIssuer: never to what a request calls us.
func TestLinksLeadToTheIssuer(t *testing.T) {
	c := &Config{Issuer: "https://id.example.com"}
	if got := c.linkURL(accounts.LinkPasswordReset, keys.SecretOf("abc")); got != "https://id.example.com/link/password_reset?token=abc" {
		t.Errorf("got %s", got)
	}
}

func TestMailCommands(t *testing.T) {
	i := newInstance(t)
	i.serve(t)
	out, status := i.run(t, "", "mail", "send-test", "peter@example.com", "--mail-url", "console:", "--language", "de")
	if status != 0 || !strings.Contains(out, "Subject: Test von Keyturn") || !strings.Contains(out, "sent a test to peter@example.com") {
		t.Errorf("exit status %d\n%s", status, out)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	out, status = i.run(t, "", "mail", "send-test", "peter@example.com", "--mail-url", "smtp://keyturn:topsecret@"+l.Addr().String(), "--mail-from", "id@example.com")
	if status != 1 || !strings.Contains(out, "unreachable") || strings.Contains(out, "topsecret") {
		t.Errorf("exit status %d\n%s", status, out)
	}
	if out := i.must(t, "", "mail", "list"); !strings.Contains(out, "FAILED FOR") {
		t.Errorf("got %s", out)
	}
}

// TestLettersThatWaitWithoutMail are told of.
func TestLettersThatWaitWithoutMail(t *testing.T) {
	i := newInstance(t)
	i.serve(t)
	config, err := loadConfig(source{environ: []string{"KEYTURN_DATA_DIR=" + filepath.Join(i.dir, "data")}, readFile: noFile})
	if err != nil {
		t.Fatal(err)
	}
	a, err := openApp(t.Context(), config, newLog(t.Output(), config), onlyFill)
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	if c := a.checkMail(t.Context()); c.Status != "ok" {
		t.Errorf("an empty queue: %+v", c)
	}
	letter := accounts.Letter{ID: "letter-1", Kind: accounts.LetterPasswordChanged, To: "peter@example.com", Facts: map[string]string{"username": "spiderman"}}
	if err := a.db.QueueLetters(t.Context(), letter); err != nil {
		t.Fatal(err)
	}
	if c := a.checkMail(t.Context()); c.Status != "warning" || !strings.Contains(c.Detail.String(), "KEYTURN_MAIL_URL") {
		t.Errorf("a letter that can't leave: %+v", c)
	}
	out := i.must(t, "", "mail", "list")
	if !strings.Contains(out, "letter-1") || strings.Contains(out, "spiderman") {
		t.Errorf("got %s", out)
	}
	response, err := http.Get(i.ops + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	if body := string(text); !strings.Contains(body, `keyturn_letters{state="waiting"} 1`) || !strings.Contains(body, "keyturn_letters_oldest_seconds") {
		t.Errorf("the metrics do not tell of it:\n%s", body)
	}
	i.must(t, "", "mail", "drop", "letter-1")
	if out := i.must(t, "", "audit", "list", "--action", "letter.dropped"); !strings.Contains(out, "letter-1") {
		t.Errorf("got %s", out)
	}
}
