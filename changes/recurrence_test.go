package changes

import (
	"testing"
	"time"
)

func weekdays() []time.Weekday {
	return []time.Weekday{time.Monday, time.Tuesday, time.Wednesday, time.Thursday, time.Friday}
}

func TestWindowsFollowTheClocksOfTheirZone(t *testing.T) {
	for what, c := range map[string]struct {
		r     Recurrence
		after string
		want  []string // beginnings and ends, in UTC
	}{
		"on weekdays": {Recurrence{Days: weekdays(), Opens: "09:00", Closes: "17:00", Zone: "Europe/Berlin", From: "2027-01-01"}, "2027-01-01T00:00:00Z",
			[]string{"2027-01-01T08:00:00Z open", "2027-01-01T16:00:00Z close", "2027-01-04T08:00:00Z open"}},
		"over midnight": {Recurrence{Days: []time.Weekday{time.Friday}, Opens: "22:00", Closes: "06:00", Zone: "America/New_York", From: "2027-01-01"}, "2027-01-01T00:00:00Z",
			[]string{"2027-01-02T03:00:00Z open", "2027-01-02T11:00:00Z close", "2027-01-09T03:00:00Z open"}},
		"a time that the clocks leave out runs when they change": {Recurrence{Days: everyDay(), Opens: "02:30", Closes: "12:00", Zone: "Europe/Berlin", From: "2027-03-28"}, "2027-03-28T00:00:00Z",
			[]string{"2027-03-28T01:00:00Z open", "2027-03-28T10:00:00Z close", "2027-03-29T00:30:00Z open"}},
		"a time that comes twice runs once, the first time": {Recurrence{Days: everyDay(), Opens: "02:30", Closes: "12:00", Zone: "Europe/Berlin", From: "2027-10-31"}, "2027-10-30T22:00:00Z",
			[]string{"2027-10-31T00:30:00Z open", "2027-10-31T11:00:00Z close", "2027-11-01T01:30:00Z open"}},
		"west of Greenwich, too": {Recurrence{Days: everyDay(), Opens: "01:30", Closes: "02:30", Zone: "America/New_York", From: "2027-11-07"}, "2027-11-07T00:00:00Z",
			[]string{"2027-11-07T05:30:00Z open", "2027-11-07T07:30:00Z close", "2027-11-08T06:30:00Z open"}},
		"at half an hour": {Recurrence{Days: everyDay(), Opens: "02:15", Closes: "03:00", Zone: "Australia/Lord_Howe", From: "2027-10-03"}, "2027-10-02T12:00:00Z",
			[]string{"2027-10-02T15:30:00Z open", "2027-10-02T16:00:00Z close", "2027-10-03T15:15:00Z open"}},
		"until a day": {Recurrence{Days: everyDay(), Opens: "09:00", Closes: "10:00", Zone: "UTC", From: "2027-01-01", Until: "2027-01-01"}, "2026-12-01T00:00:00Z",
			[]string{"2027-01-01T09:00:00Z open", "2027-01-01T10:00:00Z close", ""}},
	} {
		at, err := time.Parse(time.RFC3339, c.after)
		if err != nil {
			t.Fatal(err)
		}
		for i, want := range c.want {
			next, ok := c.r.after(at)
			got := ""
			if ok {
				got = next.at.UTC().Format(time.RFC3339) + map[bool]string{true: " open", false: " close"}[next.opens]
			}
			if got != want {
				t.Errorf("%s: %d is %q, want %q", what, i, got, want)
			}
			at = next.at
		}
	}
}

func TestARecurrenceBeginsWithTheWindowThatIsOpen(t *testing.T) {
	r := Recurrence{Days: weekdays(), Opens: "09:00", Closes: "17:00", Zone: "UTC", From: "2027-01-01"}
	noon := time.Date(2027, 1, 5, 12, 0, 0, 0, time.UTC)
	if first, ok := r.first(noon); !ok || !first.opens || first.at.Hour() != 9 || first.at.Day() != 5 {
		t.Errorf("at noon: %+v", first)
	}
	if first, ok := r.first(noon.Add(8 * time.Hour)); !ok || !first.opens || first.at.Day() != 6 {
		t.Errorf("at night: %+v", first)
	}
}

func TestARecurrenceSaysWhatIsWrongWithIt(t *testing.T) {
	good := Recurrence{Flags: []string{"a"}, Days: weekdays(), Opens: "09:00", Closes: "17:00", Zone: "Europe/Berlin", From: "2027-01-01"}
	if message := good.mistake(); message != "" {
		t.Error(message)
	}
	for what, change := range map[string]func(*Recurrence){
		"no flag":       func(r *Recurrence) { r.Flags = nil },
		"no day":        func(r *Recurrence) { r.Days = nil },
		"a ninth day":   func(r *Recurrence) { r.Days = []time.Weekday{9} },
		"25 o'clock":    func(r *Recurrence) { r.Opens = "25:00" },
		"no end":        func(r *Recurrence) { r.Closes = "" },
		"no time":       func(r *Recurrence) { r.Closes = r.Opens },
		"no zone":       func(r *Recurrence) { r.Zone = "Local" },
		"a wrong zone":  func(r *Recurrence) { r.Zone = "Europe/Nowhere" },
		"a wrong day":   func(r *Recurrence) { r.From = "2027-02-31" },
		"an end before": func(r *Recurrence) { r.Until = "2026-12-31" },
	} {
		bad := good
		if change(&bad); bad.mistake() == "" {
			t.Errorf("%s is accepted", what)
		}
	}
}

func TestARecurrenceSaysAllOfIt(t *testing.T) {
	night := Recurrence{Flags: []string{"a", "b"}, Days: []time.Weekday{time.Sunday, time.Friday, time.Monday}, Opens: "22:00", Closes: "05:00", Zone: "Europe/Berlin", From: "2027-03-31", Until: "2027-04-30"}
	daily := Recurrence{Flags: []string{"a"}, Days: []time.Weekday{0, 1, 2, 3, 4, 5, 6}, Opens: "09:00", Closes: "17:00", Zone: "UTC", From: "2027-03-31"}
	for want, r := range map[string]*Recurrence{
		"On Monday, Friday and Sunday from 22:00 to 05:00 of the next day (Europe/Berlin), from 31 Mar 2027 to 30 Apr 2027, it enables a and b; when a window is over, it disables them.": &night,
		"Every day from 09:00 to 17:00 (UTC), from 31 Mar 2027 on, without end, it enables a; when a window is over, it disables it.":                                                     &daily,
		"": nil,
	} {
		if got := r.String(); got != want {
			t.Errorf("it says %q, want %q", got, want)
		}
	}
}
