// Package status is the health page: which instances run and what they serve, how the database is, which flags cannot
// be evaluated, which keys are asked for that are no flags, how evaluations went for thirty days, and how long each kill
// took to reach everybody. Beside each finding stands what to do about it. While the database is down, the page shows
// what this instance knows by itself.
package status

import (
	"context"
	"net/http"
	"slices"
	"time"

	"github.com/toprent/flags/handlers/internal/shell"
	"github.com/toprent/flags/internal/access"
	"github.com/toprent/flags/models"
	"github.com/toprent/flags/views"
)

// Register mounts the page and its form for monitors.
func Register(a *shell.App) {
	a.GET("/health", shell.Anywhere(access.Viewer), show)
	a.Feed("/health.json", shell.Anywhere(access.Viewer), tell)
}

// page is the health page.
type page struct {
	shell.Page
	Overview
	Attention []attention
}

// attention is something to look at, and where it stands on the page.
type attention struct{ Kind, Text, Where string }

// Span writes how long something took.
func (page) Span(d time.Duration) string { return span(d) }

func show(c *shell.Context) error {
	overview, err := look(c)
	down := unreachable(err)
	if err != nil && !down {
		return err
	}
	if down && overview.This == nil {
		return err
	}
	p := page{Overview: overview, Attention: overview.attention()}
	status := http.StatusOK
	if !down {
		if p.Page, err = c.Page("Health", "health"); unreachable(err) {
			down = true // it went away between two questions
			p.Overview = fromMemory(c, err)
			p.Attention = p.Overview.attention()
		} else if err != nil {
			return err
		}
	}
	if down {
		c.App.Log.Error("the health page cannot reach the database", "error", err)
		c.Header("Retry-After", "10")
		p.Page, status = c.Bare("Health"), http.StatusServiceUnavailable
	}
	return c.Render(status, "status/page", p)
}

// tell answers monitors: 200, or 503 while the database cannot be reached.
func tell(c *shell.Context) error {
	overview, err := look(c)
	switch {
	case unreachable(err):
		c.Header("Retry-After", "10")
		c.JSON(http.StatusServiceUnavailable, overview)
		return nil
	case err != nil:
		return err
	}
	c.JSON(http.StatusOK, overview)
	return nil
}

func unreachable(err error) bool {
	return err != nil && (models.Unavailable(err) || isDeadline(err))
}

// look gathers what the person may see. On an error it is what this instance knows by itself.
func look(c *shell.Context) (Overview, error) {
	ctx, cancel := context.WithTimeout(c.Request.Context(), databaseTimeout)
	defer cancel()
	g := gatherer{Context: c, ctx: ctx}
	overview, err := g.gather()
	if err != nil {
		return fromMemory(c, err), err
	}
	return overview, nil
}

// databaseTimeout is short: that the database does not answer is an answer here.
const databaseTimeout = 4 * time.Second

// sees reports whether the person may see an environment.
func sees(c *shell.Context, environment string) bool {
	return c.Person.In(environment) >= access.Viewer
}

// isAdmin reports whether the person may read errors: they name hosts and roles.
func isAdmin(c *shell.Context) bool { return c.Person.In(access.Everywhere) >= access.Admin }

// recently is how long it is news that an instance fell silent. Later it is one that crashed and was replaced.
const recently = 15 * time.Minute

// attention lists what is not as it should be, the worst first.
func (o *Overview) attention() (out []attention) {
	add := func(n int, kind, one, many, where string) {
		switch {
		case n == 1:
			out = append(out, attention{kind, one, where})
		case n > 1:
			out = append(out, attention{kind, views.Thousands(n) + " " + many, where})
		}
	}
	if !o.Database.Reachable {
		out = append(out, attention{"bad", "The database cannot be reached", "database"})
	}
	count := func(is func(Instance) bool) (n int) {
		for _, i := range o.Instances {
			if is(i) {
				n++
			}
		}
		return n
	}
	add(count(func(i Instance) bool { return i.Condition == fallbacks }), "bad", "An instance serves the fallbacks in the code", "instances serve the fallbacks in the code", "instances")
	add(count(func(i Instance) bool { return i.Condition == stale || i.Condition == disk }), "warn", "An instance cannot reach the database", "instances cannot reach the database", "instances")
	add(count(func(i Instance) bool { return i.Condition == silent && o.Now.Sub(i.Heard) < recently }), "warn", "An instance fell silent", "instances fell silent", "instances")
	add(count(func(i Instance) bool { return i.Behind }), "warn", "An instance is behind the newest revision", "instances are behind the newest revision", "instances")
	add(len(o.Malformed), "bad", "A stored mistake keeps something from being evaluated", "stored mistakes keep something from being evaluated", "malformed")
	add(len(o.Unknown), "warn", "A key is asked for that is no flag", "keys are asked for that are no flags", "unknown")
	for _, r := range o.Rates {
		if r.Decided > 0 && !r.Met() {
			out = append(out, attention{"bad", "Success rate below the target in " + r.Title, "rate"})
		}
	}
	waiting := 0
	for _, k := range o.Kills {
		if k.Waiting > 0 {
			waiting++
		}
	}
	add(waiting, "bad", "A kill has not reached every running instance", "kills have not reached every running instance", "kills")
	lost, failing := 0, 0
	for _, t := range o.Events.Tellers {
		failing += t.Failing()
		if t.Lost() && o.Now.Sub(t.Flushed) < recently+t.Every {
			lost++
		}
	}
	add(lost, "warn", "An instance ended without telling its last events", "instances ended without telling their last events", "events")
	add(failing, "warn", "A sink does not take events", "sinks do not take events", "events")
	slices.SortStableFunc(out, func(a, b attention) int { return len(a.Kind) - len(b.Kind) }) // bad before warn
	return out
}
