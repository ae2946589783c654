package storage

import (
	"database/sql/driver"
	"fmt"
	"time"
)

// micros is a time as both databases keep it: microseconds since 1970 in UTC, NULL for the zero time.
type micros struct{ time.Time }

// Value implements driver.Valuer.
func (m micros) Value() (driver.Value, error) {
	if m.IsZero() {
		return nil, nil
	}
	return m.UnixMicro(), nil
}

// Scan implements sql.Scanner.
func (m *micros) Scan(from any) error {
	switch v := from.(type) {
	case nil:
		m.Time = time.Time{}
	case int64:
		m.Time = time.UnixMicro(v).UTC()
	default:
		return fmt.Errorf("a time is stored as %T", from)
	}
	return nil
}

// null is text for a column in which the empty text is NULL (so that UNIQUE does not count it).
func null(text string) any {
	if text == "" {
		return nil
	}
	return text
}

// orZero is the number even for the zero time, as a bound of a range.
func (m micros) orZero() int64 {
	if m.IsZero() {
		return 0
	}
	return m.UnixMicro()
}
