package storage

import "keyturn/accounts"

// lastRune sorts after every other in UTF-8's byte order, and is no character (Unicode 23.7).
const lastRune = "\U0010FFFF"

// names are what a page of a list by name is taken from: those in [from, below), without from where it was the last of
// the page before. One bound on each side: of two the database begins at whichever it likes, and reads all between.
type names struct {
	from, below string
	beyond      bool
}

func namesOf(q accounts.Query) names {
	n := names{from: q.Prefix, below: q.Prefix + lastRune}
	if q.After != "" && q.After >= q.Prefix {
		n.from, n.beyond = q.After, true
	}
	if q.Before != "" {
		n.below = min(n.below, q.Before)
	}
	return n
}
