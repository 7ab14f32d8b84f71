package shell

import (
	"net/url"
	"strings"
	"testing"
	"time"
)

func berlin(t *testing.T) *time.Location {
	t.Helper()
	zone, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	return zone
}

func TestAFormIsInTheZoneThatItNamesIfThereIsSuchAOne(t *testing.T) {
	other := berlin(t)
	for name, want := range map[string]string{"Asia/Tokyo": "Asia/Tokyo", "UTC": "UTC", "": "Europe/Berlin", "Local": "Europe/Berlin", "Mars/Olympus": "Europe/Berlin",
		"../../etc/passwd": "Europe/Berlin", "/etc/passwd": "Europe/Berlin", "a\x00b": "Europe/Berlin", strings.Repeat("x", 3000): "Europe/Berlin"} {
		if got := ZoneOf(url.Values{"zone": {name}}, other).String(); got != want {
			t.Errorf("%.30q is %s, want %s", name, got, want)
		}
	}
}

func TestATimeComesBackFromItsFieldExactlyAsItWas(t *testing.T) {
	for _, text := range []string{"2026-10-25T00:30:00Z", "2026-10-25T01:30:00Z", "2026-10-25T00:30:45Z", "2026-03-29T01:00:00Z", "2026-07-01T12:00:45.123456789Z", "2026-07-01T12:00:00.5Z"} {
		at, err := time.Parse(time.RFC3339Nano, text)
		if err != nil {
			t.Fatal(err)
		}
		form := NewForm()
		form.Zone = berlin(t)
		form.SetTime("at", &at)
		if got := form.Time("at"); got == nil || !got.Equal(at) {
			t.Errorf("%s comes back as %s", at, got)
		}
	}
}

func TestWhatIsTypedTakesThePlaceOfWhatATimeWas(t *testing.T) {
	was := time.Date(2026, 10, 26, 0, 30, 45, 0, time.UTC)
	for typed, want := range map[string]string{
		"2026-10-26T01:31": "2026-10-26T00:31:00Z", "2026-10-26T01:30": "2026-10-26T00:30:00Z", "2026-10-27T01:30:45": "2026-10-27T00:30:45Z",
		"2026-10-26T01:30:45Z": "2026-10-26T01:30:45Z", "": "", "soon": "", "1969-01-01T10:00": "", "9999-12-31T23:59:59-05:00": "",
	} {
		form := NewForm()
		form.Zone = berlin(t)
		form.SetTime("at", &was)
		form.Set("at", typed)
		text := ""
		if got := form.Time("at"); got != nil {
			text = got.Format(time.RFC3339)
		}
		if text != want {
			t.Errorf("%q is %q, want %q: %v", typed, text, want, form.Errors)
		}
	}
	form := NewForm()
	form.SetTime("at", &was)
	form.SetTime("at", nil)
	if len(form.Get("at")+form.Get("at.was")) > 0 || form.Time("at") != nil {
		t.Errorf("a time that was taken away is %v", form.Values)
	}
}

func TestWhatATimeWasSaysNothingElseThanItsField(t *testing.T) {
	for _, was := range []string{"2030-01-01T00:00:00Z", "x", "9999-12-31T23:59:59-23:00", "2026-07-01T10:00:00+99:99"} {
		form := NewForm("at", "2026-07-01T10:00", "at.was", was)
		if got := form.Time("at"); got == nil || !got.Equal(time.Date(2026, 7, 1, 10, 0, 0, 0, time.UTC)) {
			t.Errorf("beside %s it is %s", was, got)
		}
	}
}
