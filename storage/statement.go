package storage

import (
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"unicode/utf8"

	"keyturn/keys"
)

// backend is the kind of database.
type backend int

const (
	postgres backend = iota
	sqliteFile
)

// statement is SQL as it is written in this package, the same for both databases:
//
//	?              an argument, in order
//	{now}          the database's time in microseconds
//	{for update …} a row lock (FOR UPDATE …, FOR SHARE …), nothing on SQLite, whose one writer needs none
//	{postgres …}   words for PostgreSQL alone, and
//	{sqlite …}     for SQLite alone; neither may hold an argument or another token
//
// Statements are constants, or put together from constants; nothing from outside ever becomes part of one.
type statement string

// compiled is a statement in the words of one database. Where bindNow is set its last argument is the time.
type compiled struct {
	text    string
	bindNow bool
}

// serverClock is PostgreSQL's time in microseconds. clock_timestamp moves within a transaction, which
// matters: now() would be the time before a wait for a lock.
const serverClock = `(extract(epoch from clock_timestamp())*1000000)::bigint`

func compile(s statement, b backend, bindNow bool) compiled {
	var out strings.Builder
	mark, own, foreign := "$", "postgres ", "sqlite "
	if b == sqliteFile {
		mark, own, foreign = "?", foreign, own
	}
	last := strconv.Itoa(strings.Count(string(s), "?") + 1)
	c, arguments := compiled{}, 0
	for rest := string(s); rest != ""; {
		i := strings.IndexAny(rest, "?{")
		if i < 0 {
			out.WriteString(rest)
			break
		}
		out.WriteString(rest[:i])
		if rest[i] == '?' {
			arguments++
			out.WriteString(mark + strconv.Itoa(arguments))
			rest = rest[i+1:]
			continue
		}
		token, after, closed := strings.Cut(rest[i+1:], "}")
		rest = after
		switch {
		case closed && token == "now" && bindNow:
			c.bindNow = true
			out.WriteString("CAST(" + mark + last + " AS BIGINT)")
		case closed && token == "now":
			out.WriteString(serverClock)
		case closed && strings.HasPrefix(token, "for "):
			if b == postgres {
				out.WriteString(strings.ToUpper(token))
			}
		case closed && strings.HasPrefix(token, own):
			out.WriteString(token[len(own):])
		case closed && strings.HasPrefix(token, foreign):
		default:
			panic("storage: unknown token {" + token + "} in a statement")
		}
	}
	c.text = out.String()
	return c
}

// bind makes the text and arguments that the driver gets. Text that PostgreSQL could not store is
// refused here, so that both databases refuse it alike.
func (d *DB) bind(s statement, args []any) (string, []any, error) {
	cached, ok := d.compiled.Load(s)
	if !ok {
		cached, _ = d.compiled.LoadOrStore(s, compile(s, d.backend, d.now != nil))
	}
	c := cached.(compiled)
	for i, arg := range args {
		if v := reflect.Indirect(reflect.ValueOf(arg)); v.Kind() == reflect.String && !storable(v.String()) {
			return "", nil, fmt.Errorf("argument %d: %w", i+1, keys.ErrBadText)
		}
	}
	if c.bindNow {
		args = append(args[:len(args):len(args)], micros{d.now()})
	}
	return c.text, args, nil
}

func storable(text string) bool {
	return utf8.ValidString(text) && strings.IndexByte(text, 0) < 0
}
