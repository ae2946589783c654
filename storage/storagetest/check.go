package storagetest

import (
	"errors"
	"reflect"
	"slices"
	"testing"
	"time"

	"keyturn/audit"
	"keyturn/issuer"
	"keyturn/storage"
)

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func is(t *testing.T, what string, got, want error) {
	t.Helper()
	if !errors.Is(got, want) {
		t.Errorf("%s: got error %v, want %v", what, got, want)
	}
}

// equal compares; an untyped number on the side of want takes the type of got.
func equal(t *testing.T, what string, got, want any) {
	t.Helper()
	if n, ok := want.(int); ok && reflect.TypeOf(got).Kind() == reflect.Int64 {
		want = int64(n)
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%s: got %+v, want %+v", what, got, want)
	}
}

// each is what of says of every thing.
func each[T, C any](things []T, of func(T) C) []C {
	all := make([]C, len(things))
	for n, thing := range things {
		all[n] = of(thing)
	}
	return all
}

// back reads a list backwards from a cursor in pages of two, and returns the cursors of all before it in the order of
// the list.
func back[C any](t *testing.T, from C, read func(before C) ([]C, error)) []C {
	t.Helper()
	all := []C{}
	for {
		page, err := read(from)
		must(t, err)
		all = append(page, all...)
		if len(page) < 2 {
			return all
		}
		from = page[0]
	}
}

func micro(at time.Time) time.Time { return at.Truncate(time.Microsecond).UTC() }

// actions counts the events of these actions.
func actions(t *testing.T, db *storage.DB, of ...audit.Action) int {
	t.Helper()
	events, err := db.AuditEvents(t.Context(), audit.Query{Limit: 1000})
	must(t, err)
	count := 0
	for _, e := range events {
		if slices.Contains(of, e.Action) {
			count++
		}
	}
	return count
}

// checkRevoked demands that exactly the revoked grants of the user (empty: of all) have exactly one row
// of revoked refresh tokens, for their newest number, and, where reasons are given, that no grant lives
// and each ended for one of them.
func checkRevoked(t *testing.T, db *storage.DB, userID string, reasons ...issuer.Reason) {
	t.Helper()
	grants, err := db.Grants(t.Context(), issuer.GrantQuery{UserID: userID, Limit: 1000})
	must(t, err)
	tokens, err := db.RevokedTokens(t.Context(), issuer.RevokedQuery{UserID: userID, Limit: 1000})
	must(t, err)
	rows := map[string]issuer.RevokedToken{}
	for _, token := range tokens {
		rows[token.JTI] = token
	}
	revoked := 0
	for _, g := range grants {
		if g.RevokedAt.IsZero() {
			if len(reasons) > 0 {
				t.Errorf("grant %s is alive", g.ID)
			}
			continue
		}
		revoked++
		row := rows[issuer.TokenID(g.ID, g.Generation)]
		want := issuer.RevokedToken{
			JTI: issuer.TokenID(g.ID, g.Generation), GrantID: g.ID, UserID: g.UserID, ClientID: g.ClientID, Reason: g.RevokedFor,
			PresentedJTI: row.PresentedJTI, RevokedAt: g.RevokedAt, Until: g.RefreshExpiresAt(),
		}
		equal(t, "revoked row of grant "+g.ID, row, want)
		if len(reasons) > 0 && !slices.Contains(reasons, g.RevokedFor) {
			t.Errorf("grant %s ended for %q, want one of %q", g.ID, g.RevokedFor, reasons)
		}
	}
	equal(t, "revoked rows", len(tokens), revoked)
}
