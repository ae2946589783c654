package storage

import (
	"context"
	"database/sql/driver"
	"reflect"

	"github.com/jmoiron/sqlx"
)

// session runs statements on a pool, a connection or a transaction.
type session struct {
	d  *DB
	on interface {
		sqlx.QueryerContext
		sqlx.ExecerContext
	}
	// harmless allows a statement to be run again where its connection broke.
	harmless bool
	// brief bounds each statement where the caller's context does not.
	brief bool
}

// get reads exactly the first row; sql.ErrNoRows where there is none. It returns nil only after the
// database has finished the statement, which for one outside a transaction includes its commit.
func (s session) get(ctx context.Context, into any, st statement, args ...any) error {
	text, args, err := s.d.bind(st, args)
	if err != nil {
		return err
	}
	ctx, cancel := s.limited(ctx)
	defer cancel()
	return s.run(func() error { return sqlx.GetContext(ctx, s.on, into, text, args...) })
}

// all reads all rows into a slice. Never for a statement that decides something and commits itself.
func (s session) all(ctx context.Context, into any, st statement, args ...any) error {
	text, args, err := s.d.bind(st, args)
	if err != nil {
		return err
	}
	ctx, cancel := s.limited(ctx)
	defer cancel()
	return s.run(func() error {
		reflect.ValueOf(into).Elem().SetZero() // what came before the connection broke
		return sqlx.SelectContext(ctx, s.on, into, text, args...)
	})
}

func (s session) run(do func() error) error {
	err := do()
	for n := 1; s.harmless && n < attempts && leadsNowhere(err); n++ {
		s.d.dropIdle()
		err = do()
	}
	return err
}

func (s session) limited(ctx context.Context) (context.Context, context.CancelFunc) {
	if !s.brief {
		return ctx, func() {}
	}
	return s.d.limited(ctx)
}

// limited gives a context that has no deadline one of Options.AnswerTimeout.
func (d *DB) limited(ctx context.Context) (context.Context, context.CancelFunc) {
	if _, has := ctx.Deadline(); has || d.answerTimeout == 0 {
		return ctx, func() {}
	}
	return context.WithTimeout(ctx, d.answerTimeout)
}

// exec returns how many rows the statement changed.
func (s session) exec(ctx context.Context, st statement, args ...any) (int64, error) {
	text, args, err := s.d.bind(st, args)
	if err != nil {
		return 0, err
	}
	ctx, cancel := s.limited(ctx)
	defer cancel()
	result, err := s.on.ExecContext(ctx, text, args...)
	if err != nil {
		return 0, err
	}
	return result.RowsAffected()
}

// reading is for statements that change nothing: they are repeated on another connection where the
// pooled one was broken.
func (d *DB) reading() session { return session{d: d, on: d.read, harmless: true, brief: true} }

// once runs one statement that commits itself, in one round trip. It is never repeated: where the
// connection breaks the statement may have been committed, and database/sql's own repeat, which a
// connection taken by hand does not do, would report the opposite.
func (d *DB) once(ctx context.Context, do func(session) error) (err error) {
	if d.backend == sqliteFile {
		return d.transact(ctx, do) // an explicit COMMIT is where SQLite reports that it could not
	}
	waiting, cancel := d.limited(ctx)
	defer cancel()
	conn, err := d.write.Connx(waiting)
	if err != nil {
		return err
	}
	defer func() { d.release(conn, err) }()
	return do(session{d: d, on: conn, brief: true})
}

// execOnce is once for a statement whose only outcome is an error or none.
func (d *DB) execOnce(ctx context.Context, st statement, args ...any) error {
	err := d.once(ctx, func(s session) error {
		_, err := s.exec(ctx, st, args...)
		return err
	})
	return translate(err, nil)
}

// attempts is how often a transaction is run that the database rolled back for the sake of another
// (serialization failure, deadlock).
const attempts = 3

// transact runs do in one transaction and commits it if do returns nil. do may run more than once: the
// database has then undone what it did before. A transaction whose outcome is unknown is not repeated.
func (d *DB) transact(ctx context.Context, do func(session) error) error {
	for n := 1; ; n++ {
		err := d.attempt(ctx, do)
		if err == nil || n == attempts || !rolledBack(err) {
			return err
		}
	}
}

func (d *DB) attempt(ctx context.Context, do func(session) error) (err error) {
	conn, tx, err := d.begin(ctx)
	if err != nil {
		return err
	}
	defer func() { d.release(conn, err) }()
	defer func() { _ = tx.Rollback() }() // does nothing after a commit
	if err := do(session{d: d, on: tx}); err != nil {
		return err
	}
	return tx.Commit()
}

// begin repeats a BEGIN that met a broken pooled connection: nothing has been asked of it yet.
func (d *DB) begin(ctx context.Context) (*sqlx.Conn, *sqlx.Tx, error) {
	for n := 1; ; n++ {
		conn, err := d.write.Connx(ctx)
		if err != nil {
			return nil, nil, err
		}
		tx, err := conn.BeginTxx(ctx, nil)
		if err == nil {
			return conn, tx, nil
		}
		err = readOnlyBegin(err)
		d.release(conn, err)
		if n == attempts || !leadsNowhere(err) {
			return nil, nil, err
		}
	}
}

// release gives the connection back, or, where err says that it leads nowhere (shut down, or to a
// server that is read-only since a failover), closes it together with the idle ones, which lead there too.
func (d *DB) release(conn *sqlx.Conn, err error) {
	if d.backend == postgres && leadsNowhere(err) {
		_ = conn.Raw(func(any) error { return driver.ErrBadConn })
		d.dropIdle()
	}
	_ = conn.Close()
}

func (d *DB) dropIdle() {
	if d.backend == postgres {
		d.write.SetMaxIdleConns(0)
		d.write.SetMaxIdleConns(d.maxIdle)
	}
}
