package admin

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strconv"
	"time"

	"keyturn/audit"
)

// exportTime is how long a page of an export may take to be written; the whole has no bound.
const exportTime = 30 * time.Second

// listEvents answers what happened, newest first.
func (h *Handlers) listEvents(r *request) error {
	q := audit.Query{ActorID: r.query["actor"], SubjectKind: r.query["subject_kind"], SubjectID: r.query["subject"], Address: r.query["address"]}
	q.Action, q.Prefix = audit.ActionOrPrefix(r.query["action"])
	var err error
	if q.Since, err = r.query.time("since"); err != nil {
		return err
	}
	if q.Until, err = r.query.time("until"); err != nil {
		return err
	}
	read := func(after string, limit int) ([]audit.EventLine, error) {
		if q.Limit = limit; after != "" {
			if q.After, err = strconv.ParseInt(after, 10, 64); err != nil {
				return nil, invalid("after", "is not the id of an event")
			}
		}
		events, err := h.Audit.Events(r.ctx, q, r.actor)
		if err != nil {
			return nil, err
		}
		return h.Audit.Lines(r.ctx, events, r.actor)
	}
	return writePage(r, read, func(l audit.EventLine) string { return strconv.FormatInt(l.ID, 10) }, func(l audit.EventLine) audit.EventLine { return l })
}

// listRefusals answers refusals that changed nothing, newest first.
func (h *Handlers) listRefusals(r *request) error {
	q := audit.RefusalQuery{Account: r.query["account"]}
	var err error
	if q.Since, err = r.query.time("since"); err != nil {
		return err
	}
	if q.Until, err = r.query.time("until"); err != nil {
		return err
	}
	read := func(after string, limit int) ([]audit.RefusalCount, error) {
		if q.Limit = limit; after != "" {
			if q.After, err = readRefusalCursor(after); err != nil {
				return nil, invalid("after", "is not from an answer of this route")
			}
		}
		return h.Audit.Refusals(r.ctx, q, r.actor)
	}
	return writePage(r, read, refusalCursor, audit.RefusalCount.Line)
}

// refusalCursor is the place of a row of refusals in their list, which has no id.
func refusalCursor(r audit.RefusalCount) string {
	text, err := json.Marshal([]string{strconv.FormatInt(r.Minute.Unix(), 10), r.Account, r.Address, r.Reason})
	if err != nil {
		panic(err) // texts
	}
	return base64.RawURLEncoding.EncodeToString(text)
}

func readRefusalCursor(text string) (r audit.RefusalCount, err error) {
	raw, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil {
		return r, err
	}
	var parts [4]string
	if err := json.Unmarshal(raw, &parts); err != nil {
		return r, err
	}
	minute, err := strconv.ParseInt(parts[0], 10, 64)
	if err == nil && (minute <= 0 || minute > maxTime) {
		err = strconv.ErrRange
	}
	r.Minute, r.Account, r.Address, r.Reason = time.Unix(minute, 0).UTC(), parts[1], parts[2], parts[3]
	return r, err
}

// exportAudit answers the log with its seals, a JSON object a line. Where it breaks off the last line is missing.
func (h *Handlers) exportAudit(r *request) error {
	after := int64(0)
	if text, given := r.query["after"]; given {
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil || n < 1 {
			return invalid("after", "is not the number of a seal")
		}
		after = n
	}
	out := http.NewResponseController(r.gin.Writer)
	turn := func() error {
		_ = out.SetWriteDeadline(time.Now().Add(exportTime)) // a recorder of a test has none
		return out.Flush()
	}
	r.gin.Header("Content-Type", "application/x-ndjson")
	r.gin.Header("Content-Disposition", `attachment; filename="keyturn-audit.jsonl"`)
	err := h.Audit.Export(r.ctx, r.gin.Writer, after, turn, r.actor)
	if err != nil && r.gin.Writer.Written() {
		panic(http.ErrAbortHandler) // the caller must not take a part for the whole
	}
	if err != nil {
		r.gin.Writer.Header().Del("Content-Disposition")
		r.gin.Writer.Header().Del("Content-Type")
	}
	return err
}
