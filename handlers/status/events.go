package status

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/toprent/flags/models"
)

// Events is what instances told of events lately.
type Events struct {
	Tellers []Teller `json:"instances"`
	Older   bool     `json:"older,omitempty"` // there are more, which are gone
}

// Teller is an instance that records events, and what it told of them last.
type Teller struct {
	Instance    string            `json:"instance"`
	Host        string            `json:"host"`
	Environment string            `json:"environment"`
	Started     time.Time         `json:"started"`
	Flushed     time.Time         `json:"flushed"`         // when it last told
	Ended       *time.Time        `json:"ended,omitempty"` // when it had told everything
	Every       time.Duration     `json:"every"`           // nanoseconds between two times that it tells
	Silent      bool              `json:"silent"`          // it has neither told for long, nor ended
	Stored      int64             `json:"stored"`
	Waiting     int64             `json:"waiting"` // when it last told
	Dropped     int64             `json:"dropped"`
	Refused     []Refusal         `json:"refused"` // reports of browsers, and what could not be tracked
	Sinks       []models.SinkTold `json:"sinks"`
	This        bool              `json:"this"`
}

// Refusal is how much was refused for a cause.
type Refusal struct {
	Cause   string `json:"cause"`
	Reports int64  `json:"reports"`
}

// Runs reports whether it is known to run.
func (t Teller) Runs() bool { return t.Ended == nil && !t.Silent }

// Lost reports whether something of what it saw may be missing.
func (t Teller) Lost() bool { return t.Ended == nil && t.Silent }

// Failing counts the sinks that do not take events now.
func (t Teller) Failing() (n int) {
	for _, sink := range t.Sinks {
		if sink.Failing && t.Runs() {
			n++
		}
	}
	return n
}

// Short is enough of the id to tell instances apart.
func (t Teller) Short() string { return strings.ToLower(t.Instance[:min(len(t.Instance), 8)]) }

// Label says in a word how it is.
func (t Teller) Label() string {
	switch {
	case t.Ended != nil:
		return "Ended"
	case t.Silent:
		return "Silent"
	}
	return "Tells"
}

// Kind is how bad it is.
func (t Teller) Kind() string {
	switch {
	case t.Ended != nil:
		return "off"
	case t.Silent:
		return "warn"
	}
	return "good"
}

// Advice says what is missing, and what to do; empty if nothing.
func (t Teller) Advice() string {
	if !t.Lost() {
		return ""
	}
	return fmt.Sprintf("It ended without telling: up to %s of what happened before %s may be missing, and more if it could not reach the database. If it still runs, it tells once it reaches it.",
		seconds(t.Every), t.Flushed.Add(t.Every).UTC().Format("15:04:05 (UTC)"))
}

// seconds writes how often an instance tells.
func seconds(d time.Duration) string {
	if d%time.Second == 0 {
		return fmt.Sprintf("%d seconds", d/time.Second)
	}
	return fmt.Sprintf("%g seconds", d.Seconds())
}

// maxTellers is how many are shown.
const maxTellers = 50

// unheard is after how long without a word an instance is taken for gone.
func unheard(every time.Duration) time.Duration { return 3*every + 30*time.Second }

// events is what the instances told of the environments that the person may see.
func (g *gatherer) events() (Events, error) {
	e := Events{Tellers: []Teller{}}
	var environments []string
	for _, environment := range g.environments {
		environments = append(environments, environment.Name)
	}
	if len(environments) == 0 {
		return e, nil
	}
	rows, err := g.App.Store.AnalyticsInstances(g.ctx, environments, g.now.Add(-lately), maxTellers+1)
	if err != nil {
		return e, err
	}
	e.Older = len(rows) > maxTellers
	for _, row := range rows[:min(len(rows), maxTellers)] {
		e.Tellers = append(e.Tellers, g.teller(row))
	}
	slices.SortStableFunc(e.Tellers, func(a, b Teller) int {
		if a.Runs() != b.Runs() {
			if a.Runs() {
				return -1
			}
			return 1
		}
		return cmp.Or(strings.Compare(a.Environment, b.Environment), strings.Compare(a.Host, b.Host), b.Started.Compare(a.Started))
	})
	return e, nil
}

func (g *gatherer) teller(row models.AnalyticsInstance) Teller {
	t := Teller{Instance: row.Instance, Host: row.Host, Environment: row.Environment, Started: row.StartedAt.Time, Flushed: row.FlushedAt.Time, Ended: row.EndedAt.Optional(),
		Every: time.Duration(row.Every) * time.Millisecond, Stored: row.Stored, Waiting: row.Waiting, Dropped: row.Dropped, Refused: []Refusal{}, Sinks: []models.SinkTold{}}
	t.This = g.App.Flags != nil && row.Instance == g.App.Flags.Instance()
	t.Silent = t.Ended == nil && g.now.Sub(t.Flushed) > unheard(t.Every)
	var refused map[string]int64
	_ = json.Unmarshal([]byte(row.Refused), &refused) // what cannot be read is shown as none
	for cause, n := range refused {
		t.Refused = append(t.Refused, Refusal{cause, n})
	}
	slices.SortFunc(t.Refused, func(a, b Refusal) int {
		return cmp.Or(cmp.Compare(b.Reports, a.Reports), strings.Compare(a.Cause, b.Cause))
	})
	_ = json.Unmarshal([]byte(row.Sinks), &t.Sinks)
	if !isAdmin(g.Context) {
		for i := range t.Sinks {
			t.Sinks[i].Error = ""
		}
	}
	return t
}
