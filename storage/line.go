package storage

import (
	"context"
	"database/sql/driver"
	"errors"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/lib/pq"
)

// cancelGrace is how long after the end of its context a statement may still wait for the server, which
// lib/pq asks to cancel it. A server that is alive answers that within milliseconds.
const cancelGrace = time.Second

// lineConnector opens the pool's connections, each over a line of its own. lib/pq waits for the answer
// to a statement however long ago its context ended, and a frozen server never gives one: its
// connections take bytes and say nothing.
type lineConnector struct{ config pq.Config }

// Driver is part of driver.Connector.
func (c *lineConnector) Driver() driver.Driver { return &pq.Driver{} }

// Connect opens a connection, within cancelGrace of the end of ctx whatever the server does.
func (c *lineConnector) Connect(ctx context.Context) (driver.Conn, error) {
	single, err := pq.NewConnectorConfig(c.config)
	if err != nil {
		return nil, err
	}
	l := &line{}
	single.Dialer(l)
	stop := context.AfterFunc(ctx, l.expire)
	opened, err := single.Connect(ctx)
	if stop(); err != nil {
		return nil, err
	}
	conn, ok := opened.(pqConn)
	if !ok {
		err = errors.New("storage: this version of lib/pq lacks an interface of database/sql")
	}
	if err = errors.Join(ctx.Err(), err); err != nil {
		_ = opened.Close()
		return nil, err
	}
	l.opened.Store(true)
	return &lineConn{conn, l}, nil
}

// line is the way to the server of one connection, and lib/pq's dialer for it. Once the connection is
// open, lib/pq dials again only to have a statement cancelled whose context has ended: the line then
// takes cancelGrace more and breaks. So nothing has to be watched, and a statement whose context goes
// on is never cut.
type line struct {
	dialer net.Dialer
	opened atomic.Bool

	mu       sync.Mutex
	wire     *wire     // guarded by mu: the connection that was dialed last before it was open
	breaksAt time.Time // guarded by mu: zero while no context has ended
}

// expire breaks the line in cancelGrace; the first call counts.
func (l *line) expire() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.breaksAt.IsZero() {
		return
	}
	l.breaksAt = time.Now().Add(cancelGrace)
	if l.wire != nil {
		_ = l.wire.Conn.SetDeadline(l.breaksAt)
	}
}

// expired tells that the line is about to break or has.
func (l *line) expired() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return !l.breaksAt.IsZero()
}

// DialContext is part of pq.DialerContext.
func (l *line) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	if l.opened.Load() {
		return l.dialToCancel(ctx, network, address)
	}
	conn, err := l.dialer.DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	w := &wire{conn, l}
	l.mu.Lock()
	l.wire = w
	l.mu.Unlock()
	return w, w.SetDeadline(time.Time{})
}

// dialToCancel opens the connection for a cancel request, which has no longer than the statement has.
func (l *line) dialToCancel(ctx context.Context, network, address string) (net.Conn, error) {
	l.expire()
	ctx, cancel := context.WithTimeout(ctx, cancelGrace)
	defer cancel()
	conn, err := l.dialer.DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	w := &wire{conn, l}
	return w, w.SetDeadline(time.Time{})
}

// Dial is part of pq.Dialer.
func (l *line) Dial(network, address string) (net.Conn, error) {
	return l.DialContext(context.Background(), network, address)
}

// DialTimeout is part of pq.Dialer.
func (l *line) DialTimeout(network, address string, timeout time.Duration) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	return l.DialContext(ctx, network, address)
}

// wire is a network connection whose deadlines never go past that of its line.
type wire struct {
	net.Conn
	line *line
}

// SetDeadline is lib/pq's own limit while it connects, and the lifting of it.
func (w *wire) SetDeadline(t time.Time) error {
	w.line.mu.Lock()
	defer w.line.mu.Unlock()
	if at := w.line.breaksAt; !at.IsZero() && (t.IsZero() || at.Before(t)) {
		t = at
	}
	return w.Conn.SetDeadline(t)
}

// pqConn is what lib/pq's connection does for database/sql.
type pqConn interface {
	driver.Conn
	driver.ConnBeginTx
	driver.ConnPrepareContext
	driver.ExecerContext
	driver.QueryerContext
	driver.NamedValueChecker
	driver.Pinger
	driver.SessionResetter
	driver.Validator
}

// lineConn is lib/pq's connection over its line.
type lineConn struct {
	pqConn
	line *line
}

// BeginTx watches ctx, as lib/pq does with every other statement.
func (c *lineConn) BeginTx(ctx context.Context, o driver.TxOptions) (driver.Tx, error) {
	stop := context.AfterFunc(ctx, c.line.expire)
	defer stop()
	return c.pqConn.BeginTx(ctx, o)
}

// IsValid keeps a connection whose line breaks soon out of the pool.
func (c *lineConn) IsValid() bool { return !c.line.expired() && c.pqConn.IsValid() }
