package mail

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"log"
	"math/big"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"
)

// received is what the server was given.
type received struct {
	from, to string
	utf8     bool
	body     []byte
	secure   bool
	login    string
}

// mailServer is a real SMTP server. Its fields say how it behaves; they are set before a message comes.
type mailServer struct {
	address  string
	roots    *x509.CertPool
	needUser bool

	mu   sync.Mutex
	got  []received                   // guarded by mu
	mail error                        // guarded by mu: answers to MAIL, RCPT and DATA
	rcpt error                        // guarded by mu
	data func(r received) error       // guarded by mu: nil takes it
	cut  func(c *smtp.Conn, r []byte) // guarded by mu: called when half of DATA was read
}

type serverKind struct {
	implicitTLS, noTLS, noUTF8, needUser bool
	way                                  string // of logging in, PLAIN where empty
	certificateFor                       string
	listenAt                             string
}

func startServer(t *testing.T, kind serverKind) *mailServer {
	t.Helper()
	s := &mailServer{needUser: kind.needUser}
	name := kind.certificateFor
	if name == "" {
		name = "127.0.0.1"
	}
	certificate, roots := selfSigned(t, name)
	s.roots = roots
	server := smtp.NewServer(smtp.BackendFunc(func(c *smtp.Conn) (smtp.Session, error) {
		return &session{server: s, conn: c, way: kind.way}, nil
	}))
	server.Domain, server.EnableSMTPUTF8, server.AllowInsecureAuth = "mail.example.com", !kind.noUTF8, kind.noTLS
	server.ErrorLog = log.New(io.Discard, "", 0)
	config := &tls.Config{Certificates: []tls.Certificate{certificate}}
	if !kind.noTLS && !kind.implicitTLS {
		server.TLSConfig = config
	}
	at := kind.listenAt
	if at == "" {
		at = "127.0.0.1:0"
	}
	l, err := net.Listen("tcp", at)
	if err != nil {
		t.Fatal(err)
	}
	s.address = l.Addr().String()
	if kind.implicitTLS {
		l = tls.NewListener(l, config)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = server.Serve(l)
	}()
	t.Cleanup(func() {
		_ = server.Close()
		<-done
	})
	return s
}

// set changes how the server behaves.
func (s *mailServer) set(change func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change()
}

func (s *mailServer) messages() []received {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]received(nil), s.got...)
}

type session struct {
	server *mailServer
	conn   *smtp.Conn
	way    string
	now    received
}

func (s *session) Reset()        { s.now = received{login: s.now.login} }
func (s *session) Logout() error { return nil }

func (s *session) AuthMechanisms() []string {
	if s.way != "" {
		return []string{s.way}
	}
	return []string{sasl.Plain}
}

func (s *session) Auth(way string) (sasl.Server, error) {
	check := func(username, password string) error {
		if username != "keyturn" || password != "underoos" {
			return smtp.ErrAuthFailed
		}
		s.now.login = way
		return nil
	}
	switch way {
	case sasl.Plain:
		return sasl.NewPlainServer(func(_, username, password string) error { return check(username, password) }), nil
	case sasl.Login:
		return &loginServer{check: check}, nil
	}
	return nil, smtp.ErrAuthUnknownMechanism
}

func (s *session) Mail(from string, o *smtp.MailOptions) error {
	if s.server.needUser && s.now.login == "" {
		return smtp.ErrAuthRequired
	}
	s.now.from, s.now.utf8 = from, o != nil && o.UTF8
	_, s.now.secure = s.conn.TLSConnectionState()
	s.server.mu.Lock()
	defer s.server.mu.Unlock()
	return s.server.mail
}

func (s *session) Rcpt(to string, _ *smtp.RcptOptions) error {
	s.now.to = to
	s.server.mu.Lock()
	defer s.server.mu.Unlock()
	return s.server.rcpt
}

func (s *session) Data(r io.Reader) error {
	s.server.mu.Lock()
	cut := s.server.cut
	s.server.mu.Unlock()
	if cut != nil {
		half := make([]byte, 200)
		_, _ = io.ReadFull(r, half)
		cut(s.conn, half)
		return errors.New("cut")
	}
	body, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	s.now.body = body
	s.server.mu.Lock()
	defer s.server.mu.Unlock()
	if s.server.data != nil {
		if err := s.server.data(s.now); err != nil {
			return err
		}
	}
	s.server.got = append(s.server.got, s.now)
	return nil
}

// loginServer is the LOGIN way, which the library has for clients only.
type loginServer struct {
	check    func(username, password string) error
	username string
	step     int
}

func (l *loginServer) Next(response []byte) (challenge []byte, done bool, err error) {
	l.step++
	switch {
	case l.step == 1 && len(response) == 0:
		return []byte("Username:"), false, nil
	case l.username == "":
		l.username = string(response)
		return []byte("Password:"), false, nil
	}
	return nil, true, l.check(l.username, string(response))
}

// selfSigned is a certificate for a name or an address, and what trusts it.
func selfSigned(t *testing.T, name string) (tls.Certificate, *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
	}
	if ip := net.ParseIP(name); ip != nil {
		template.IPAddresses = []net.IP{ip}
	} else {
		template.DNSNames = []string{name}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(parsed)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, roots
}

// logged is a log that tests look into.
type logged struct {
	mu  sync.Mutex
	buf bytes.Buffer // guarded by mu
}

func (l *logged) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

func (l *logged) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}
