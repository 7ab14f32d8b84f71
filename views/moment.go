package views

import (
	"fmt"
	"time"
)

// Moment is a time for people: in the reader's zone, with the machine's form beside it.
type Moment struct {
	time time.Time
	zone *time.Location
}

// MomentOf takes a time.Time, a *time.Time or what has an Optional time; nothing else is a time.
func MomentOf(t any, zone *time.Location) Moment {
	if zone == nil {
		zone = time.UTC
	}
	switch t := t.(type) {
	case time.Time:
		return Moment{t, zone}
	case *time.Time:
		if t != nil {
			return Moment{*t, zone}
		}
	case interface{ Optional() *time.Time }:
		if at := t.Optional(); at != nil {
			return Moment{*at, zone}
		}
	case interface{ UTC() time.Time }:
		return Moment{t.UTC(), zone}
	}
	return Moment{zone: zone}
}

// IsZero reports whether there is no time.
func (m Moment) IsZero() bool { return m.time.IsZero() }

// Machine is the time for the datetime attribute.
func (m Moment) Machine() string { return m.time.UTC().Format(time.RFC3339) }

// String is the time for people, with its zone: 22 Nov 2026, 14:05 CET.
func (m Moment) String() string {
	if m.time.IsZero() {
		return "never"
	}
	return m.time.In(m.zone).Format("2 Jan 2006, 15:04 MST")
}

// Date is the day for people: 22 Nov 2026.
func (m Moment) Date() string {
	if m.time.IsZero() {
		return "never"
	}
	return m.time.In(m.zone).Format("2 Jan 2006")
}

// Ago is how long ago the time was, roughly, or how long it is until then.
func (m Moment) Ago() string {
	if m.time.IsZero() {
		return "never"
	}
	d := time.Since(m.time)
	if d < 0 {
		return "in " + roughly(-d)
	}
	if d < 5*time.Second {
		return "just now"
	}
	return roughly(d) + " ago"
}

func roughly(d time.Duration) string {
	switch {
	case d < 2*time.Minute:
		return fmt.Sprintf("%d seconds", int(d.Seconds()))
	case d < 2*time.Hour:
		return fmt.Sprintf("%d minutes", int(d.Minutes()))
	case d < 48*time.Hour:
		return fmt.Sprintf("%d hours", int(d.Hours()))
	}
	return fmt.Sprintf("%d days", int(d.Hours()/24))
}
