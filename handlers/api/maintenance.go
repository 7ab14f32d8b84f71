package api

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/toprent/flags/changes"
	"github.com/toprent/flags/handlers/internal/shell"
	"github.com/toprent/flags/handlers/maintenance"
	"github.com/toprent/flags/ruleset"
)

// Maintenance is how far maintenance is in an environment.
type Maintenance struct {
	Environment string            `json:"environment"`
	Phase       maintenance.Phase `json:"phase"`             // off, scheduled, announced, on, over (its end is past), or hand (by rules of the flag's own)
	Mistake     string            `json:"mistake,omitempty"` // why nothing is closed, whatever is set
	Closing                       // what is set; empty while the phase is off or hand
}

// Closing is when, where, for whom and in which words a site is closed.
type Closing struct {
	Message  string       `json:"message,omitempty"`  // empty: the page's own words
	Start    *time.Time   `json:"start,omitempty"`    // to start maintenance now, leave it out
	End      *time.Time   `json:"end,omitempty"`      // empty: when it is ended
	Announce *time.Time   `json:"announce,omitempty"` // a banner from then until the start; empty: none
	Drain    ruleset.Span `json:"drain,omitempty"`    // how long who is at work goes on, such as 5m; empty: not at all
	Tenants  []string     `json:"tenants,omitempty"`  // empty: everybody
	Paths    []string     `json:"paths,omitempty"`    // with all that is below; empty: the whole site
}

// Close is the body that starts or schedules maintenance.
type Close struct {
	Why
	Closing
}

func maintained(c *shell.Context) (any, error) {
	environment, err := c.Environment()
	if err != nil {
		return nil, err
	}
	at := maintenance.PlaceOf(environment, time.Now())
	v := at.Value
	return Maintenance{environment.Name, at.Phase, at.Mistake, Closing{v.Message, v.Start, v.End, v.Announce, v.Drain, at.Tenants, v.Paths}}, nil
}

// maintain closes the site now, or at a time. What is set already is replaced. As on the pages it needs no approval, and
// where changes need one, somebody else looks at it afterwards.
func maintain(scheduled bool) shell.Answerer {
	return func(c *shell.Context) (any, error) {
		var body Close
		if err := c.Body(&body); err != nil {
			return nil, err
		}
		if err := body.check(); err != nil {
			return nil, err
		}
		for _, tenant := range body.Tenants {
			if tenant == "" || len(tenant) > ruleset.MaxID || !shell.Storable(tenant) {
				return nil, shell.Refused(http.StatusUnprocessableEntity, "A tenant cannot be kept", "Send ids of tenants, or leave the tenants out to close it for everybody.")
			}
		}
		switch {
		case scheduled && body.Start == nil:
			return nil, shell.Refused(http.StatusUnprocessableEntity, "The start is missing", `Send {"start": "2026-06-01T22:00:00Z", …}; to begin now, POST to …/maintenance/start.`)
		case scheduled && !body.Start.After(time.Now()):
			return nil, shell.Refused(http.StatusUnprocessableEntity, "The start is past already", "Send one that is to come; to begin now, POST to …/maintenance/start.")
		case !scheduled && body.Start != nil:
			return nil, shell.Refused(http.StatusUnprocessableEntity, "A start was sent", "It begins now: leave the start out, or POST to …/maintenance/schedule.")
		}
		environment, err := c.Environment()
		if err != nil {
			return nil, err
		}
		m := changes.Maintenance{Environment: environment.Name, By: c.Actor(), Reason: body.Reason, Tenants: body.Tenants,
			Value: ruleset.Maintenance{Message: body.Message, Start: body.Start, End: body.End, Announce: body.Announce, Drain: body.Drain, Paths: body.Paths}}
		if f, ok := environment.Flag(ruleset.MaintenanceKey); ok {
			m.Base = f.Version
		}
		ctx, cancel := c.Ctx()
		defer cancel()
		published, err := c.App.Changes.Maintain(ctx, m)
		return done(published), err
	}
}

// reopen ends maintenance. What was approved is asked to be ended.
func reopen(c *shell.Context) (any, error) {
	return act(c, func(ctx context.Context, reason string) (any, error) {
		published, err := c.App.Changes.EndMaintenance(ctx, c.Param("env"), "", c.Actor(), reason)
		var protected *changes.ProtectedError
		if !errors.As(err, &protected) {
			return done(published), err
		}
		environment, err := c.Environment()
		if err != nil {
			return nil, err
		}
		f, ok := environment.Flag(ruleset.MaintenanceKey)
		if !ok {
			return nil, changes.ErrNoFlag
		}
		return propose(ctx, c, environment.Name, reason, maintenance.Opening(f))
	})
}
