package changes

import (
	"encoding/json"
	"fmt"
	"iter"
	"slices"
	"time"
	_ "time/tzdata" // a window's zone must be known wherever the program runs

	"github.com/toprent/flags/internal/words"
)

// Recurrence enables flags at a time of the day and disables them at another, on some days of the week. Times are local
// to its zone: one that a change of the clocks leaves out runs at the instant at which the clocks are changed, one that
// comes twice runs once, the first time. A window whose whole time is left out does not open on that day; windows between
// which all is left out run into each other.
type Recurrence struct {
	Flags  []string       `json:"flags"`
	Days   []time.Weekday `json:"days"`   // on which a window opens
	Opens  string         `json:"opens"`  // such as 09:00
	Closes string         `json:"closes"` // at or before Opens: on the next day
	Zone   string         `json:"zone"`   // of the IANA database, such as Europe/Berlin
	From   string         `json:"from"`   // the first day, such as 2027-03-31
	Until  string         `json:"until"`  // the last day on which a window opens; empty: without end
}

// occurrence is a window's beginning or its end.
type occurrence struct {
	at    time.Time
	opens bool
}

// edits are what is done when a window opens, or closes.
func (r *Recurrence) edits(opens bool) (edits []Edit) {
	for _, flag := range r.Flags {
		edits = append(edits, SetEnabled{Key: flag, Enabled: opens})
	}
	return edits
}

// opening reports whether edits are those with which a window opens.
func opening(edits []Edit) bool {
	set, ok := edits[0].(SetEnabled)
	return ok && set.Enabled
}

const (
	clock       = "15:04"
	horizonDays = 800 // how far ahead the next window is looked for
)

// mistake says what is wrong with a recurrence; empty: nothing.
func (r *Recurrence) mistake() string {
	opens, err := time.Parse(clock, r.Opens)
	if err != nil {
		return fmt.Sprintf("%q is no time of the day: write one such as 09:00", r.Opens)
	}
	closes, err := time.Parse(clock, r.Closes)
	if err != nil {
		return fmt.Sprintf("%q is no time of the day: write one such as 17:00", r.Closes)
	}
	if _, err := time.LoadLocation(r.Zone); err != nil || r.Zone == "" || r.Zone == "Local" {
		return fmt.Sprintf("%q is no time zone: use one such as Europe/Berlin", r.Zone)
	}
	from, err := time.Parse(time.DateOnly, r.From)
	if err != nil || from.Year() < 1970 || from.Year() > 9000 { // whose windows no database could hold
		return fmt.Sprintf("%q is no date: write one such as 2027-03-31", r.From)
	}
	if until, err := time.Parse(time.DateOnly, r.Until); r.Until != "" && (err != nil || until.Before(from)) {
		return fmt.Sprintf("%q is no date from %s on: write one, or leave it out", r.Until, r.From)
	}
	switch {
	case opens.Equal(closes):
		return "a window opens and closes at the same time: choose two"
	case len(r.Flags) == 0 || len(r.Flags) > MaxSteps:
		return fmt.Sprintf("choose 1 to %d flags", MaxSteps)
	case len(r.Days) == 0 || slices.ContainsFunc(r.Days, func(d time.Weekday) bool { return d < time.Sunday || d > time.Saturday }):
		return "choose at least one day of the week"
	}
	return ""
}

// longest is more than a window can last, even two that run into each other.
const longest = 72 * time.Hour

// first is with which beginning or end of a window it starts now: the beginning of the one that is open, or else the next.
func (r *Recurrence) first(now time.Time) (first occurrence, found bool) {
	first, found = r.after(now)
	if !found || first.opens {
		return first, found
	}
	for last, ok := r.after(now.Add(-longest)); ok && !last.at.After(now); last, ok = r.after(last.at) {
		first = last
	}
	return first, true
}

// open reports whether a window is open at a time: it opens at its beginning, and is over at its end.
func (r *Recurrence) open(at time.Time) bool {
	next, found := r.after(at)
	return found && !next.opens
}

// after is the next beginning or end of a window after a time; false if there is none any more. Beginnings and ends take
// turns.
func (r *Recurrence) after(t time.Time) (next occurrence, found bool) {
	var end time.Time // of the windows before
	for opens, closes := range r.windows(t) {
		if end.After(t) && opens.After(end) {
			return occurrence{end, false}, true
		}
		if opens.After(t) && opens.After(end) {
			return occurrence{opens, true}, true
		}
		end = closes
	}
	return occurrence{end, false}, end.After(t)
}

// windows are those that may not be over at a time and those that follow, in order: beginning and end. One that a change
// of the clocks leaves no length is not among them.
func (r *Recurrence) windows(t time.Time) iter.Seq2[time.Time, time.Time] {
	return func(yield func(opens, closes time.Time) bool) {
		zone, err := time.LoadLocation(r.Zone)
		if err != nil {
			return
		}
		first, _ := time.Parse(time.DateOnly, r.From)
		until, err := time.Parse(time.DateOnly, r.Until)
		endless := err != nil
		year, month, date := t.In(zone).Date()
		day := time.Date(year, month, date-1, 0, 0, 0, 0, time.UTC) // of a window that closes on the next day
		if first.After(day) {
			day = first
		}
		for last := day.AddDate(0, 0, horizonDays); day.Before(last) && (endless || !day.After(until)); day = day.AddDate(0, 0, 1) {
			if !slices.Contains(r.Days, day.Weekday()) {
				continue
			}
			if opens, closes := r.window(day, zone); closes.After(opens) && !yield(opens, closes) {
				return
			}
		}
	}
}

// window is the one that opens on a day.
func (r *Recurrence) window(day time.Time, zone *time.Location) (opens, closes time.Time) {
	closing := day
	if r.Closes <= r.Opens {
		closing = day.AddDate(0, 0, 1)
	}
	return localAt(day, r.Opens, zone), localAt(closing, r.Closes, zone)
}

// localAt is a time of a day in a zone. Where the clocks go forward over it, it is the instant at which they do; where
// they go back over it, the first of the two.
func localAt(day time.Time, text string, zone *time.Location) time.Time {
	of, _ := time.Parse(clock, text)
	wall := time.Date(day.Year(), day.Month(), day.Day(), of.Hour(), of.Minute(), 0, 0, time.UTC)
	_, before := wall.Add(-24 * time.Hour).In(zone).Zone()
	_, after := wall.Add(24 * time.Hour).In(zone).Zone()
	reads := func(offset int) (time.Time, bool) {
		t := wall.Add(-time.Duration(offset) * time.Second).In(zone)
		return t, t.Day() == day.Day() && t.Hour() == of.Hour() && t.Minute() == of.Minute()
	}
	first, ok := reads(before)
	if ok {
		return first
	}
	if second, ok := reads(after); ok {
		return second
	}
	start, _ := first.ZoneBounds()
	return start
}

func (r *Recurrence) encode() string {
	if r == nil {
		return ""
	}
	text, _ := json.Marshal(r) // texts and numbers alone
	return string(text)
}

func decodeRecurrence(text string) (*Recurrence, error) {
	if text == "" {
		return nil, nil
	}
	var r Recurrence
	if err := json.Unmarshal([]byte(text), &r); err != nil {
		return nil, fmt.Errorf("a stored recurrence cannot be read: %w", err)
	}
	return &r, nil
}

// Occurrence is a window's beginning or its end, for people.
type Occurrence struct {
	At     time.Time // in the recurrence's zone
	Opens  bool
	Remark string // where a change of the clocks falls on it; else empty
}

// Next are the first occurrences after a time: at most n.
func (r *Recurrence) Next(after time.Time, n int) (all []Occurrence) {
	if r.mistake() != "" {
		return nil
	}
	zone, _ := time.LoadLocation(r.Zone) // mistake has found it
	for range n {
		next, found := r.after(after)
		if !found {
			break
		}
		wanted := r.Closes
		if next.opens {
			wanted = r.Opens
		}
		at := next.at.In(zone)
		all = append(all, Occurrence{at, next.opens, clockRemark(at, wanted)})
		after = next.at
	}
	return all
}

// String says the whole of it: “On Monday and Friday from 09:00 to 17:00 (Europe/Berlin), from 31 Mar 2027 to 30 Apr 2027, it
// enables new-home; when a window is over, it disables it.” The next occurrences alone would not tell of the days behind
// them, nor of the end.
func (r *Recurrence) String() string {
	if r == nil || r.mistake() != "" {
		return ""
	}
	days := slices.Clone(r.Days)
	slices.SortFunc(days, func(a, b time.Weekday) int { return (int(a)+6)%7 - (int(b)+6)%7 }) // Monday comes first
	days = slices.Compact(days)
	on := "Every day"
	if len(days) < 7 {
		all := make([]string, len(days))
		for i, d := range days {
			all[i] = d.String()
		}
		on = "On " + words.And(all)
	}
	closes := r.Closes
	if r.Closes <= r.Opens {
		closes += " of the next day"
	}
	from, _ := time.Parse(time.DateOnly, r.From) // mistake has read it
	span := "from " + from.Format("2 Jan 2006") + " on, without end"
	if until, err := time.Parse(time.DateOnly, r.Until); err == nil {
		span = "from " + from.Format("2 Jan 2006") + " to " + until.Format("2 Jan 2006")
	}
	them := "it"
	if len(r.Flags) > 1 {
		them = "them"
	}
	return fmt.Sprintf("%s from %s to %s (%s), %s, it enables %s; when a window is over, it disables %s.", on, r.Opens, closes, r.Zone, span, words.And(r.Flags), them)
}

// Mistake says what is wrong with a recurrence; empty: nothing.
func (r *Recurrence) Mistake() string { return r.mistake() }

// clockRemark says what a change of the clocks does to a time of the day.
func clockRemark(at time.Time, wanted string) string {
	if is := at.Format(clock); is != wanted {
		return "the clocks skip " + wanted + " on that day, so it is at " + is
	}
	_, end := at.ZoneBounds()
	if end.IsZero() {
		return ""
	}
	_, before := at.Zone()
	_, after := end.Zone()
	if again := at.Add(time.Duration(before-after) * time.Second); before > after && !again.Before(end) {
		return wanted + " comes twice on that day: it is the first"
	}
	return ""
}
