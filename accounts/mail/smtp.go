package mail

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/textproto"
	"strconv"
	"strings"
	"time"

	gomail "github.com/wneessen/go-mail"
	"github.com/wneessen/go-mail/smtp"
)

// Security is how the connection to a mail server is protected.
type Security int

// The ways. All of them check the server's certificate.
const (
	// StartTLS demands that the server offers it (RFC 3207); without it nothing is sent.
	StartTLS Security = iota
	// ImplicitTLS speaks TLS from the first byte (RFC 8314).
	ImplicitTLS
	// InsecurePlain is for a server on the same machine only.
	InsecurePlain
)

// smtpTimeout bounds how long the server may take to answer; connecting with all that belongs to it, and each
// letter.
const smtpTimeout = 15 * time.Second

// SMTP hands messages to a mail server, each over a connection of its own.
type SMTP struct {
	Host string
	Port int
	Security
	// Username is empty for a server that wants none.
	Username, Password string
	From               Sender
	// Name is what we call ourselves: the host of the issuer.
	Name string
	// Roots are nil for the system's.
	Roots *x509.CertPool
	Now   func() time.Time
	// Timeout is smtpTimeout where it is 0.
	Timeout time.Duration
}

// Send implements Mailer.
func (s *SMTP) Send(ctx context.Context, m Message) error {
	message, to, err := s.message(m)
	if err != nil {
		return &Undelivered{Trouble: BadAddress, Permanent: true, Cause: err}
	}
	ctx, done := context.WithCancel(ctx) // its end closes the connection
	defer done()
	client, err := s.client(ctx)
	if err != nil {
		return &Undelivered{Trouble: Unreachable, Cause: err}
	}
	opened, err := client.DialToSMTPClientWithContext(ctx)
	if err != nil {
		return undialed(err)
	}
	if !isASCII(to) {
		if offered, _ := opened.Extension("SMTPUTF8"); !offered {
			return &Undelivered{Trouble: BadAddress, Permanent: true, Cause: errors.New("the mail server takes no address with other than ASCII characters before the @ (RFC 6531)")}
		}
	}
	opened.SkipSMTPUTF8(isASCII(to)) // a relay further on may not know it
	return s.handOver(client, opened, message)
}

func (s *SMTP) handOver(client *gomail.Client, opened *smtp.Client, message *gomail.Msg) error {
	err := client.SendWithSMTPClient(opened, message)
	if message.IsDelivered() { // whatever came after that
		_ = client.CloseWithSMTPClient(opened)
		return nil
	}
	if err == nil {
		err = errors.New("not delivered")
	}
	return unsent(err)
}

// message is m with its headers, and the address it goes to.
func (s *SMTP) message(m Message) (*gomail.Msg, string, error) {
	to, err := address(m.To)
	if err != nil {
		return nil, "", fmt.Errorf("the recipient's address %w", err)
	}
	message := gomail.NewMsg(gomail.WithNoDefaultUserAgent())
	if err := errors.Join(message.FromFormat(s.From.Name, s.From.Address), message.EnvelopeFrom(s.From.Address), message.To(to)); err != nil {
		return nil, "", err
	}
	message.Subject(line(m.Subject))
	message.SetDateWithValue(s.Now())
	_, domain, _ := strings.Cut(s.From.Address, "@")
	message.SetMessageIDWithValue(line(m.ID) + "@" + domain)
	message.SetGenHeader("Auto-Submitted", "auto-generated") // RFC 3834 section 5
	message.SetGenHeader("Content-Language", m.Language)
	message.SetBodyString(gomail.TypeTextPlain, m.Text)
	message.AddAlternativeString(gomail.TypeTextHTML, m.HTML)
	return message, to, nil
}

// client makes connections that the end of ctx closes, whatever they are waiting for.
func (s *SMTP) client(ctx context.Context) (*gomail.Client, error) {
	timeout := s.Timeout
	if timeout == 0 {
		timeout = smtpTimeout
	}
	secure := &tls.Config{ServerName: s.Host, RootCAs: s.Roots, MinVersion: tls.VersionTLS12}
	policy := gomail.TLSMandatory
	dial := (&net.Dialer{}).DialContext
	switch s.Security {
	case ImplicitTLS:
		policy, dial = gomail.NoTLS, (&tls.Dialer{Config: secure}).DialContext
	case InsecurePlain:
		policy = gomail.NoTLS
	}
	options := []gomail.Option{
		gomail.WithPort(s.Port), gomail.WithTimeout(timeout), gomail.WithTLSConfig(secure), gomail.WithTLSPolicy(policy), gomail.WithHELO(s.Name),
		gomail.WithDialContextFunc(func(limited context.Context, network, address string) (net.Conn, error) {
			conn, err := dial(limited, network, address)
			if err == nil {
				context.AfterFunc(ctx, func() { _ = conn.Close() })
			}
			return conn, err
		}),
	}
	if s.Username != "" {
		options = append(options, gomail.WithSMTPAuthCustom(&login{username: s.Username, password: s.Password, secure: s.Security != InsecurePlain}))
	}
	return gomail.NewClient(s.Host, options...)
}

// login is PLAIN (RFC 4616), and the older LOGIN where the server has nothing else.
type login struct {
	username, password string
	secure             bool
	chosen             smtp.Auth
}

// Start implements smtp.Auth.
func (l *login) Start(server *smtp.ServerInfo) (string, []byte, error) {
	if l.secure && !server.TLS {
		return "", nil, errLogin // can't be: nothing gets so far without TLS
	}
	l.chosen = smtp.PlainAuth("", l.username, l.password, server.Name, !l.secure)
	offered := map[string]bool{}
	for _, way := range server.Auth {
		offered[strings.ToUpper(way)] = true
	}
	switch {
	case offered["PLAIN"]:
	case offered["LOGIN"]:
		l.chosen = smtp.LoginAuth(l.username, l.password, server.Name, !l.secure)
	default:
		return "", nil, errLogin
	}
	return l.chosen.Start(server)
}

// Next implements smtp.Auth.
func (l *login) Next(fromServer []byte, more bool) ([]byte, error) {
	return l.chosen.Next(fromServer, more)
}

var errLogin = errors.New("the mail server offers no way to log in that we have (PLAIN, LOGIN)")

// undialed says what kept the connection from being made.
func undialed(err error) *Undelivered {
	u := &Undelivered{Trouble: Unreachable, Cause: err}
	_, certificate := errors.AsType[*tls.CertificateVerificationError](err)
	_, record := errors.AsType[tls.RecordHeaderError](err)
	_, alert := errors.AsType[tls.AlertError](err)
	reply, refused := errors.AsType[*textproto.Error](err)
	switch {
	case certificate, record, alert, strings.Contains(err.Error(), "does not support STARTTLS"):
		u.Trouble = Insecure
	case errors.Is(err, errLogin), strings.Contains(err.Error(), "SMTP AUTH"):
		u.Trouble = LoginRefused
	}
	if refused {
		u.Code = strconv.Itoa(reply.Code)
	}
	return u
}

// unsent says what became of a letter over a connection that was made.
func unsent(err error) *Undelivered {
	u := &Undelivered{Trouble: Unreachable, Cause: err}
	said, ok := errors.AsType[*gomail.SendError](err)
	if !ok || said.ErrorCode() == 0 {
		return u
	}
	u.Code, u.Permanent = strconv.Itoa(said.ErrorCode()), !said.IsTemp()
	if more := said.EnhancedStatusCode(); more != "" {
		u.Code += " " + more
	}
	switch said.Reason {
	case gomail.ErrSMTPMailFrom:
		u.Trouble = SenderRefused
	case gomail.ErrSMTPRcptTo:
		u.Trouble = RecipientRefused
	default:
		u.Trouble = MessageRefused
	}
	if said.ErrorCode() == 421 { // the server goes away (RFC 5321 section 3.8)
		u.Trouble, u.Permanent = Unreachable, false
	}
	return u
}
