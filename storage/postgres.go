package storage

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"strings"

	"github.com/jmoiron/sqlx"
	"github.com/lib/pq"

	"keyturn/keys"
)

const minPostgres = 130000

func openPostgres(ctx context.Context, rawURL string, o Options) (*DB, error) {
	connector, password, err := postgresConnector(rawURL, o)
	if err != nil {
		return nil, err
	}
	pool := sqlx.NewDb(sql.OpenDB(connector), "postgres")
	pool.SetMaxOpenConns(o.MaxOpen)
	pool.SetMaxIdleConns(o.MaxIdle)
	pool.SetConnMaxLifetime(o.MaxLifetime)
	d := &DB{backend: postgres, write: pool, read: pool, now: o.DatabaseNow, maxIdle: o.MaxIdle, answerTimeout: o.AnswerTimeout}
	if err := d.checkServer(ctx); err != nil {
		_ = pool.Close()
		return nil, withoutSecret(err, password)
	}
	return d, nil
}

// postgresConnector adds to the URL what this package relies on: binary_parameters=yes makes a
// statement with arguments one round trip without a prepared name, which is also what lets it pass
// through a pooler in transaction mode.
func postgresConnector(rawURL string, o Options) (*lineConnector, string, error) {
	u, err := url.Parse(rawURL)
	if err != nil {
		// The parser's own words can quote a piece of the password.
		return nil, "", errors.New("storage: the PostgreSQL URL can't be parsed (are special characters in the password percent-encoded?)")
	}
	password, _ := u.User.Password()
	q := u.Query()
	if !q.Has("binary_parameters") {
		q.Set("binary_parameters", "yes")
	}
	if !q.Has("application_name") && !q.Has("fallback_application_name") {
		q.Set("fallback_application_name", "keyturn")
	}
	u.RawQuery = q.Encode()
	config, err := pq.NewConfig(u.String())
	if err != nil {
		return nil, "", withoutSecret(fmt.Errorf("storage: the PostgreSQL URL: %w", err), password)
	}
	if config.ConnectTimeout == 0 {
		config.ConnectTimeout = o.ConnectTimeout
	}
	if _, err := pq.NewConnectorConfig(config); err != nil {
		return nil, "", withoutSecret(fmt.Errorf("storage: the PostgreSQL URL: %w", err), password)
	}
	return &lineConnector{config}, password, nil
}

const serverSettings = `SELECT CAST(current_setting('server_version_num') AS BIGINT) AS version,
	current_setting('server_encoding') AS encoding,
	current_setting('default_transaction_isolation') AS isolation`

// checkServer refuses a server on which the statements of this package would not mean what they say:
// the conditional UPDATEs rely on READ COMMITTED, under REPEATABLE READ they would fail instead of wait.
func (d *DB) checkServer(ctx context.Context) error {
	var s struct {
		Version   int64  `db:"version"`
		Encoding  string `db:"encoding"`
		Isolation string `db:"isolation"`
	}
	if err := d.reading().get(ctx, &s, serverSettings); err != nil {
		return fmt.Errorf("storage: reach PostgreSQL: %w: %w", keys.ErrUnavailable, err)
	}
	switch {
	case s.Version < minPostgres:
		return fmt.Errorf("storage: PostgreSQL 13 or newer is needed, the server is %d.%d", s.Version/10000, s.Version%10000)
	case s.Encoding != "UTF8":
		return fmt.Errorf("storage: the database's encoding must be UTF8, it is %s", s.Encoding)
	case s.Isolation != "read committed":
		return fmt.Errorf("storage: default_transaction_isolation must be \"read committed\", it is %q", s.Isolation)
	}
	return nil
}

// scrubbed is an error whose text had the password taken out; errors.Is still sees what it was.
type scrubbed struct {
	error
	text string
}

func (s scrubbed) Error() string { return s.text }
func (s scrubbed) Unwrap() error { return s.error }

func withoutSecret(err error, secret string) error {
	if secret == "" || !strings.Contains(err.Error(), secret) {
		return err
	}
	return scrubbed{err, strings.ReplaceAll(err.Error(), secret, "***")}
}
