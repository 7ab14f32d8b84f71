package models

import (
	"database/sql/driver"
	"fmt"
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

// stored are the forms in which SQLite may hold a time: the driver's, and those that a person would write. With
// +00:00 always at the end, the driver's form sorts as the times do.
var stored = []string{"2006-01-02 15:04:05.999999999-07:00", time.RFC3339Nano, time.DateTime, time.DateOnly}

// Scan reads what the driver gives: PostgreSQL's a time, SQLite's a text.
func (t *Time) Scan(from any) error {
	switch from := from.(type) {
	case time.Time:
		*t = At(from)
		return nil
	case string:
		for _, layout := range stored {
			if parsed, err := time.Parse(layout, from); err == nil {
				*t = At(parsed)
				return nil
			}
		}
	}
	return fmt.Errorf("stored time %v cannot be read", from)
}
