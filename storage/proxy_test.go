package storage_test

import (
	"net"
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
}

func newProxy(t *testing.T, databaseURL string) *proxy {
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
			go p.copy(server, client, false)
			go p.copy(client, server, true)
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
		if _, err := to.Write(buffer[:n]); err != nil {
			return
		}
	}
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
