package shell

import (
	"cmp"
	"net/url"
	"time"
)

// NewForm is NewForm for a form that has times: they are in the reader's zone.
func (c *Context) NewForm(namesAndValues ...string) *Form {
	f := NewForm(namesAndValues...)
	f.Zone = c.zone
	return f
}

// ZoneOf is the zone that a form names, in which its times were shown: the reader's may have become known in between. One
// that does not exist is not trusted: then it is the other.
func ZoneOf(form url.Values, other *time.Location) *time.Location {
	return zoneNamed(form.Get("zone"), other)
}

// zoneNamed is the zone of a name that comes from outside. The server's own, and what is longer than any name, is none.
func zoneNamed(name string, other *time.Location) *time.Location {
	if name == "" || name == "Local" || len(name) > 64 {
		return other
	}
	zone, err := time.LoadLocation(name)
	if err != nil {
		return other
	}
	return zone
}

// wasOf is the name of the field that holds what a time is exactly: to the nanosecond, and, of an hour that the clocks give
// twice, the one or the other.
func wasOf(name string) string { return name + ".was" }

// SetTime fills a field of a time, so that a time that nobody touches comes back exactly as it was.
func (f *Form) SetTime(name string, at *time.Time) {
	f.Set(name, LocalTime(at, f.zone()))
	f.Values.Del(wasOf(name))
	if at != nil {
		f.Set(wasOf(name), at.UTC().Format(time.RFC3339Nano))
	}
}

// Time reads a datetime-local field in the form's zone; nil if it is empty. What cannot be read is refused.
func (f *Form) Time(name string) *time.Time {
	text := f.Get(name)
	if text == "" {
		return nil
	}
	at, ok := ReadTime(text, f.Get(wasOf(name)), f.zone())
	if !ok {
		f.Refuse(name, "Write a date and a time, such as "+time.Now().In(f.zone()).Format(localTime)+".")
		return nil
	}
	return &at
}

func (f *Form) zone() *time.Location { return cmp.Or(f.Zone, time.UTC) }

// ReadTime reads what a field of a time says, and keeps what it was exactly where it still says the same. A time that not
// every database, or JSON, can hold is none.
func ReadTime(text, was string, zone *time.Location) (time.Time, bool) {
	at, err := time.Parse(time.RFC3339, text)
	if err != nil { // it says no zone
		var ok bool
		if at, ok = ParseTime(text, zone); !ok {
			return time.Time{}, false
		}
		if before, err := time.Parse(time.RFC3339Nano, was); err == nil {
			if said, ok := ParseTime(LocalTime(&before, zone), zone); ok && said.Equal(at) {
				at = before
			}
		}
	}
	at = at.UTC()
	return at, at.Year() >= 1970 && at.Year() <= 9999
}

// localTime is how a browser writes a datetime-local field.
const localTime = "2006-01-02T15:04"

// ParseTime reads a time that says no zone of its own, in any of the ways in which people and browsers write it.
func ParseTime(text string, zone *time.Location) (time.Time, bool) {
	for _, layout := range []string{localTime, "2006-01-02T15:04:05", "2006-01-02 15:04:05", "2006-01-02 15:04", time.DateOnly} {
		if at, err := time.ParseInLocation(layout, text, zone); err == nil {
			return at.UTC(), true
		}
	}
	return time.Time{}, false
}

// LocalTime writes a time for a datetime-local field, to the second if that says more; empty for nil.
func LocalTime(t *time.Time, zone *time.Location) string {
	if t == nil {
		return ""
	}
	if t.Second() != 0 {
		return t.In(zone).Format(localTime + ":05")
	}
	return t.In(zone).Format(localTime)
}

// Date reads a date field as midnight UTC of that day; nil if it is empty. What cannot be read is refused.
func (f *Form) Date(name string) *time.Time {
	text := f.Get(name)
	if text == "" {
		return nil
	}
	t, err := time.Parse(time.DateOnly, text)
	if err != nil {
		f.Refuse(name, "Write a date such as 2027-03-31.")
		return nil
	}
	return &t
}
