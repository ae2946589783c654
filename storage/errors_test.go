package storage_test

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"testing"

	"github.com/lib/pq"
	"github.com/lib/pq/pqerror"

	"keyturn/issuer"
	"keyturn/keys"
	"keyturn/storage"
)

// TestErrorsByCode: what an error means is read from its code (PostgreSQL documentation, appendix A),
// never from its text, which is translated into the server's language.
func TestErrorsByCode(t *testing.T) {
	for code, want := range map[string]error{
		"08006": keys.ErrUnavailable, "08P01": keys.ErrUnavailable, "25006": keys.ErrUnavailable, "28P01": keys.ErrUnavailable,
		"3D000": keys.ErrUnavailable, "40001": keys.ErrUnavailable, "40P01": keys.ErrUnavailable, "53100": keys.ErrUnavailable,
		"53300": keys.ErrUnavailable, "55P03": keys.ErrUnavailable, "57014": keys.ErrUnavailable, "57P01": keys.ErrUnavailable,
		"58030": keys.ErrUnavailable, "22021": keys.ErrBadText, "23505": nil, "42601": nil, "P0001": nil,
	} {
		err := fmt.Errorf("wrapped: %w", &pq.Error{Code: pqerror.Code(code), Message: "die Datenbank"})
		got := storage.Translate(err, issuer.ErrConflict)
		for _, known := range []error{keys.ErrUnavailable, keys.ErrBadText, issuer.ErrConflict} {
			if errors.Is(got, known) != (known == want) {
				t.Errorf("%s: got %v, want it to be %v alone", code, got, want)
			}
		}
	}
	for _, err := range []error{driver.ErrBadConn, io.EOF, io.ErrUnexpectedEOF, context.DeadlineExceeded, context.Canceled} {
		if got := storage.Translate(err, nil); !errors.Is(got, keys.ErrUnavailable) || !errors.Is(got, err) {
			t.Errorf("%v: got %v, want ErrUnavailable that wraps it", err, got)
		}
	}
}
