package storage

import (
	"slices"

	"keyturn/accounts"
)

// lastRune sorts after every other in UTF-8's byte order, and is no character (Unicode 23.7).
const lastRune = "\U0010FFFF"

// names are what a page of a list by name is taken from: those in [from, below), without from where it was the last of
// the page before. One bound on each side: of two the database begins at whichever it likes, and reads all between.
type names struct {
	from, below string
	beyond      bool
	// back is for a page that ends before a name: it is read from there, in the other order.
	back bool
}

func namesOf(q accounts.Query) names {
	n := names{from: q.Prefix, below: q.Prefix + lastRune}
	switch {
	case q.Before != "":
		n.below, n.back = min(n.below, q.Before), true
	case q.After != "" && q.After >= q.Prefix:
		n.from, n.beyond = q.After, true
	}
	return n
}

// of is the statement that reads the page: from a name on, beyond it, or back from one.
func (n names) of(from, beyond, back statement) statement {
	switch {
	case n.back:
		return back
	case n.beyond:
		return beyond
	}
	return from
}

// inOrder is a page as it is listed, however it was read.
func inOrder[T any](rows []T, back bool) []T {
	if back {
		slices.Reverse(rows)
	}
	return rows
}
