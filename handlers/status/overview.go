package status

import (
	"context"
	"errors"
	"time"

	"github.com/toprent/flags/handlers/internal/shell"
	"github.com/toprent/flags/internal/catalog"
	"github.com/toprent/flags/models"
	"github.com/toprent/flags/report"
	"github.com/toprent/flags/service"
)

// Overview is what the page shows, and what monitors are told.
type Overview struct {
	Now       time.Time   `json:"now"` // by the database's clock; without it, by this instance's
	Database  Database    `json:"database"`
	This      *This       `json:"this,omitempty"` // nil: the pages run beside no service
	Instances []Instance  `json:"instances"`
	Older     int         `json:"older,omitempty"` // instances that are gone and left out
	Malformed []Malformed `json:"malformed"`
	Failures  []Failure   `json:"failures"`
	Unknown   []Unknown   `json:"unknown"`
	Rates     []Rate      `json:"rates"`
	Kills     []Kill      `json:"kills"`
	Events    Events      `json:"events"`
}

// Database is its state as this instance sees it.
type Database struct {
	Reachable bool          `json:"reachable"`
	Kind      string        `json:"kind"`
	RoundTrip time.Duration `json:"round_trip"` // nanoseconds
	Schema    int64         `json:"schema,omitempty"`
	Error     string        `json:"error,omitempty"` // for admins only: it names hosts and roles
}

// Name is how people call that kind of database.
func (d Database) Name() string {
	switch d.Kind {
	case "postgres":
		return "PostgreSQL"
	case "sqlite":
		return "SQLite"
	}
	return d.Kind
}

// This is the instance that answers.
type This struct {
	Instance string         `json:"instance"`
	Status   service.Status `json:"status"`
	Decided  int64          `json:"decided"`
	Failed   int64          `json:"failed"`
}

// gatherer asks the database what the page shows.
type gatherer struct {
	*shell.Context
	ctx          context.Context
	now          time.Time
	environments []*catalog.Environment // those that the person may see
}

// How far back the page looks, and how much it shows.
const (
	days       = 30
	killWindow = 90 * 24 * time.Hour
	maxKills   = 25
	lately     = 24 * time.Hour // since when instances are shown
)

func (g *gatherer) gather() (o Overview, err error) {
	store := g.App.Store
	asked := time.Now()
	if g.now, err = store.Now(g.ctx); err != nil {
		return o, err
	}
	o.Now = g.now
	o.Database = Database{Reachable: true, Kind: store.Dialect(), RoundTrip: time.Since(asked)}
	if o.Database.Schema, err = store.SchemaVersion(g.ctx); models.Unavailable(err) {
		return o, err // a role that may not read it only leaves it unknown
	}
	o.This = this(g.Context)
	all, err := g.App.Catalog.Environments(g.ctx)
	if err != nil {
		return o, err
	}
	for _, environment := range all {
		if sees(g.Context, environment.Name) {
			g.environments = append(g.environments, environment)
		}
	}
	rows, err := store.Instances(g.ctx, g.now.Add(-lately))
	if err != nil {
		return o, err
	}
	if o.Instances, o.Older, err = g.instances(rows); err != nil {
		return o, err
	}
	o.Malformed = g.malformed()
	o.Failures, o.Unknown = g.findings(rows)
	if o.Rates, err = g.rates(); err != nil {
		return o, err
	}
	if o.Kills, err = g.kills(rows); err != nil {
		return o, err
	}
	o.Events, err = g.events()
	return o, err
}

// environment gives one that the person may see.
func (g *gatherer) environment(name string) *catalog.Environment {
	for _, environment := range g.environments {
		if environment.Name == name {
			return environment
		}
	}
	return nil
}

// this is what the service of this instance says, if the person may see its environment.
func this(c *shell.Context) *This {
	flags := c.App.Flags
	if flags == nil || !sees(c, flags.Environment()) {
		return nil
	}
	t := &This{Instance: flags.Instance(), Status: flags.Status()}
	t.Decided, t.Failed = flags.Decisions()
	if !isAdmin(c) {
		t.Status.Error = ""
	}
	return t
}

// fromMemory is what this instance knows while the database cannot be reached.
func fromMemory(c *shell.Context, because error) Overview {
	o := Overview{Now: time.Now().UTC(), Database: Database{Kind: c.App.Store.Dialect()}, This: this(c),
		Instances: []Instance{}, Malformed: []Malformed{}, Failures: []Failure{}, Unknown: []Unknown{}, Rates: []Rate{}, Kills: []Kill{}, Events: Events{Tellers: []Teller{}}}
	if isAdmin(c) {
		o.Database.Error = because.Error()
	}
	if o.This == nil {
		return o
	}
	status := o.This.Status
	o.Now = c.App.Flags.Now().UTC()
	for key, reason := range status.Malformed {
		o.Malformed = append(o.Malformed, Malformed{Environment: status.Environment, Flag: key, Reason: reason})
	}
	sortMalformed(o.Malformed)
	found := report.FindingsOf(c.App.Flags)
	for _, f := range found.Failures {
		o.Failures = append(o.Failures, Failure{status.Environment, f, 1})
	}
	for _, u := range found.Unknown {
		o.Unknown = append(o.Unknown, Unknown{Environment: status.Environment, Unknown: u, Instances: 1})
	}
	return o
}

func isDeadline(err error) bool { return errors.Is(err, context.DeadlineExceeded) }
