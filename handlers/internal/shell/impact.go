package shell

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/toprent/flags/internal/impact"
	"github.com/toprent/flags/ruleset"
	"github.com/toprent/flags/views"
)

// Impact is the impact of a change as pages show it: {{ template "impact" .Impact }}. While it is counted, the page that
// Again leads to is asked again, and what stands there under the id "impact" takes its place.
type Impact struct {
	impact.Answer
	Environment, In string // the environment's name and title
	Again           string
	Suffix          string // of the ids, where several stand on a page
	Form            bool   // Again takes the form in which this stands
	Zone            *time.Location
}

// ImpactOf counts what a draft would change for those who were seen in an environment, which is titled in. It waits a
// little for the count, before the page shows how far that has come and asks again.
func (c *Context) ImpactOf(in string, before, after *ruleset.Revision) *Impact {
	return c.ImpactWithin(impact.Patience, in, before, after)
}

// ImpactWithin is ImpactOf for a page that has less time to wait. Again is this page, as it is asked for with GET. Nothing
// else on the page depends on the impact, so what goes wrong is said where it would stand.
func (c *Context) ImpactWithin(wait time.Duration, in string, before, after *ruleset.Revision) *Impact {
	environment := before.ID().Environment
	out := &Impact{Environment: environment, In: in, Again: c.Request.URL.RequestURI(), Zone: c.zone}
	ctx := c.Request.Context()
	seen, err := c.App.Directory.Snapshot(ctx, environment)
	if err != nil {
		out.Answer = impact.Answer{Err: err}
	} else {
		out.Answer = c.App.Impacts.Of(ctx, before, after, seen, wait)
	}
	if out.Err != nil && !errors.Is(out.Err, context.Canceled) {
		c.App.Log.Warn("settings: the impact of a change could not be counted", "environment", environment, "error", out.Err)
	}
	return out
}

// StoredImpact is an impact as it was kept with a change, for an environment that is titled in; nil if there is none.
func (c *Context) StoredImpact(environment, in, kept string) *Impact {
	var counted impact.Impact
	if kept == "" || json.Unmarshal([]byte(kept), &counted) != nil {
		return nil
	}
	return &Impact{Answer: impact.Answer{Impact: &counted}, Environment: environment, In: in, Suffix: "-kept", Zone: c.zone}
}

// When is the moment that the numbers hold for.
func (i *Impact) When() views.Moment { return views.MomentOf(i.Impact.At, i.Zone) }

// Many reports whether more than one flag changes, so that each is named.
func (i *Impact) Many() bool { return i.Impact.Compared > 1 }

// Alone reports whether anything changes for a tenant alone, without a person.
func (i *Impact) Alone() bool { return i.Impact.Changed.Tenants > 0 }

// Sampled reports whether anybody is named.
func (i *Impact) Sampled() bool {
	for _, flag := range i.Impact.Flags {
		for _, move := range flag.Moves {
			if len(move.Sample) > 0 {
				return true
			}
		}
	}
	return false
}
