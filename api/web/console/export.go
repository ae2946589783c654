package console

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"net/http"
	"reflect"
	"strings"
	"time"

	"keyturn/audit/sentence"
	"keyturn/issuer/oauth"
)

const (
	// exportRows is how many are read at once: the most that the domain gives.
	exportRows = 1000
	// exportTime is what each of these may take to be read and sent.
	exportTime = 30 * time.Second
)

// exportList sends all of the list that its filters leave, by and by: what is read is sent before more is read. An
// error in the middle breaks the answer off, which the browser tells of as a failed download.
func exportList[T any](c *call, l list[T], format string) error {
	kind, known := map[string]string{"csv": "text/csv; charset=utf-8", "jsonl": "application/jsonl"}[format]
	if !known {
		return &oauth.InvalidRequest{Param: "format", Problem: sentence.Say("must be csv or jsonl")}
	}
	things, err := l.read(window{Limit: exportRows})
	if err != nil {
		return err
	}
	w := c.gin.Writer
	w.Header().Set("Content-Type", kind)
	w.Header().Set("Content-Disposition", `attachment; filename="`+l.name+"."+format+`"`)
	write := jsonLines
	if format == "csv" {
		write = csvRows
	}
	deadline := http.NewResponseController(w)
	for first := true; ; first = false {
		// A server without deadlines has none to move.
		_ = deadline.SetWriteDeadline(time.Now().Add(exportTime))
		views := make([]any, len(things))
		for n, thing := range things {
			views[n] = l.export(thing)
		}
		var none T
		if err := write(w, views, l.export(none), first); err != nil {
			return nil // the browser has gone; there is nobody left to tell
		}
		w.Flush()
		if len(things) < exportRows {
			return nil
		}
		if things, err = l.read(window{After: l.cursor(things[len(things)-1]), Limit: exportRows}); err != nil {
			panic(http.ErrAbortHandler)
		}
	}
}

func jsonLines(w http.ResponseWriter, views []any, _ any, _ bool) error {
	encoder := json.NewEncoder(w)
	encoder.SetEscapeHTML(false)
	for _, view := range views {
		if err := encoder.Encode(view); err != nil {
			return err
		}
	}
	return nil
}

// csvRows writes a column for each member of the view (RFC 4180).
func csvRows(w http.ResponseWriter, views []any, like any, first bool) error {
	out := csv.NewWriter(w)
	names, _ := members(reflect.ValueOf(like))
	if first {
		if err := out.Write(names); err != nil {
			return err
		}
	}
	for _, view := range views {
		_, values := members(reflect.ValueOf(view))
		if err := out.Write(values); err != nil {
			return err
		}
	}
	out.Flush()
	return out.Error()
}

// members are the JSON names of a struct's fields, those of embedded ones among them, and their values as text.
func members(v reflect.Value) (names, values []string) {
	for n := range v.NumField() {
		field := v.Type().Field(n)
		name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
		if field.Anonymous && name == "" {
			more, texts := members(v.Field(n))
			names, values = append(names, more...), append(values, texts...)
			continue
		}
		if name == "" || name == "-" {
			continue
		}
		names, values = append(names, name), append(values, harmless(csvText(v.Field(n))))
	}
	return names, values
}

// csvText is a text as it is, a list of texts with blanks between, nothing for nothing, and else JSON.
func csvText(v reflect.Value) string {
	if v.IsZero() && v.Kind() != reflect.Bool && v.Kind() != reflect.Int64 {
		return ""
	}
	if list, ok := v.Interface().([]string); ok {
		return strings.Join(list, " ")
	}
	if v.Kind() == reflect.String {
		return v.String()
	}
	text, err := json.Marshal(v.Interface())
	if err != nil {
		return fmt.Sprint(v.Interface())
	}
	return strings.Trim(string(text), `"`)
}

// harmless keeps spreadsheets from taking a text, or what some of them take for the next one, for a formula (OWASP, CSV
// injection): where a comma is the decimal sign, a semicolon separates, and quotation marks behind a comma are text.
func harmless(text string) string {
	var b strings.Builder
	begins := true
	for _, c := range text {
		if begins && strings.ContainsRune("=+-@＝＋－＠\t\r", c) {
			b.WriteByte('\'')
		}
		begins = strings.ContainsRune(";\t\r\n", c)
		b.WriteRune(c)
	}
	return b.String()
}
