package models

import (
	"database/sql/driver"
	"fmt"
	"strings"
	"time"
)

// Time is a moment as it is stored: in UTC, to the microsecond, which is what PostgreSQL keeps.
type Time struct{ time.Time }

// At is that moment as it is stored.
func At(t time.Time) Time { return Time{t.UTC().Truncate(time.Microsecond)} }

// AtOptional is that moment as it is stored; nil stays nil.
func AtOptional(t *time.Time) *Time {
	if t == nil {
		return nil
	}
	at := At(*t)
	return &at
}

// Optional gives the moment back; nil stays nil.
func (t *Time) Optional() *time.Time {
	if t == nil {
		return nil
	}
	return &t.Time
}

// Value is what the driver stores.
func (t Time) Value() (driver.Value, error) { return t.UTC().Truncate(time.Microsecond), nil }

// GormDataType says that it is a time.
func (Time) GormDataType() string { return "time" }

// stored are the forms in which SQLite may hold a time, with a T for the blank in the middle: the driver's, which Go reads in
// that form without looking at a layout, and those that a person would write. With +00:00 always at the end, the driver's form
// sorts as the times do.
var stored = []string{time.RFC3339Nano, "2006-01-02T15:04:05", time.DateOnly}

// Scan reads what the driver gives: PostgreSQL's a time, SQLite's a text.
func (t *Time) Scan(from any) error {
	switch from := from.(type) {
	case time.Time:
		*t = At(from)
		return nil
	case string:
		joined := strings.Replace(from, " ", "T", 1)
		for _, layout := range stored {
			if parsed, err := time.Parse(layout, joined); err == nil {
				*t = At(parsed)
				return nil
			}
		}
	}
	return fmt.Errorf("stored time %v cannot be read", from)
}
