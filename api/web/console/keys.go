package console

import (
	"html/template"
	"slices"
	"strconv"
	"time"

	"keyturn/api/admin"
	"keyturn/audit"
	"keyturn/keys"
)

// keysPage is the schedule of the signing keys.
type keysPage struct {
	Drawing timeline
	// Next says of each lane what comes.
	Next []nextTurn
	// Table are the same facts.
	Table table
	// Rotate is where keys are turned by hand; empty for whoever may not.
	Rotate     string
	CSV, JSONL string
	// Legend are the phases that the drawing tells apart.
	Legend []string
	// Bad tells that rows of the table of keys were not believed.
	Bad int
}

// nextTurn is what comes in a lane, in sentences.
type nextTurn struct {
	Lane string
	Says []template.HTML
}

func (k *Console) keyList(c *call) list[keys.Listed] {
	return list[keys.Listed]{
		path: "/keys", name: "keys",
		columns: []string{"column.kid", "column.lane", "column.state", "column.published", "column.signs_from", "column.signs_until", "column.verifies_until"},
		read: func(w window) ([]keys.Listed, error) {
			var all []keys.Listed
			for _, lane := range lanesOf(k.Keys.Keys()) {
				slices.Reverse(lane)
				all = append(all, lane...)
			}
			return all[:min(len(all), w.Limit)], nil
		},
		cursor: func(key keys.Listed) string { return key.KID },
		cells: func(key keys.Listed) []cell {
			end := cell{At: key.VerifiesUntil}
			if key.State == keys.Revoked {
				end = cell{At: key.RevokedAt}
			}
			return []cell{
				{Text: key.KID, Href: Path + "/keys/" + key.KID, Code: true}, {Key: "lane." + laneName(key.Purpose, key.Algorithm)}, {Mark: string(key.State)},
				{At: key.PublishedAt}, {At: key.SignsFrom}, {At: key.SignsUntil}, end,
			}
		},
		export: func(key keys.Listed) any { return admin.ViewKey(key) },
	}
}

// showKeys draws the schedule, says what comes, and tells the same in a table.
func (k *Console) showKeys(c *call) error {
	l := k.keyList(c)
	if format := c.query.Get("format"); format != "" {
		return exportList(c, l, format)
	}
	t, err := l.page(window{Limit: exportRows})
	if err != nil {
		return err
	}
	now, all := k.Keys.Now(), k.Keys.Keys()
	page := keysPage{Drawing: draw(all, now, c.tick), Table: t, CSV: t.CSV, JSONL: t.JSONL, Bad: len(k.Keys.Bad()), Legend: []string{"published", "signing", "retiring", "revoked"}}
	for _, lane := range lanesOf(all) {
		if next := k.next(c, lane, now); len(next.Says) > 0 {
			page.Next = append(page.Next, next)
		}
	}
	if c.may(audit.ManageKeys) {
		page.Rotate = Path + "/keys/rotate"
	}
	return c.show(view{page: "keys", section: "keys", title: c.text("keys.title"), v: page})
}

// tick is what stands at a date of the axis.
func (c *call) tick(t time.Time, step time.Duration) string {
	t = t.UTC()
	if step < 24*time.Hour {
		return t.Format("15:04")
	}
	return string(must(dayOf(c.texts, t)))
}

// next says which key of a lane signs, which takes over when, and whether verifiers know it by then.
func (k *Console) next(c *call, lane []keys.Listed, now time.Time) nextTurn {
	says := nextTurn{Lane: laneName(lane[0].Purpose, lane[0].Algorithm)}
	var signing, waiting *keys.Listed
	for n := range lane {
		switch key := &lane[n]; {
		case key.State == keys.Signing:
			signing = key
		case key.State == keys.Published && waiting == nil:
			waiting = key
		}
	}
	exact := func(t time.Time) template.HTML { return must(when(c.texts, t, now)) }
	switch {
	case signing != nil && waiting != nil:
		says.Says = append(says.Says, c.text("next.turns", "kid", code(signing.KID), "next", code(waiting.KID), "time", exact(waiting.SignsFrom)))
	case signing != nil:
		says.Says = append(says.Says, c.text("next.ends", "kid", code(signing.KID), "time", exact(signing.SignsUntil)))
	case waiting != nil:
		says.Says = append(says.Says, c.text("next.begins", "next", code(waiting.KID), "time", exact(waiting.SignsFrom)))
	}
	if waiting == nil || waiting.Purpose == keys.Refresh {
		return says
	}
	policy := k.Keys.Policy()
	known := waiting.PublishedAt.Add(policy.Lead)
	key := "next.known"
	if known.After(now) {
		key = "next.unknown"
	}
	if waiting.SignsFrom.Before(known) {
		key = "next.early"
	}
	says.Says = append(says.Says, c.text(key, "lead", must(c.texts.Wait(policy.Lead)), "time", exact(known)))
	return says
}

// code is the beginning of an id, with all of it on hover.
func code(id string) template.HTML {
	return `<code title="` + escape(id) + `">` + escape(short(id)) + `…</code>`
}

// listed finds a key of the path.
func (k *Console) listed(c *call) (keys.Listed, error) {
	all := k.Keys.Keys()
	n := slices.IndexFunc(all, func(key keys.Listed) bool { return key.KID == c.gin.Param("kid") })
	if n < 0 {
		return keys.Listed{}, keys.ErrKeyNotFound
	}
	return all[n], nil
}

func (k *Console) showKey(c *call) error {
	key, err := k.listed(c)
	if err != nil {
		return err
	}
	page := thing{Facts: facts(
		fact{"state", []cell{{Mark: string(key.State)}}}, fact{"kid", id(key.KID)}, fact{"lane", []cell{{Key: "lane." + laneName(key.Purpose, key.Algorithm)}}},
		fact{"epoch", []cell{{Text: strconv.FormatInt(key.Epoch, 10)}}}, fact{"published", []cell{{At: key.PublishedAt}}},
		fact{"signs_from", []cell{{At: key.SignsFrom}}}, fact{"signs_until", []cell{{At: key.SignsUntil}}},
		fact{"verifies_until", []cell{{At: key.VerifiesUntil}}}, fact{"revoked", []cell{{At: key.RevokedAt}}},
	)}
	if verifies := key.State != keys.Revoked && key.State != keys.Gone; verifies && c.may(audit.ManageKeys) {
		page.Acts = []deed{{"revoke_key", "/keys/" + key.KID + "/revoke", true}}
	}
	history, err := k.history(c, "key", key.KID)
	page.Parts = []part{history}
	if err != nil {
		return err
	}
	return c.show(view{page: "thing", section: "keys", title: c.text("key.title", "kid", code(key.KID)), v: page})
}
