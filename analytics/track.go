package analytics

import (
	"errors"
	"fmt"
	"math"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/toprent/flags/middleware"
	"github.com/toprent/flags/models"
	"github.com/toprent/flags/ruleset"
)

// names are what metrics may be called.
var names = regexp.MustCompile(`^[a-z][a-z0-9._-]{0,63}$`)

// maxValue bounds what is measured, so that sums of it stay exact enough.
const maxValue = 1e12

// Track records something that the host measures of somebody: what it is called, and how much or how often. A name has lower
// case letters, digits, dots, dashes and underscores, at most 64; a value is a number from 0 to 10^12. The error says what
// is wrong; then nothing is recorded. Of a browser, only a name that browsers may track is taken: see Options.BrowserMetrics.
func (r *Recorder) Track(who *ruleset.Subject, place, name string, value float64) error {
	if err := checkMetric(who, name, value); err != nil {
		return err
	}
	e := r.about(models.EventMetric, who, place)
	r.mu.Lock()
	defer r.mu.Unlock()
	if place == middleware.InBrowser {
		if err := r.admitName(name); err != nil {
			return err
		}
	}
	return r.keepMetric(e, name, value)
}

// CheckName says what is wrong with the name of a metric.
func CheckName(name string) error {
	if !names.MatchString(name) {
		return fmt.Errorf("%.80q is no name of a metric: it must begin with a lower-case letter and have at most 64 of these, digits, dots, dashes and underscores", name)
	}
	return nil
}

func checkMetric(who *ruleset.Subject, name string, value float64) error {
	if err := CheckName(name); err != nil {
		return err
	}
	switch {
	case math.IsNaN(value) || math.IsInf(value, 0):
		return fmt.Errorf("the value of %s is not a finite number", name)
	case value < 0 || value > maxValue:
		return fmt.Errorf("the value of %s is %g: it must be from 0 to 10^12", name, value)
	case who.User == "" && who.Visitor == "" && who.Tenant == "":
		return fmt.Errorf("%s was tracked for nobody: say which user, visitor or tenant", name)
	}
	return nil
}

// TrackAt records something that was measured elsewhere, at its own time: not in the future, nor more than 30 days ago. An
// id makes it count once however often it is told, under its name and with its time; empty, it is told once.
func (r *Recorder) TrackAt(who *ruleset.Subject, place, id string, at time.Time, name string, value float64) error {
	e, err := Metric{ID: id, At: at, Who: *who, Name: name, Value: value}.Event(r.flags.Environment(), place, r.flags.Now())
	if err != nil {
		r.Refused(CauseTracked)
		return err
	}
	e.Plan = who.Plan
	r.Hide(&e)
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.keepMetric(e, name, value)
}

// maxAge is how long ago something may have been measured.
const maxAge = 30 * 24 * time.Hour

func (r *Recorder) keepMetric(e models.FeatureFlagEvent, name string, value float64) error {
	e.Name, e.Value = clean(name), &value
	if !r.keep(e) {
		return ErrFull
	}
	return nil
}

// ErrFull says that too many events wait to be stored. What was told is lost, and counted.
var ErrFull = errors.New("too many events wait to be stored: look at the health page")

// named are the names that browsers have tracked on a day.
type named struct {
	day   int64
	names map[string]struct{}
}

// maxNamed is how many different ones those are, where any may be tracked.
const maxNamed = 1000

// admitName says why a browser may not track something of a name: whoever has a page can invent some.
func (r *Recorder) admitName(name string) error {
	if len(r.BrowserMetrics) > 0 {
		if !slices.Contains(r.BrowserMetrics, name) {
			return fmt.Errorf("browsers may not track %s: add it to the names that they may (BrowserMetrics, BROWSER_METRICS), or track it on the server", name)
		}
		return nil
	}
	n := &r.named
	if day := r.flags.Now().Unix() / (24 * 60 * 60); n.day != day || n.names == nil {
		n.day, n.names = day, map[string]struct{}{}
	}
	if _, known := n.names[name]; known {
		return nil
	}
	if len(n.names) >= maxNamed {
		return fmt.Errorf("browsers have tracked %d different names today, and %s is another: say which they may track (BrowserMetrics, BROWSER_METRICS)", maxNamed, name)
	}
	n.names[strings.Clone(name)] = struct{}{}
	return nil
}

// limits are how many reports each browser may send: so many at once, and then one each so often.
type limits struct {
	minute int64
	counts map[string]int
}

const (
	maxReports  = 60      // of one browser in a minute
	maxBrowsers = 100_000 // that are counted in a minute; more are not admitted
)

// Admit reports whether a report of this browser is looked at: at most 60 in a minute are.
func (r *Recorder) Admit(who *ruleset.Subject) bool {
	browser := "visitor " + who.Visitor
	if who.User != "" {
		browser = "user " + who.User
	}
	minute := r.flags.Now().Unix() / 60
	r.mu.Lock()
	defer r.mu.Unlock()
	if l := &r.limits; l.minute != minute || l.counts == nil {
		l.minute, l.counts = minute, map[string]int{}
	}
	n, known := r.limits.counts[browser]
	if n >= maxReports || !known && len(r.limits.counts) >= maxBrowsers {
		return false
	}
	r.limits.counts[browser] = n + 1
	return true
}

// CauseTracked is why a metric is refused, as the middleware calls it too.
const CauseTracked = "of something that cannot be tracked"

// Refused counts, by its cause, a report or a metric that was refused.
func (r *Recorder) Refused(cause string) {
	r.mu.Lock()
	r.refused[cause]++
	r.mu.Unlock()
}
