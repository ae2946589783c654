package console

import (
	"html/template"
)

// seenField carries the version of what a page was made from (audit.Version).
const seenField = "seen"

// seen has the change judged by the state that the page of the form was made from. A form without it was made from none.
func (c *call) seen() {
	c.actor.Seen = c.form.Get(seenField)
	if c.actor.Seen == "" {
		c.actor.Seen = `""` // and not any, as an empty one would be
	}
}

// showStored shows the form of a thing that is there, which read makes.
func (c *call) showStored(section, title string, read func(*call) (*form, error)) error {
	f, err := read(c)
	if err != nil {
		return err
	}
	return c.showForm(section, title, f, nil)
}

// overtaken shows a form again of what was changed since the form was made, beside what read finds there now.
func (c *call) overtaken(section, title string, typed *form, read func(*call) (*form, error)) error {
	now, err := read(c)
	if err != nil {
		return err
	}
	typed.now = now
	return c.showForm(section, title, typed, nil)
}

// compare says beside each field what is stored now, where that is other than what was typed.
func (c *call) compare(typed, now *form) {
	typed.Seen, typed.Clash = now.Seen, c.text("form.changed")
	stored := map[string]*field{}
	for _, f := range now.fields() {
		stored[f.Name] = f
	}
	for _, f := range typed.fields() {
		if s := stored[f.Name]; s != nil && c.holds(s) != c.holds(f) {
			f.Note = c.text("form.now", "value", c.holds(s))
		}
	}
}

// holds is what a field holds, in words.
func (c *call) holds(f *field) template.HTML {
	var all template.HTML
	switch f.Kind {
	case "tick":
		if f.On() {
			return c.text("yes")
		}
		return c.text("no")
	case "choice", "ticks":
		for _, o := range f.Options {
			switch {
			case !o.Chosen:
				continue
			case all != "":
				all += ", "
			}
			if o.Key != "" {
				all += c.text(o.Key)
			} else {
				all += escape(o.Value)
			}
		}
	case "lines":
		for _, line := range linesOf(f.Value) {
			if all != "" {
				all += ", "
			}
			all += escape(line)
		}
	default:
		all = escape(f.Value)
	}
	if all == "" {
		return c.text("form.nothing")
	}
	return all
}
