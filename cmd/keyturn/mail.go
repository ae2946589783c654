package main

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"

	"keyturn/accounts"
	"keyturn/accounts/mail"
	"keyturn/api/web"
	"keyturn/audit/sentence"
	"keyturn/keys"
)

// mailOn tells whether letters leave.
func (c *Config) mailOn() bool { return c.MailURL != "" }

func (c *Config) checkMail(bad func(name, format string, args ...any)) {
	if !c.mailOn() {
		if c.MailFrom != "" {
			bad("mail_from", "has no effect without KEYTURN_MAIL_URL")
		}
		return
	}
	server, err := parseMailURL(c.MailURL)
	if err != nil {
		bad("mail_url", "%v", err)
		return
	}
	if server == nil && c.MailFrom == "" {
		return
	}
	if c.MailFrom == "" {
		bad("mail_from", "must be set where KEYTURN_MAIL_URL names a mail server: the address that letters come from")
	} else if _, err := mail.ParseSender(c.MailFrom); err != nil {
		bad("mail_from", "%v; an example is Example <id@example.com>", err)
	}
}

// parseMailURL reads KEYTURN_MAIL_URL; nil for console:. Its errors show nothing of the URL, which holds a password.
func parseMailURL(text string) (*mail.SMTP, error) {
	if text == "console:" {
		return nil, nil
	}
	const form = "must be smtp://USER:PASSWORD@HOST:587, smtps://USER:PASSWORD@HOST:465 or console:"
	u, err := url.Parse(text)
	if err != nil || u.Hostname() == "" || u.Path != "" || u.RawQuery != "" || u.Fragment != "" || strings.ContainsAny(text, "?#") {
		return nil, errors.New(form + "; special characters of a password are written as %XX")
	}
	s := &mail.SMTP{Host: u.Hostname()}
	port := "587" // RFC 6409 section 3.1
	switch u.Scheme {
	case "smtp":
		if loopback(s.Host) {
			s.Security = mail.InsecurePlain
		}
	case "smtps":
		s.Security, port = mail.ImplicitTLS, "465" // RFC 8314 section 3.3
	default:
		return nil, errors.New(form)
	}
	if u.Port() != "" {
		port = u.Port()
	}
	if s.Port, err = strconv.Atoi(port); err != nil || s.Port < 1 || s.Port > 65535 {
		return nil, errors.New("has a port that is none")
	}
	if u.User != nil {
		s.Username = u.User.Username()
		s.Password, _ = u.User.Password()
		if s.Username == "" || s.Password == "" {
			return nil, errors.New("needs both a username and a password, or neither")
		}
	}
	return s, nil
}

// mailer is what letters leave by.
func (c *Config) mailer() (mail.Mailer, error) {
	server, err := parseMailURL(c.MailURL)
	if err != nil {
		return nil, fmt.Errorf("KEYTURN_MAIL_URL: %w", err)
	}
	if server == nil {
		return mail.Console{Out: os.Stderr}, nil
	}
	if server.From, err = mail.ParseSender(c.MailFrom); err != nil {
		return nil, fmt.Errorf("KEYTURN_MAIL_FROM: %w", err)
	}
	if server.Roots, err = c.fetchRoots(); err != nil {
		return nil, fmt.Errorf("KEYTURN_FETCH_CA_FILE: %w", err)
	}
	server.Name, server.Now = c.issuerHost(), time.Now
	return server, nil
}

func (c *Config) issuerHost() string {
	u, err := url.Parse(c.Issuer)
	if err != nil {
		return ""
	}
	return u.Hostname()
}

func (c *Config) letters() (*mail.Letters, error) {
	return mail.NewLetters(c.BrandName, c.issuerHost())
}

// linkURL is where a one-time link leads to.
func (c *Config) linkURL(purpose accounts.LinkPurpose, secret keys.Secret) string {
	return web.LinkAt(c.Issuer)(purpose, secret)
}

// newPost wires what sends letters; nil without mail.
func (a *app) newPost() (*mail.Post, error) {
	if !a.config.mailOn() {
		return nil, nil
	}
	mailer, err := a.config.mailer()
	if err != nil {
		return nil, err
	}
	letters, err := a.config.letters()
	if err != nil {
		return nil, err
	}
	return &mail.Post{Store: a.db, Mailer: mailer, Letters: letters, LinkURL: a.config.linkURL, Now: time.Now, Log: a.log}, nil
}

// mailWarning is how long letters may fail before readiness and doctor tell of it.
const mailWarning = 15 * time.Minute

// checkMail never turns readiness red: people can sign in without letters.
func (a *app) checkMail(ctx context.Context) check {
	counts, err := a.db.CountLetters(ctx)
	switch {
	case err != nil:
		return check{"mail", "warning", sentence.Say("the queue could not be read")}
	case counts.Failed > 0:
		return check{"mail", "warning", sentence.Say("%d letters were given up; keyturn mail list --failed shows them", counts.Failed)}
	case counts.Waiting > 0 && !a.config.mailOn():
		return check{"mail", "warning", sentence.Say("%d letters wait, and KEYTURN_MAIL_URL is not set", counts.Waiting)}
	case counts.Oldest > mailWarning:
		return check{"mail", "warning", sentence.Say("%d letters wait, the oldest for %s; keyturn mail list shows why", counts.Waiting, counts.Oldest.Round(time.Second))}
	case !a.config.mailOn():
		return check{"mail", "ok", sentence.Say("off")}
	}
	return check{"mail", "ok", sentence.Say("%d waiting", counts.Waiting)}
}
