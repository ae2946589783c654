package console

import (
	"cmp"
	"errors"
	"html/template"
	"net/url"
	"slices"
	"time"

	"keyturn/issuer"
)

// rows is how many a page of a list shows.
const rows = 50

// window is the part of a list that is read: at most Limit things behind the cursor After, or the Limit things that
// stand before the cursor Before.
type window struct {
	After, Before string
	Limit         int
}

// list is one list of the console: how it is read, shown and exported.
type list[T any] struct {
	// path is where it lives, below Path.
	path string
	// filters are the parameters that narrow it and their values.
	filters []filter
	// columns are the keys of the texts above them.
	columns []string
	// read reads a window in the order of the list.
	read   func(window) ([]T, error)
	cursor func(T) string
	cells  func(T) []cell
	// export is what a thing is in an export, as the admin API tells of it.
	export func(T) any
	// title is the key of its heading, empty for that of its section.
	title string
	// name is that of the exported file, empty is the key of what an empty list says.
	name, empty string
	// make is where one makes another of its kind; empty for nowhere, or somebody who may not.
	make string
	// acts are what one can do beside that.
	acts []deed
}

// filter is a field above a list.
type filter struct {
	Name, Value string
	// Options are the values to choose from; nil for a text.
	Options []option
	// Kind is that of the field, text where it is empty.
	Kind string
}

// option is a value to choose, and the text that it is shown with: that of a key, or as it is.
type option struct {
	Value, Key string
	Chosen     bool
}

// cell is one field of a row.
type cell struct {
	Text string
	// Href leads to a thing of its own.
	Href string
	// Code is for ids, Mark for a state, whose text is that of the key "state."+Mark.
	Code bool
	Mark string
	At   time.Time
	// More is beside it, in small.
	More template.HTML
	// Key is that of a text, in the place of Text; HTML is one that was put together, which leads nowhere.
	Key  string
	HTML template.HTML
	// Wrap lets a long text have more lines than one.
	Wrap bool
	// Copy offers the text for copying.
	Copy bool
}

// table is a list as it is shown.
type table struct {
	Name, Path    string
	Columns       []string
	Rows          [][]cell
	Filters       []filter
	Filtered      bool
	Empty         string
	Make          string
	Acts          []deed
	Newer, Older  string
	CSV, JSONL    string
	LessThanAPage bool
}

// showList answers a page of the list, or all of it as a file where the query has a format.
func showList[T any](c *call, section string, l list[T]) error {
	if format := c.query.Get("format"); format != "" {
		return exportList(c, l, format)
	}
	t, err := l.page(c.window())
	if errors.Is(err, issuer.ErrCursorGone) {
		return c.goTo(l.address()) // where the page began is swept away: the list begins anew
	}
	if err != nil {
		return err
	}
	return c.show(view{page: "list", section: section, title: c.text(cmp.Or(l.title, section+".title")), v: t})
}

// window is the page of a list that the address asks for.
func (c *call) window() window {
	return window{After: c.query.Get("after"), Before: c.query.Get("before"), Limit: rows}
}

// page reads one thing more than it shows, which tells whether there is another page.
func (l list[T]) page(w window) (table, error) {
	limit := w.Limit
	w.Limit++
	things, err := l.read(w)
	if err != nil {
		return table{}, err
	}
	more := len(things) > limit
	newer, older := w.After != "", more
	switch {
	case w.Before != "" && !more: // so near the beginning that the first page is whole
		if things, err = l.read(window{Limit: limit + 1}); err != nil {
			return table{}, err
		}
		newer, older = false, len(things) > limit
		things = things[:min(limit, len(things))]
	case w.Before != "":
		things, newer, older = things[1:], true, true
	case more:
		things = things[:limit]
	}
	t := l.table()
	for _, thing := range things {
		t.Rows = append(t.Rows, l.cells(thing))
	}
	if newer && len(things) > 0 {
		t.Newer = l.address("before", l.cursor(things[0]))
	}
	if older && len(things) > 0 {
		t.Older = l.address("after", l.cursor(things[len(things)-1]))
	}
	return t, nil
}

func (l list[T]) table() table {
	t := table{
		Name: l.name, Path: Path + l.path, Columns: l.columns, Filters: l.filters, Empty: l.empty, Make: l.make, Acts: l.acts,
		CSV: Path + l.address("format", "csv"), JSONL: Path + l.address("format", "jsonl"),
	}
	t.Filtered = slices.ContainsFunc(l.filters, func(f filter) bool { return f.Value != "" })
	return t
}

// address is that of the list with its filters and further parameters, below Path.
func (l list[T]) address(more ...string) string {
	query := url.Values{}
	for _, f := range l.filters {
		if f.Value != "" {
			query.Set(f.Name, f.Value)
		}
	}
	for n := 0; n+1 < len(more); n += 2 {
		query.Set(more[n], more[n+1])
	}
	if len(query) == 0 {
		return l.path
	}
	return l.path + "?" + query.Encode()
}

// of is the window of a list that is held whole, in the order of its cursors.
func (w window) of(all int, cursor func(n int) string) (from, to int) {
	switch {
	case w.Before != "":
		for to < all && cursor(to) < w.Before {
			to++
		}
		return max(0, to-w.Limit), to
	case w.After != "":
		for from < all && cursor(from) <= w.After {
			from++
		}
	}
	return from, min(all, from+w.Limit)
}
