package console

import (
	"html/template"
	"slices"
)

// thing is the page of one thing: what it is, what one can do with it, and what belongs to it.
type thing struct {
	Facts []fact
	Acts  []deed
	Parts []part
	// Notes are what is worth knowing at once.
	Notes []template.HTML
	// Secret and Link are shown this once.
	Secret, Link string
	// Snippets are what the other side is configured with, by a secret of its own where it has one. Onward leads on to
	// the list of what production needs.
	Snippets  []snippet
	HasSecret bool
	Onward    bool
}

// fact is one thing that is known. Its name is that of the key "fact."+Name.
type fact struct {
	Name  string
	Cells []cell
}

// deed is what one can do. Its name is that of the key "act."+Name; Href is below Path.
type deed struct {
	Name, Href string
	Danger     bool
}

// Usual are the acts that take nothing away.
func (t thing) Usual() []deed { return t.deeds(false) }

// Risky are those that do, which stand apart.
func (t thing) Risky() []deed { return t.deeds(true) }

func (t thing) deeds(danger bool) []deed {
	return slices.DeleteFunc(slices.Clone(t.Acts), func(d deed) bool { return d.Danger != danger })
}

// part is a list of what belongs to a thing. All leads to the whole of it, empty where nothing more is.
type part struct {
	Name  string
	Table table
	All   string
}

// facts leaves out what is not set.
func facts(all ...fact) []fact {
	var told []fact
	for _, f := range all {
		var cells []cell
		for _, c := range f.Cells {
			if c != (cell{}) && c != (cell{Code: true}) && c != (cell{Code: true, Copy: true}) {
				cells = append(cells, c)
			}
		}
		if len(cells) > 0 {
			told = append(told, fact{f.Name, cells})
		}
	}
	return told
}

// id is an id that can be copied.
func id(text string) []cell { return []cell{{Text: text, Code: true, Copy: true}} }

// codes are ids or other texts of machines, one a line.
func codes(texts ...string) []cell {
	var cells []cell
	for _, text := range texts {
		cells = append(cells, cell{Text: text, Code: true})
	}
	return cells
}

// partOf reads the first rows of a list as a part of the page of what the column leftOut names; most is how many.
func partOf[T any](name, leftOut string, l list[T], most int) (part, error) {
	t, err := l.page(window{Limit: most})
	if err != nil {
		return part{}, err
	}
	p := part{Name: name, Table: t.without(leftOut)}
	if t.Older != "" {
		p.All = Path + l.address()
	}
	return p, nil
}

// without is the table without a column, which would say the same in each row.
func (t table) without(column string) table {
	n := slices.Index(t.Columns, column)
	if n < 0 {
		return t
	}
	t.Columns = slices.Delete(slices.Clone(t.Columns), n, n+1)
	for i, row := range t.Rows {
		t.Rows[i] = slices.Delete(row, n, n+1)
	}
	return t
}
