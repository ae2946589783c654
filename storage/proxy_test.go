package storage_test

import (
	"crypto/tls"
	"io"
	"net"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
)

// proxy stands between the program and PostgreSQL. It counts round trips, and can lose an answer.
type proxy struct {
	url string

	mu         sync.Mutex
	trips      int  // guarded by mu: how often the client spoke after the server had
	serverLast bool // guarded by mu
	loseAnswer bool // guarded by mu: the next answer of the server is lost with its connection

	// frozen is held while nothing is passed on: connections are taken, as by a process that was stopped.
	frozen sync.RWMutex
}

func newProxy(t *testing.T, databaseURL string) *proxy {
	t.Helper()
	return newProxyOver(t, databaseURL, func(client net.Conn) (net.Conn, error) { return client, nil })
}

// newTLSProxy is a proxy that speaks TLS with the client.
func newTLSProxy(t *testing.T, databaseURL string) *proxy {
	t.Helper()
	certified := httptest.NewTLSServer(nil)
	t.Cleanup(certified.Close)
	config := &tls.Config{Certificates: certified.TLS.Certificates}
	p := newProxyOver(t, databaseURL, func(client net.Conn) (net.Conn, error) {
		// PostgreSQL documentation, section 54.2.12: SSLRequest, answered "S".
		if _, err := io.ReadFull(client, make([]byte, 8)); err != nil {
			return nil, err
		}
		_, err := client.Write([]byte{'S'})
		return tls.Server(client, config), err
	})
	p.url = strings.Replace(p.url, "sslmode=disable", "sslmode=require", 1)
	return p
}

func newProxyOver(t *testing.T, databaseURL string, wrap func(net.Conn) (net.Conn, error)) *proxy {
	t.Helper()
	u, err := url.Parse(databaseURL)
	if err != nil {
		t.Fatal(err)
	}
	network, address := "tcp", u.Host
	if dir := u.Query().Get("host"); strings.HasPrefix(dir, "/") {
		network, address = "unix", dir+"/.s.PGSQL.5432"
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	q := u.Query()
	q.Del("host")
	u.RawQuery, u.Host = q.Encode(), listener.Addr().String()
	p := &proxy{url: u.String()}
	go func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			server, err := net.Dial(network, address)
			if err != nil {
				_ = client.Close()
				continue
			}
			go func() {
				p.pass()
				wrapped, err := wrap(client)
				if err != nil {
					_ = client.Close()
					_ = server.Close()
					return
				}
				go p.copy(server, wrapped, false)
				p.copy(wrapped, server, true)
			}()
		}
	}()
	return p
}

func (p *proxy) copy(to, from net.Conn, isServer bool) {
	defer to.Close()
	defer from.Close()
	buffer := make([]byte, 1<<16)
	for {
		n, err := from.Read(buffer)
		if err != nil || p.lost(isServer) {
			return
		}
		p.pass()
		if _, err := to.Write(buffer[:n]); err != nil {
			return
		}
	}
}

// pass waits while the proxy is frozen.
func (p *proxy) pass() {
	p.frozen.RLock()
	defer p.frozen.RUnlock()
}

func (p *proxy) lost(isServer bool) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !isServer && p.serverLast {
		p.trips++
	}
	p.serverLast = isServer
	lost := isServer && p.loseAnswer
	if lost {
		p.loseAnswer = false
	}
	return lost
}

func (p *proxy) count(do func()) int {
	p.mu.Lock()
	before := p.trips
	p.mu.Unlock()
	do()
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.trips - before
}

func (p *proxy) loseNextAnswer() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.loseAnswer = true
}
