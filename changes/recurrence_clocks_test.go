package changes

import (
	"fmt"
	"slices"
	"sort"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func everyDay() []time.Weekday { return append(weekdays(), time.Saturday, time.Sunday) }

func TestWindowsOpenAndCloseInTurnsOnTheDayTheClocksAreChanged(t *testing.T) {
	const berlin, lordHowe = "Europe/Berlin", "Australia/Lord_Howe"
	for _, c := range []struct {
		why                 string
		zone, opens, closes string
		after               string
		want                []string
	}{
		{"all of it is left out", berlin, "02:00", "03:00", "2027-03-27T04:00:00Z", []string{"2027-03-29T00:00:00Z open", "2027-03-29T01:00:00Z close"}},
		{"a part of what is left out", berlin, "02:10", "02:40", "2027-03-27T04:00:00Z", []string{"2027-03-29T00:10:00Z open", "2027-03-29T00:40:00Z close"}},
		{"what is between two is left out", berlin, "03:00", "02:30", "2027-03-26T04:00:00Z", []string{"2027-03-27T01:30:00Z close", "2027-03-27T02:00:00Z open", "2027-03-29T00:30:00Z close"}},
		{"what is between two is a part of what is left out", berlin, "02:45", "02:15", "2027-03-27T04:00:00Z", []string{"2027-03-29T00:15:00Z close", "2027-03-29T00:45:00Z open"}},
		{"its beginning is left out", berlin, "02:30", "03:01", "2027-03-27T04:00:00Z", []string{"2027-03-28T01:00:00Z open", "2027-03-28T01:01:00Z close", "2027-03-29T00:30:00Z open"}},
		{"its end is left out", berlin, "01:59", "02:30", "2027-03-27T04:00:00Z", []string{"2027-03-28T00:59:00Z open", "2027-03-28T01:00:00Z close", "2027-03-28T23:59:00Z open"}},
		{"half an hour is left out", lordHowe, "02:00", "02:30", "2027-10-02T00:00:00Z", []string{"2027-10-03T15:00:00Z open", "2027-10-03T15:30:00Z close"}},
		{"it comes twice", berlin, "02:10", "02:40", "2027-10-30T04:00:00Z", []string{"2027-10-31T00:10:00Z open", "2027-10-31T00:40:00Z close", "2027-11-01T01:10:00Z open"}},
		{"its end comes twice", berlin, "01:30", "02:30", "2027-10-30T04:00:00Z", []string{"2027-10-30T23:30:00Z open", "2027-10-31T00:30:00Z close", "2027-11-01T00:30:00Z open"}},
		{"its beginning comes twice", berlin, "02:30", "03:30", "2027-10-30T04:00:00Z", []string{"2027-10-31T00:30:00Z open", "2027-10-31T02:30:00Z close", "2027-11-01T01:30:00Z open"}},
		{"what is between two comes twice", berlin, "02:40", "02:10", "2027-10-30T04:00:00Z", []string{"2027-10-31T00:10:00Z close", "2027-10-31T00:40:00Z open", "2027-11-01T01:10:00Z close"}},
	} {
		r := Recurrence{Flags: []string{"a"}, Days: everyDay(), Opens: c.opens, Closes: c.closes, Zone: c.zone, From: "2027-01-01"}
		after, err := time.Parse(time.RFC3339, c.after)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, o := range r.Next(after, len(c.want)) {
			got = append(got, o.At.UTC().Format(time.RFC3339)+map[bool]string{true: " open", false: " close"}[o.Opens])
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: %s, %s to %s: %q, want %q", c.why, c.zone, c.opens, c.closes, got, c.want)
		}
	}
}

func TestAWindowWithoutAnyLengthNeverOpens(t *testing.T) {
	for _, r := range []Recurrence{
		{Opens: "02:00", Closes: "03:00", Zone: "Europe/Berlin", From: "2027-03-28"},
		{Opens: "10:00", Closes: "11:00", Zone: "Pacific/Apia", From: "2011-12-30"}, // a day that there was not
	} {
		r.Flags, r.Days, r.Until = []string{"a"}, everyDay(), r.From
		if next := r.Next(time.Date(2011, 1, 1, 0, 0, 0, 0, time.UTC), 1); len(next) > 0 {
			t.Errorf("%+v", next)
		}
	}
}

func TestARecurrenceBeginsWithWindowsThatRanIntoEachOther(t *testing.T) {
	r := Recurrence{Days: everyDay(), Opens: "03:00", Closes: "02:30", Zone: "Europe/Berlin", From: "2027-03-01"}
	first, ok := r.first(time.Date(2027, 3, 29, 0, 29, 0, 0, time.UTC))
	if want := time.Date(2027, 3, 27, 2, 0, 0, 0, time.UTC); !ok || !first.opens || !first.at.Equal(want) {
		t.Errorf("%+v, want %s", first, want)
	}
}

func TestAFlagIsOnAsThePlainReadingOfItsWindowsSays(t *testing.T) {
	zones := map[string]*wallYear{}
	rapid.Check(t, func(r *rapid.T) {
		// Hours and half hours, changes at night and at midnight, north and south; one of two hours, one back for Ramadan.
		name := rapid.SampledFrom([]string{"Europe/Berlin", "America/New_York", "America/Santiago", "America/Havana", "Africa/Cairo", "Africa/Casablanca",
			"Asia/Beirut", "Asia/Kathmandu", "Australia/Sydney", "Australia/Lord_Howe", "Pacific/Chatham", "Antarctica/Troll", "Atlantic/Azores"}).Draw(r, "zone")
		if zones[name] == nil {
			zones[name] = readWalls(t, name)
		}
		year := zones[name]
		w := Recurrence{Flags: []string{"a"}, Zone: name}
		daily := rapid.Bool().Draw(r, "daily")
		for _, d := range everyDay() {
			if daily || rapid.Bool().Draw(r, d.String()) {
				w.Days = append(w.Days, d)
			}
		}
		near := rapid.Custom(func(r *rapid.T) int { // a change of the clocks
			return (year.changed + 24*60 + rapid.IntRange(-20, 80).Draw(r, "away")) % (24 * 60)
		})
		times := rapid.OneOf(near, near, rapid.Just(year.changed), rapid.IntRange(0, 24*60-1))
		opens, closes := times.Draw(r, "opens"), times.Draw(r, "closes")
		from := yearBegins.AddDate(0, 0, rapid.IntRange(2, 200).Draw(r, "from"))
		w.Opens, w.Closes, w.From = ofDay(opens), ofDay(closes), from.Format(time.DateOnly)
		until := yearBegins.AddDate(0, 0, yearDays)
		if rapid.Bool().Draw(r, "ends") {
			until = from.AddDate(0, 0, rapid.IntRange(0, 200).Draw(r, "until"))
			w.Until = until.Format(time.DateOnly)
		}
		if w.mistake() != "" {
			return
		}
		on := year.plain(w.Days, opens, closes, from, until)
		end := len(on) - 3*24*60 // windows that begin after the year are not in the plain reading

		var was occurrence
		state, at := false, 0
		for next, ok := w.after(yearBegins); ok; next, ok = w.after(next.at) {
			if was != (occurrence{}) && !next.at.After(was.at) {
				r.Fatalf("%s follows %s", next.at, was.at)
			}
			if next.opens == state {
				r.Fatalf("%s: opens is %v twice", next.at, next.opens)
			}
			minute := int(next.at.Sub(yearBegins) / time.Minute)
			for ; at < min(minute, end); at++ {
				if on[at] != state {
					r.Fatalf("%s: enabled is %v, want %v", minuteAt(at), state, on[at])
				}
			}
			if minute >= end {
				break
			}
			was, state = next, next.opens
		}
		for ; at < end; at++ {
			if on[at] != state {
				r.Fatalf("%s, after the last window: enabled is %v", minuteAt(at), state)
			}
		}

		now := rapid.IntRange(0, end-1).Draw(r, "now")
		if got := w.open(minuteAt(now)); got != on[now] {
			r.Fatalf("%s: open is %v, want %v", minuteAt(now), got, on[now])
		}
		first, ok := w.first(minuteAt(now))
		begins := now // of the window that is open, or of the next
		for on[now] && begins > 0 && on[begins-1] {
			begins--
		}
		for begins < end && !on[begins] {
			begins++
		}
		if begins < end && (!ok || !first.opens || !first.at.Equal(minuteAt(begins))) {
			r.Fatalf("%s: it starts with %+v, want %s", minuteAt(now), first, minuteAt(begins))
		}
	})
}

// yearBegins and yearDays are the days that are looked at, minute by minute.
var yearBegins = time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC)

const yearDays = 370

func minuteAt(n int) time.Time { return yearBegins.Add(time.Duration(n) * time.Minute) }

func ofDay(minutes int) string { return fmt.Sprintf("%02d:%02d", minutes/60, minutes%60) }

// wallYear is what a zone's clocks have shown by each minute: the latest, where they go back. In minutes, as if it were
// UTC.
type wallYear struct {
	latest  []int64
	changed int // at which minute of a day they go forward
}

func readWalls(t *testing.T, name string) *wallYear {
	t.Helper()
	zone, err := time.LoadLocation(name)
	if err != nil {
		t.Fatal(err)
	}
	y := &wallYear{latest: make([]int64, yearDays*24*60)}
	for i := range y.latest {
		at := minuteAt(i)
		_, offset := at.In(zone).Zone()
		y.latest[i] = at.Unix()/60 + int64(offset)/60
		if i == 0 {
			continue
		}
		if y.latest[i] > y.latest[i-1]+1 && i > 24*60 {
			y.changed = int((y.latest[i-1] + 1) % (24 * 60))
		}
		y.latest[i] = max(y.latest[i], y.latest[i-1])
	}
	return y
}

// since is the first minute at which the clocks show a time of a day, or one after it.
func (y *wallYear) since(day time.Time, minutes int) int {
	wall := day.Unix()/60 + int64(minutes)
	return sort.Search(len(y.latest), func(i int) bool { return y.latest[i] >= wall })
}

// plain says of each minute whether it is in a window of one of the days.
func (y *wallYear) plain(days []time.Weekday, opens, closes int, from, until time.Time) []bool {
	on := make([]bool, len(y.latest))
	if closes <= opens {
		closes += 24 * 60
	}
	for day := from; !day.After(until); day = day.AddDate(0, 0, 1) {
		if !slices.Contains(days, day.Weekday()) {
			continue
		}
		for i := y.since(day, opens); i < y.since(day, closes); i++ {
			on[i] = true
		}
	}
	return on
}
