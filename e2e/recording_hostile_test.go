package e2e

import (
	"fmt"
	"math"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/toprent/flags/analytics"
	"github.com/toprent/flags/flagtest"
	"github.com/toprent/flags/models"
	"github.com/toprent/flags/ruleset"
)

// reports sends what a browser tells of its page, with its cookies.
func (h *recordedHost) reports(cookies, body string) *httptest.ResponseRecorder {
	request := httptest.NewRequest(http.MethodPost, endpoint, strings.NewReader(body))
	request.Header.Set("Sec-Fetch-Site", "same-origin")
	request.Header.Set("Cookie", cookies)
	answer := httptest.NewRecorder()
	h.Config.Handler.ServeHTTP(answer, request)
	return answer
}

// tag is that of somebody's values.
func (h *recordedHost) tag(cookies string) string {
	request := httptest.NewRequest(http.MethodGet, endpoint, nil)
	request.Header.Set("Cookie", cookies)
	answer := httptest.NewRecorder()
	h.Config.Handler.ServeHTTP(answer, request)
	return answer.Header().Get("ETag")
}

func TestTenThousandReportsOfOneBrowserAreSixtyAndTheOthersAreCounted(t *testing.T) {
	h := newRecordedHost(t)
	body := fmt.Sprintf(`[%q,"asked",["clicked"]]`, h.tag("user=ann"))
	statuses := map[int]int{}
	for n := range 10_000 {
		statuses[h.reports("user=ann", body).Code]++
		if n == 5000 {
			statuses[-h.reports("user=ben", body).Code]++
		}
	}
	wantEqual(t, "statuses", statuses, map[int]int{http.StatusNoContent: 60, http.StatusTooManyRequests: 9_940, -http.StatusNoContent: 1})
	h.is("ann", "asked=on")
	h.is("ben", "asked=on")
	h.agrees("too many reports")
	if got := len(h.measured()); got != 61 {
		t.Errorf("%d clicks are measured", got)
	}
	if refused := h.refused(); refused != `{"too many":9940}` {
		t.Errorf("refused: %s", refused)
	}
	h.source.Advance(time.Minute)
	if code := h.reports("user=ann", body).Code; code != http.StatusNoContent {
		t.Errorf("a minute later: %d", code)
	}
}

func TestWhatAForgerReportsIsNowhere(t *testing.T) {
	h := newRecordedHost(t)
	tag := h.tag("user=ann")
	for body, status := range map[string]int{
		fmt.Sprintf(`[%q,"secret"]`, tag):                           422,
		fmt.Sprintf(`[%q,"asked","nothing"]`, tag):                  422,
		`["\"0123456789abcdef\"","asked"]`:                          409,
		`["",["booked",-1]]`:                                        422,
		`["",["booked",1e300]]`:                                     422,
		`["",["booked",1e999]]`:                                     422,
		`["",["booked",null]]`:                                      422,
		`["",["Booked",1]]`:                                         422,
		`["",["booked\u0000",1]]`:                                   422,
		"[\"\",[\"book\xffed\",1]]":                                 422,
		`["",["` + strings.Repeat("b", 65) + `",1]]`:                422,
		`["",["../../etc/passwd",1]]`:                               422,
		`{"asked":true}`:                                            400,
		`["` + strings.Repeat("a", 1<<20) + `"]`:                    413,
		strings.Repeat(`[`, 1<<16-1):                                400,
		fmt.Sprintf(`[%q,%s"asked"]`, tag, strings.Repeat(" ", 99)): 204,
	} {
		answer := h.reports("user=ann", body)
		if answer.Code != status || status != 204 && !strings.Contains(answer.Body.String(), `{"error":"`) {
			t.Errorf("%.60q gets %d %s, want %d", body, answer.Code, answer.Body, status)
		}
	}
	h.is("ann", "asked=on") // of the one that is honest
	h.agrees("forged reports")
	if got := h.measured(); len(got) != 0 {
		t.Errorf("measured: %q", got)
	}
	want := `{"not understood":2,"of a flag that browsers do not have":2,"of something that cannot be tracked":9,"of values that the session does not have":1,"too large":1}`
	if refused := h.refused(); refused != want {
		t.Errorf("refused: %s", refused)
	}
}

func TestWhatCannotBeMeasuredIsRefusedWithAReason(t *testing.T) {
	onBothDatabases(t, func(t *testing.T, store *models.Store) {
		r := newRecording(t, store, flagtest.Definition(t, "a", true), analytics.Options{})
		ann, now := &ruleset.Subject{User: "ann"}, r.flags.Now()
		for _, c := range []struct {
			who   *ruleset.Subject
			at    time.Time
			name  string
			value float64
			says  string
		}{
			{ann, now, "booked", -0.01, "from 0 to 10^12"},
			{ann, now, "booked", 1e12 + 1, "from 0 to 10^12"},
			{ann, now, "booked", 1e300, "from 0 to 10^12"},
			{ann, now, "booked", math.NaN(), "finite"},
			{ann, now, "booked", math.Inf(1), "finite"},
			{ann, now, "booked", math.Inf(-1), "finite"},
			{ann, now, "", 1, "no name of a metric"},
			{ann, now, "Booked", 1, "no name of a metric"},
			{ann, now, "1st", 1, "no name of a metric"},
			{ann, now, "a b", 1, "no name of a metric"},
			{ann, now, "bücher", 1, "no name of a metric"},
			{ann, now, "booked\n", 1, "no name of a metric"},
			{ann, now, "a\x00", 1, "no name of a metric"},
			{ann, now, strings.Repeat("a", 65), 1, "no name of a metric"},
			{&ruleset.Subject{}, now, "booked", 1, "for nobody"},
			{ann, now.Add(61 * time.Second), "booked", 1, "in the future"},
			{ann, now.Add(100 * 365 * 24 * time.Hour), "booked", 1, "in the future"},
			{ann, now.Add(-30*24*time.Hour - time.Second), "booked", 1, "more than 30 days ago"},
			{ann, time.Time{}, "booked", 1, "more than 30 days ago"},
		} {
			errs := []error{r.TrackAt(c.who, "api", "id", c.at, c.name, c.value)}
			if c.at.Equal(now) {
				errs = append(errs, r.Track(c.who, "job", c.name, c.value))
			}
			for _, err := range errs {
				if err == nil || !strings.Contains(err.Error(), c.says) || len(err.Error()) > 400 {
					t.Errorf("%q %g at %s: %v, want one that says %q", c.name, c.value, c.at, err, c.says)
				}
			}
		}
		r.flushes()
		r.has("SELECT count(*) FROM feature_flag_events", 0)
		var refused string
		if err := sqlOf(t, store).QueryRowContext(t.Context(), `SELECT refused FROM analytics_instances`).Scan(&refused); err != nil || refused != `{"of something that cannot be tracked":19}` {
			t.Errorf("refused: %s, %v", refused, err)
		}
		var errs []error
		for _, value := range []float64{0, 0.5, 1e12} {
			errs = append(errs, r.Track(ann, "job", "a.b-c_"+strings.Repeat("d", 58), value))
		}
		for range 2 { // told twice, it is one
			errs = append(errs, r.TrackAt(ann, "api", "order 7", now.Add(-29*24*time.Hour), "booked", 3), r.TrackAt(ann, "api", "order 7", now.Add(-29*24*time.Hour), "nights", 2), r.TrackAt(ann, "api", "order 8", now.Add(30*time.Second), "booked", 4))
		}
		if i := slices.IndexFunc(errs, func(err error) bool { return err != nil }); i >= 0 {
			t.Error(errs[i])
		}
		r.flushes()
		r.has("SELECT count(*) FROM feature_flag_events WHERE kind = 'metric'", 6, "SELECT count(DISTINCT day) FROM feature_flag_events", 2,
			"SELECT count(*) FROM feature_flag_events WHERE name = 'booked' AND value = 3", 1)
	})
}

// Whoever has a page can invent names of metrics: a thousand a day at most are taken of all browsers, or those that are
// allowed. What the server tracks is not bounded.
func TestBrowsersInventAThousandNamesADayAtMost(t *testing.T) {
	h := newRecordedHost(t)
	took, says := 0, ""
	for browser := range 3 {
		for n := range 10 {
			var body strings.Builder
			body.WriteString(`[""`)
			for i := range 50 {
				fmt.Fprintf(&body, `,["n-%d-%d-%d",1]`, browser, n, i)
			}
			answer := h.reports(fmt.Sprintf("user=u%d", browser), body.String()+"]")
			if answer.Code == http.StatusNoContent {
				took += 50
			} else {
				says = answer.Body.String()
			}
		}
	}
	if took != 1000 || !strings.Contains(says, "BROWSER_METRICS") {
		t.Errorf("%d names are taken, and then it says %s", took, says)
	}
	if err := h.recorder.Track(&ruleset.Subject{User: "ann"}, "job", "of-the-server", 1); err != nil {
		t.Error(err)
	}
	if code := h.reports("user=ben", `["",["n-0-0-0",1]]`).Code; code != http.StatusNoContent {
		t.Errorf("a name that is known gets %d", code)
	}
	h.agrees("invented names")
	if got := len(h.measured()); got != 1002 {
		t.Errorf("%d names were measured", got)
	}
	h.source.Advance(24 * time.Hour)
	if code := h.reports("user=ben", `["",["another",1]]`).Code; code != http.StatusNoContent {
		t.Errorf("the next day a new name gets %d", code)
	}

	allowed := newRecordedHost(t)
	allowed.recorder.BrowserMetrics = []string{"booked", "clicked"}
	answer := allowed.reports("user=ann", `["",["booked",2],["invented",1],["clicked"]]`)
	if answer.Code != http.StatusUnprocessableEntity || !strings.Contains(answer.Body.String(), "browsers may not track invented") {
		t.Errorf("%d %s", answer.Code, answer.Body)
	}
	allowed.agrees("names that are allowed")
	if got := allowed.measured(); len(got) != 2 {
		t.Errorf("measured: %q", got)
	}
}

// A batch that the database refuses would keep all that comes later waiting.
func TestNothingThatSomebodyIsCalledKeepsTheOthersFromBeingStored(t *testing.T) {
	onBothDatabases(t, func(t *testing.T, store *models.Store) {
		r := newRecording(t, store, flagtest.Definition(t, "a", true), analytics.Options{})
		names := []string{"\x00", "a\x00b", "\xff\xfe", "a\xffb", strings.Repeat("ü", 200), strings.Repeat("x", 10_000), "'; DROP TABLE feature_flag_events; --", "\u202e", " "}
		for _, name := range names {
			r.shows(ruleset.Subject{User: name}, "a")
			r.shows(ruleset.Subject{Visitor: name, Tenant: name, Plan: name}, "a")
			r.shows(ruleset.Subject{Tenant: name, Plan: name + "!"}, "a")
			if err := r.TrackAt(&ruleset.Subject{User: name}, name, name, r.flags.Now(), "booked", 1); err != nil {
				t.Error(err)
			}
			r.Refused(name)
		}
		r.shows(ruleset.Subject{User: "ann", Tenant: "acme", Plan: "pro"}, "a")
		r.flushes()
		r.has("SELECT count(*) FROM feature_flag_events WHERE user_id = 'ann'", 1, "SELECT count(*) FROM analytics_tenants WHERE tenant = 'acme'", 1,
			"SELECT count(*) FROM feature_flag_events WHERE kind = 'metric'", len(names))
	})
}
