package console

import (
	"errors"
	"html/template"
	"slices"
	"strings"

	"keyturn/accounts"
	"keyturn/audit"
	"keyturn/audit/sentence"
	"keyturn/issuer"
	"keyturn/issuer/oauth"
	"keyturn/keys"
)

// field is a field of a form. Its label is the text of the key "field."+Name, its help that of "field."+Name+".help".
type field struct {
	Name string
	// Kind is text, password, lines (one thing a line), tick, choice or ticks (several of Options).
	Kind    string
	Value   string
	Options []option
	Help    bool
	// HelpOf is the name under which the help stands; the field's own without it.
	HelpOf string
	// Problem is why it was refused, as said behind its label.
	Problem sentence.Sentence
	// Autocomplete is the attribute's value; off without it.
	Autocomplete string
	Required     bool
	// Fixed is shown and can't be changed.
	Fixed bool
	// Again asks for a password that was typed already: none is ever kept.
	Again bool
	// Note says what is to be known of it as things stand: what is stored, where that was changed while the form was
	// filled in, or why it can't be changed.
	Note template.HTML
}

// Described are the ids of what is said of it.
func (f *field) Described() string {
	var ids []string
	for _, said := range []struct {
		what string
		is   bool
	}{{"problem", f.Wrong()}, {"again", f.Again}, {"note", f.Note != ""}, {"help", f.Help}} {
		if said.is {
			ids = append(ids, "f-"+f.Name+"-"+said.what)
		}
	}
	return strings.Join(ids, " ")
}

// On tells whether a tick is set.
func (f *field) On() bool { return f.Value == "on" }

// Wrong tells whether it was refused.
func (f *field) Wrong() bool { return !f.Problem.IsZero() }

// group are fields under a heading, the text of the key "group."+Name; no heading without one.
type group struct {
	Name   string
	Fields []*field
}

// Open tells whether the fields are to be seen at once: where something is set or wrong.
func (g group) Open() bool {
	return g.Name == "access" || slices.ContainsFunc(g.Fields, func(f *field) bool { return f.Value != "" || f.Wrong() || f.Note != "" })
}

// form is a page with fields.
type form struct {
	Action, Back string
	// Submit is the key of the button.
	Submit string
	Groups []group
	// Seen is the version of the thing that the form was made from, empty where nothing is overwritten.
	Seen audit.Version
	// Clash says why nothing was stored though no field is wrong; empty for nothing.
	Clash template.HTML
	// Taken says that what a field holds is somebody else's, which its problem tells.
	Taken    bool
	Problems []*field
	// Other is where the thing is deleted; empty for a form that does not lead there.
	Other string
	// now is the form of the thing as it is, where that was changed since the form was made.
	now *form
}

func (f *form) fields() []*field {
	var all []*field
	for _, g := range f.Groups {
		all = append(all, g.Fields...)
	}
	return all
}

// badInput tells the parameter that the domain refused, whichever of its packages did.
func badInput(err error) (bad bool, param string, problem sentence.Sentence) {
	if in, ok := errors.AsType[*accounts.InvalidRequest](err); ok {
		return true, in.Param, in.Problem
	}
	if in, ok := errors.AsType[*oauth.InvalidItem](err); ok {
		return true, in.Param, sentence.Say("line %d %s", in.N, in.Problem)
	}
	if in, ok := errors.AsType[*oauth.InvalidRequest](err); ok {
		return true, in.Param, in.Problem
	}
	if in, ok := errors.AsType[*issuer.InvalidRequest](err); ok {
		return true, in.Param, in.Problem
	}
	if in, ok := errors.AsType[*keys.BadRotation](err); ok {
		return true, in.Param, in.Problem
	}
	return false, "", sentence.Sentence{}
}

// blame puts a problem beside its field; false where there is no such field.
func blame(fields []*field, param string, problem sentence.Sentence) bool {
	for _, f := range fields {
		if f.Name == param {
			f.Problem = problem
			return true
		}
	}
	return false
}

// taken puts beside a field that what it holds is somebody else's.
func (f *form) taken(param string, problem sentence.Sentence) {
	f.Taken = blame(f.fields(), param, problem)
}

// wrong are the fields that have a problem.
func wrong(fields []*field) []*field {
	var list []*field
	for _, f := range fields {
		if f.Wrong() {
			list = append(list, f)
		}
	}
	return list
}

// chosen marks the value of a field among its options.
func chosen(value string, values []string, key string) []option {
	var all []option
	for _, v := range values {
		o := option{Value: v, Chosen: v == value}
		if key != "" {
			o.Key = key + v
		}
		all = append(all, o)
	}
	return all
}
