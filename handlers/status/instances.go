package status

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/toprent/flags/models"
	"github.com/toprent/flags/report"
	"github.com/toprent/flags/service"
)

// Condition is how an instance is doing, as far as is known.
type Condition string

const (
	live      Condition = "live"      // serves what the database says
	stale     Condition = "stale"     // serves the last revision, the database being out of its reach
	disk      Condition = "disk"      // serves the last good revision from disk
	fallbacks Condition = "fallbacks" // serves the fallbacks in the code
	silent    Condition = "silent"    // said nothing for a while: gone without a word, or cut off
	ended     Condition = "ended"     // said that it ended
)

// Instance is a process that serves flags, or lately did.
type Instance struct {
	ID          string     `json:"id"`
	Host        string     `json:"host"`
	Build       string     `json:"build"`
	Environment string     `json:"environment"`
	Condition   Condition  `json:"condition"`
	Started     time.Time  `json:"started"`
	Heard       time.Time  `json:"heard"`
	Answered    *time.Time `json:"answered,omitempty"` // when its source last answered
	Revision    int64      `json:"revision"`
	Newest      int64      `json:"newest"` // revision of its environment
	Behind      bool       `json:"behind"` // it served an older revision when it was last heard of
	Listening   bool       `json:"listening"`
	This        bool       `json:"this"` // the one that answers
}

// Runs reports whether it is known to run.
func (i Instance) Runs() bool { return i.Condition != silent && i.Condition != ended }

// Short is enough of the id to tell instances apart.
func (i Instance) Short() string { return strings.ToLower(i.ID[:min(len(i.ID), 8)]) }

// Label is the condition in words.
func (i Instance) Label() string {
	return map[Condition]string{live: "Live", stale: "Stale", disk: "From disk", fallbacks: "Fallbacks", silent: "Silent", ended: "Ended"}[i.Condition]
}

// Kind is how bad it is.
func (i Instance) Kind() string {
	switch i.Condition {
	case live:
		return "good"
	case stale, disk, silent:
		return "warn"
	case fallbacks:
		return "bad"
	}
	return "off"
}

// Advice is what to do about it; empty if nothing.
func (i Instance) Advice() string {
	switch {
	case i.Condition == stale:
		return "It serves the last revision it saw. Check its way to the database; it catches up by itself."
	case i.Condition == disk:
		return "It started without the database and serves the last good revision from disk. Check its way to the database."
	case i.Condition == fallbacks:
		return "It has no revision at all. Check its database's address, and that the migrations have run."
	case i.Condition == silent:
		return "It ended without a word, or is cut off and serves what it last had. Look whether it still runs."
	case i.Behind && !i.Listening:
		return "It only polls, so it follows within seconds. If this stays, look at its log."
	case i.Behind:
		return "It should follow at once. If this stays, look at its log."
	case i.Condition == live && !i.Listening:
		return "Changes reach it within 6 seconds instead of at once. A pooler between it and the database may swallow notifications."
	}
	return ""
}

const maxGone = 20 // that are shown of those that are gone

// instances are those that run, and the last of those that are gone.
func (g *gatherer) instances(rows []models.Instance) (out []Instance, older int, err error) {
	published := map[string]time.Time{}
	for _, environment := range g.environments {
		if environment.Head == 0 {
			continue
		}
		head, err := g.App.Store.Revision(g.ctx, environment.Name, environment.Head)
		if err != nil {
			return nil, 0, err
		}
		published[environment.Name] = head.PublishedAt.Time
	}
	known := false
	for _, row := range rows {
		environment := g.environment(row.Environment)
		if environment == nil {
			continue
		}
		i := Instance{ID: row.ID, Host: row.Host, Build: row.Build, Environment: row.Environment, Condition: Condition(row.State),
			Started: row.StartedAt.Time, Heard: row.HeardAt.Time, Answered: row.AnsweredAt.Optional(), Revision: row.Revision,
			Newest: environment.Head, Listening: row.Listening}
		if g.App.Flags != nil && row.ID == g.App.Flags.Instance() {
			known = true
			i.fromMemory(g.App.Flags, g.now)
		}
		i.Behind = i.Revision < i.Newest && i.Heard.After(published[i.Environment])
		i.settle(row, g.now)
		out = append(out, i)
	}
	if flags := g.App.Flags; flags != nil && !known {
		if environment := g.environment(flags.Environment()); environment != nil {
			i := Instance{ID: flags.Instance(), Environment: environment.Name, Started: flags.Started(), Newest: environment.Head}
			i.fromMemory(flags, g.now)
			i.Behind = i.Revision < i.Newest && i.Heard.After(published[i.Environment])
			out = append(out, i)
		}
	}
	slices.SortStableFunc(out, func(a, b Instance) int {
		if a.Runs() != b.Runs() {
			if a.Runs() {
				return -1
			}
			return 1
		}
		if !a.Runs() {
			return b.Heard.Compare(a.Heard)
		}
		return cmp.Or(strings.Compare(a.Environment, b.Environment), strings.Compare(a.Host, b.Host), a.Started.Compare(b.Started))
	})
	gone := len(out)
	if first := slices.IndexFunc(out, func(i Instance) bool { return !i.Runs() }); first >= 0 {
		gone = first
	}
	if len(out) > gone+maxGone {
		older, out = len(out)-gone-maxGone, out[:gone+maxGone]
	}
	return out, older, nil
}

// settle decides whether an instance that says nothing any more is gone.
func (i *Instance) settle(row models.Instance, now time.Time) {
	switch {
	case i.This:
	case row.EndedAt != nil:
		i.Condition, i.Behind = ended, false
	case now.Sub(i.Heard) > report.Silent:
		i.Condition = silent
	}
}

// fromMemory takes what this instance knows of itself, which is newer than what it last told.
func (i *Instance) fromMemory(flags *service.FeatureFlagService, now time.Time) {
	status := flags.Status()
	i.This, i.Heard, i.Condition, i.Revision, i.Listening = true, now, Condition(status.State), status.Revision.Number, status.Listening
	if status.State != service.Fallbacks {
		answered := now.Add(-status.Age)
		i.Answered = &answered
	}
}
