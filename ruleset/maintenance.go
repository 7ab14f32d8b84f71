package ruleset

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// MaintenanceKey is the key of the flag that maintenance follows, unless a host has chosen another.
const MaintenanceKey = "maintenance"

// Maintenance is the value of a variant of the maintenance flag: an operational flag of type json, so that it holds on
// every instance at once. The flag's rules say for which tenants; the value says when, where and in which words.
type Maintenance struct {
	On       bool       `json:"on"`
	Message  string     `json:"message,omitempty"`
	Start    *time.Time `json:"start,omitempty"`    // nil: as soon as it is served
	End      *time.Time `json:"end,omitempty"`      // nil: until it is turned off
	Announce *time.Time `json:"announce,omitempty"` // it is announced from then until the start; nil: not

	// Drain is how long after the start sessions go on that were at work by then. Without a start nobody goes on.
	Drain Span `json:"drain,omitempty"`

	Paths      []string `json:"paths,omitempty"`       // with all that is below them; empty: the whole site
	RetryAfter int      `json:"retry_after,omitempty"` // seconds, said where no end is known; 0: two minutes
}

// Span is a length of time that is written as 90s, 5m or 1h30m.
type Span time.Duration

// MarshalText writes it without what is zero: 5m.
func (s Span) MarshalText() ([]byte, error) {
	text := time.Duration(s).String()
	for _, zero := range [...]string{"m0s", "h0m"} {
		if strings.HasSuffix(text, zero) {
			text = text[:len(text)-2]
		}
	}
	return []byte(text), nil
}

// UnmarshalText reads what time.ParseDuration reads.
func (s *Span) UnmarshalText(text []byte) error {
	d, err := time.ParseDuration(string(text))
	*s = Span(d)
	return err
}

const (
	maxMaintenanceMessage = 1000 // characters
	maxMaintenancePaths   = 50
	maxDrain              = 24 * time.Hour
	maxRetryAfter         = 7 * 24 * 60 * 60 // seconds
)

// ParseMaintenance reads a variant's value. A field that there is not is a mistake: a site must not be closed as a whole
// because the name of the field that says where was mistyped. true and false are the shortest values that are understood.
func ParseMaintenance(value []byte) (Maintenance, error) {
	var m Maintenance
	if text := bytes.TrimSpace(value); string(text) == "true" || string(text) == "false" {
		m.On = string(text) == "true"
		return m, nil
	}
	decoder := json.NewDecoder(bytes.NewReader(value))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&m); err != nil {
		return Maintenance{}, fmt.Errorf("read a maintenance: %w", err)
	}
	if !m.On {
		return Maintenance{}, nil
	}
	if err := m.Check(); err != nil {
		return Maintenance{}, err
	}
	return m, nil
}

// MaintenanceProblem says what is wrong with a maintenance, and with which of its fields, by its name in JSON.
type MaintenanceProblem struct{ Field, Message string }

func (p *MaintenanceProblem) Error() string { return p.Field + ": " + p.Message }

// Check returns every mistake, each a MaintenanceProblem, joined.
func (m Maintenance) Check() error {
	var all []error
	refuse := func(wrong bool, field, message string) {
		if wrong {
			all = append(all, &MaintenanceProblem{field, message})
		}
	}
	refuse(utf8.RuneCountInString(m.Message) > maxMaintenanceMessage, "message", fmt.Sprintf("at most %d characters are possible", maxMaintenanceMessage))
	refuse(m.Start != nil && m.End != nil && !m.End.After(*m.Start), "end", "must be after the start")
	refuse(m.Announce != nil && (m.Start == nil || !m.Announce.Before(*m.Start)), "announce", "must be before a start that is given")
	refuse(m.Drain < 0 || m.Drain > Span(maxDrain), "drain", "must be from 0 to 24 hours")
	refuse(m.RetryAfter < 0 || m.RetryAfter > maxRetryAfter, "retry_after", "must be from 0 seconds to a week")
	refuse(len(m.Paths) > maxMaintenancePaths, "paths", fmt.Sprintf("at most %d are possible", maxMaintenancePaths))
	for _, p := range m.Paths {
		refuse(!isPath(p), "paths", fmt.Sprintf("%q is no path: one begins with a slash, and has neither ? nor #", p))
	}
	return errors.Join(all...)
}

func isPath(p string) bool {
	return strings.HasPrefix(p, "/") && utf8.ValidString(p) && len(p) <= 1024 && !strings.ContainsAny(p, "?#") &&
		!strings.ContainsFunc(p, func(r rune) bool { return r < ' ' || r == 0x7f })
}

// Begun reports whether it is in force at a time.
func (m *Maintenance) Begun(now time.Time) bool {
	return m.On && (m.Start == nil || !now.Before(*m.Start)) && !m.over(now)
}

// Announced reports whether it is announced at a time: before its start.
func (m *Maintenance) Announced(now time.Time) bool {
	return m.On && m.Announce != nil && !now.Before(*m.Announce) && m.Start != nil && now.Before(*m.Start)
}

func (m *Maintenance) over(now time.Time) bool { return m.End != nil && !now.Before(*m.End) }

// Drained is when sessions that were at work go on no longer; false if none may.
func (m *Maintenance) Drained() (time.Time, bool) {
	if m.Start == nil || m.Drain <= 0 {
		return time.Time{}, false
	}
	return m.Start.Add(time.Duration(m.Drain)), true
}

// Covers reports whether it concerns a path of the site.
func (m *Maintenance) Covers(requested string) bool {
	if len(m.Paths) == 0 {
		return true
	}
	return slices.ContainsFunc(m.Paths, func(p string) bool { return Below(p, requested) })
}

// Below reports whether a requested path is a path or below it: /clients/7 is below /clients, /clients-old is not. What a
// router takes for the same path is the same here.
func Below(top, requested string) bool {
	if strings.Contains(requested, "//") || strings.Contains(requested, "/.") {
		requested = path.Clean("/" + requested)
	}
	top = strings.TrimRight(top, "/")
	rest, ok := strings.CutPrefix(requested, top)
	return ok && (rest == "" || rest[0] == '/')
}

// Wait is how long somebody should wait before trying again.
func (m *Maintenance) Wait(now time.Time) time.Duration {
	switch {
	case m.End != nil && m.End.After(now):
		return max(m.End.Sub(now), time.Second)
	case m.RetryAfter > 0:
		return time.Duration(m.RetryAfter) * time.Second
	}
	return 2 * time.Minute
}
