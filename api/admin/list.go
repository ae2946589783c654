package admin

import (
	"net/http"

	"keyturn/keys"
)

// listed is a page of a list. Next is the after of the page behind it, left out on the last page.
type listed[V any] struct {
	Items []V    `json:"items"`
	Next  string `json:"next,omitempty"`
}

// page is one way to read a list: at most limit things behind the one whose cursor is after.
type page[T any] func(after string, limit int) ([]T, error)

// writePage answers a page of the list that read reads, as the query string asks for it. A full page is
// followed by a look for one thing more, so that next leads to a page that is not empty.
func writePage[T, V any](r *request, read page[T], cursor func(T) string, view func(T) V) error {
	limit, err := r.query.limit()
	if err != nil {
		return err
	}
	things, err := read(r.query["after"], limit)
	if err != nil {
		return err
	}
	out := listed[V]{Items: make([]V, len(things))}
	for i, thing := range things {
		out.Items[i] = view(thing)
	}
	if len(things) == limit {
		last := cursor(things[limit-1])
		more, err := read(last, 1)
		if err != nil {
			return err
		}
		if len(more) > 0 {
			out.Next = last
		}
	}
	return r.write(http.StatusOK, out)
}

// writePageByID is writePage for lists whose cursor is an id.
func writePageByID[T, V any](r *request, read page[T], cursor func(T) string, view func(T) V) error {
	if after := r.query["after"]; after != "" && !keys.IsID(after) {
		return invalid("after", "is not the next of an answer")
	}
	return writePage(r, read, cursor, view)
}
