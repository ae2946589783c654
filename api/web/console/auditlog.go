package console

import (
	"errors"
	"html/template"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"keyturn/accounts"
	"keyturn/audit"
	"keyturn/audit/sentence"
	"keyturn/issuer/oauth"
	"keyturn/keys"
)

// listEvents shows what happened, newest first, with filters in the address.
func (k *Console) listEvents(c *call) error {
	q, filters, err := k.eventQuery(c)
	if err != nil {
		return err
	}
	return showList(c, "audit", k.events(c, q, filters))
}

// eventQuery reads the filters. An action that ends with a dot stands for all that begin so.
func (k *Console) eventQuery(c *call) (audit.Query, []filter, error) {
	get := func(name string) string { return strings.TrimSpace(c.query.Get(name)) }
	q := audit.Query{SubjectID: get("subject"), Address: get("address")}
	var err error
	if q.ActorID, err = k.userNamed(c, get("actor")); err != nil {
		return q, nil, err
	}
	q.Action, q.Prefix = audit.ActionOrPrefix(get("action"))
	if q.Since, err = day(get("since")); err == nil {
		q.Until, err = day(get("until"))
	}
	if err != nil {
		return q, nil, err
	}
	if !q.Until.IsZero() {
		q.Until = q.Until.AddDate(0, 0, 1) // the day itself is meant, too
	}
	return q, []filter{
		{Name: "action", Value: get("action")}, {Name: "actor", Value: get("actor")}, {Name: "subject", Value: q.SubjectID}, {Name: "address", Value: q.Address},
		{Name: "since", Value: get("since"), Kind: "date"}, {Name: "until", Value: get("until"), Kind: "date"},
	}, nil
}

// day reads a day as a browser's field writes it, in UTC; nothing is no bound.
func day(text string) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	t, err := time.Parse(time.DateOnly, text)
	if err != nil || t.Year() < 1970 || t.Year() > 9000 {
		return time.Time{}, &oauth.InvalidRequest{Param: "since", Problem: sentence.Say("must be a day like 2026-03-14")}
	}
	return t, nil
}

// line is an event as it looks, and when it was.
type line struct {
	audit.EventLine
	at time.Time
	// names are what the groups and people are called today that it names by id, beside actor and subject.
	names map[string]string
}

// events is the list of what happened that q selects.
func (k *Console) events(c *call, q audit.Query, filters []filter) list[line] {
	return list[line]{
		path: "/audit", name: "audit", empty: "audit.empty", filters: filters,
		columns: []string{"column.at", "column.action", "column.actor", "column.subject", "column.details"},
		read:    func(w window) ([]line, error) { return k.readEvents(c, q, w) },
		cursor:  func(e line) string { return strconv.FormatInt(e.ID, 10) },
		cells: func(e line) []cell {
			return []cell{
				{At: e.at}, {Text: string(e.Action), Code: true}, actorCell(e.EventLine), subjectCell(e), {HTML: c.detailsOf(e), Wrap: true},
			}
		},
		export: func(e line) any { return e.EventLine },
	}
}

func (k *Console) readEvents(c *call, q audit.Query, w window) ([]line, error) {
	q.Limit = w.Limit
	for _, cursor := range []struct {
		name, text string
		id         *int64
	}{{"after", w.After, &q.After}, {"before", w.Before, &q.Before}} {
		if cursor.text == "" {
			continue
		}
		n, err := strconv.ParseInt(cursor.text, 10, 64)
		if err != nil || n < 1 {
			return nil, &oauth.InvalidRequest{Param: cursor.name, Problem: sentence.Say("is not the number of an event")}
		}
		*cursor.id = n
	}
	events, err := k.Audit.Events(c.ctx, q, c.actor)
	if err != nil {
		return nil, err
	}
	lines, err := k.Audit.Lines(c.ctx, events, c.actor)
	if err != nil {
		return nil, err
	}
	names, err := k.namesIn(c, lines)
	if err != nil {
		return nil, err
	}
	all := make([]line, len(lines))
	for n, l := range lines {
		all[n] = line{l, events[n].At, names}
	}
	return all, nil
}

// namesIn are the names of today of the groups that something happened to and of the people in details, by id. Files have
// none: there an id stays what it is.
func (k *Console) namesIn(c *call, lines []audit.EventLine) (map[string]string, error) {
	if c.query.Get("format") != "" {
		return nil, nil
	}
	var people, groups []string
	for _, l := range lines {
		if id := l.Details["user"]; id != "" {
			people = append(people, id)
		}
		if l.SubjectKind == "group" && !slices.Contains(groups, l.SubjectID) {
			groups = append(groups, l.SubjectID)
		}
	}
	names, err := k.Audit.Usernames(c.ctx, people, c.actor)
	if err != nil {
		return nil, err
	}
	for _, id := range groups {
		g, err := k.Groups.Get(c.ctx, id)
		switch {
		case err == nil:
			names[id] = g.Name
		case !errors.Is(err, accounts.ErrGroupNotFound):
			return nil, err
		}
	}
	return names, nil
}

// actorCell is who acted, by name where it is somebody who still has one, and from where.
func actorCell(e audit.EventLine) cell {
	who := actorOf(e)
	if e.Address != "" {
		who.More += ` <code class="from">` + escape(e.Address) + `</code>`
	}
	return who
}

func actorOf(e audit.EventLine) cell {
	switch audit.ActorKind(e.ActorKind) {
	case audit.User:
		return userCell(e.ActorID, e.ActorName)
	case audit.Client:
		return clientCell(e.ActorID)
	}
	who := cell{Key: "actor." + e.ActorKind}
	if e.ActorID != "" {
		who.More = escape(e.ActorID)
	}
	return who
}

// subjectPages are where the things of a kind have their pages.
var subjectPages = map[string]string{"client": "/clients/", "grant": "/grants/", "key": "/keys/", "group": "/groups/"}

// subjectCell is what it happened to, with a link where it has a page.
func subjectCell(e line) cell {
	switch at, has := subjectPages[e.SubjectKind]; {
	case e.SubjectKind == "user":
		return userCell(e.SubjectID, e.SubjectName)
	case has && keys.IsID(e.SubjectID):
		named := cell{Text: e.SubjectID, Href: Path + at + e.SubjectID, Code: true}
		if name := e.names[e.SubjectID]; name != "" {
			named.Text, named.Code = name, false
		}
		return named
	}
	return cell{Text: e.SubjectID, Code: true, More: escape(e.SubjectKind)}
}

// detailsOf are the reason and the further facts, in an order that does not change.
func (c *call) detailsOf(e line) template.HTML {
	var all []template.HTML
	if e.Reason != "" {
		all = append(all, `<span class="fact"><bdi>`+escape(e.Reason)+`</bdi></span>`)
	}
	for _, name := range slices.Sorted(maps.Keys(e.Details)) {
		value := e.Details[name]
		if value == "" {
			continue
		}
		if named := e.names[value]; name == "user" && named != "" && keys.IsID(value) {
			all = append(all, `<span class="fact"><code>`+escape(name)+`=</code><a href="`+escape(Path+"/users/"+value)+`"><bdi>`+escape(named)+`</bdi></a></span>`)
			continue
		}
		if name == "why" { // a key's Step.Why, which is stored in English
			all = append(all, `<span class="fact"><code>why=</code>`+c.say(sentence.Fixed(value))+`</span>`)
			continue
		}
		all = append(all, `<code class="fact">`+escape(name+"="+value)+`</code>`)
	}
	var joined template.HTML
	for n, one := range all {
		if n > 0 {
			joined += " "
		}
		joined += one
	}
	return joined
}

// history is what happened to a thing, as a part of its page.
func (k *Console) history(c *call, kind, id string) (part, error) {
	l := k.events(c, audit.Query{SubjectKind: kind, SubjectID: id}, []filter{{Name: "subject", Value: id}})
	return partOf("history", "column.subject", l, partRows)
}
