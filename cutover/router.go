package cutover

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"gorm.io/gorm"

	"github.com/toprent/flags/ruleset"
)

// Router is a GORM plugin that sends the statements of models to the side where their entities are, with no change to the
// host's queries. The connection that uses it stays the old side's:
//
//	clients, err := cutover.AddTables(moving, cutover.TablesConfig{Flag: "clients-database", Old: db, New: newDB, Models: []any{&Client{}}})
//	err = db.Use(cutover.Router{New: newDB, Tables: []cutover.Table{{Model: &Client{}, Entity: clients}}})
//
// Everything is decided for the tenant of the statement's context (WithTenant, or Tenant).
//
// Reads go to the authority. Where reads are compared, the other side is asked in the background, and can neither delay nor
// fail them.
//
// Writes go to the authority, in a transaction in which their rows are marked. After the commit the rows are copied to the
// other side; what cannot be copied stays marked, and the Cutover copies it later. Raw statements that write one table are followed
// too.
//
// A transaction has one side, which the first table that it names decides, and stays there. It reads tables of the other
// side outside of itself, and cannot write them: ErrTwoSides. The same error is given for a statement that names tables of
// both sides, such as a join.
//
// When a tenant's authority changes, its first statements wait until it is handed from one side to the other: no longer than
// Handover. ErrHandover says when that needs a side which does not answer. No other statement needs the side that is not the
// authority.
//
// Both sides have to be PostgreSQL, or both SQLite, with Prepare called on the store of each (GORM).
type Router struct {
	// New is the new side's connection. Required.
	New *gorm.DB

	// Tables are the tables that are routed, all of an entity of AddTables. All others are the old side's.
	Tables []Table

	// Tenant is the tenant that a context works for. Defaults to TenantOf.
	Tenant func(ctx context.Context) string

	// Patience is how long a request waits for its rows to be copied after the commit. Defaults to one second. When a copy
	// has failed, requests stop waiting for as long.
	Patience time.Duration

	// Handover is how long the first statement of a tenant after a change of its authority waits for transactions that are
	// under way on the other side, and for their rows. Then it fails: ErrHandover. Defaults to 5 seconds.
	Handover time.Duration

	// Sample is the share of reads that are compared, of entities that do not say so themselves. Defaults to all: 1.
	Sample float64

	// Compared is told how reads of both sides compared, and Failed of copies that have to be repaired. Neither may block.
	Compared func(Comparison)
	Failed   func(entity string, err error)
}

// Table is a model's table that belongs to an entity.
type Table struct {
	Model  any // a pointer to the model's struct
	Entity Located
}

// Located is an entity that can say where it is.
type Located interface {
	// Name is the entity's name in the sides' stores.
	Name() string

	// Locate returns where the entity is for a tenant, "" for all tenants together, who have to be at one stage to be
	// written and on one side to be read: ErrManyStages. It is asked for each statement, so it only looks at memory.
	Locate(ctx context.Context, tenant string, writing bool) (Location, error)
}

// Location is where an entity is for a tenant, during one statement or one transaction.
type Location struct {
	Stage    ruleset.Stage
	Moving   bool   // some tenants are, or may be, at a stage that writes both sides
	Revision int64  // that says so: of two instances that disagree, the one with the newer revision is right
	End      func() // is called when the statement or the transaction is over; may be nil
}

func (l Location) end() {
	if l.End != nil {
		l.End()
	}
}

// Comparison is one read of both sides.
type Comparison struct {
	Entity   string
	Tenant   string
	Query    string // without its values
	Equal    bool
	Old, New int   // how many rows each gave
	Err      error // why nothing is known: the side that is not the authority did not answer, or rows were on their way to it
}

// ErrTwoSides says that a statement or a transaction needs tables that are on different sides.
var ErrTwoSides = errors.New("tables on both sides of a cutover cannot be used together: take them one after the other")

// ErrNotFollowed says that a statement writes a table on the move in a way that does not tell which rows.
var ErrNotFollowed = errors.New("the rows that this statement writes cannot be told while their table is on the move")

// ErrMoved says that an entity moved to the other side while a transaction was using others.
var ErrMoved = errors.New("the entity has moved to the other side meanwhile: try again")

type tenantKey struct{}

// WithTenant makes a context that works for a tenant.
func WithTenant(ctx context.Context, tenant string) context.Context {
	return context.WithValue(ctx, tenantKey{}, tenant)
}

// TenantOf returns the tenant of WithTenant, or "".
func TenantOf(ctx context.Context) string {
	tenant, _ := ctx.Value(tenantKey{}).(string)
	return tenant
}

// Name is the plugin's name.
func (Router) Name() string { return "cutover" }

// Initialize routes the statements of a connection.
func (r Router) Initialize(db *gorm.DB) error {
	if r.New == nil || r.New.Name() != db.Name() || (db.Name() != "postgres" && db.Name() != "sqlite") {
		return fmt.Errorf("route tables: both sides have to be PostgreSQL, or both SQLite, and the old one is %s", db.Name())
	}
	if r.Tenant == nil {
		r.Tenant = TenantOf
	}
	r.Patience = orDefault(r.Patience, time.Second)
	r.Handover = orDefault(r.Handover, 5*time.Second)
	r.Sample = orDefault(r.Sample, 1)
	all := &routes{Router: r, tables: map[string]*tableRoute{}, bases: [2]gorm.ConnPool{db.ConnPool, direct(r.New).ConnPool}, comparisons: make(chan struct{}, comparing)}
	for _, table := range r.Tables {
		old, err := newGORMTable(db, table.Model)
		if err != nil {
			return err
		}
		newer, err := newGORMTable(r.New, table.Model)
		if err != nil {
			return err
		}
		if all.tables[old.schema.Table] != nil || old.schema.Table != newer.schema.Table {
			return fmt.Errorf("route tables: %s is named twice, or called %s on the new side", old.schema.Table, newer.schema.Table)
		}
		sides, err := checked(db, r.New, table.Entity, [2]*gormTable{old, newer})
		if err != nil {
			return err
		}
		all.add(table.Entity, sides)
	}
	for _, g := range all.groups {
		if err := g.attach(); err != nil {
			return err
		}
	}
	wrapped := &pool{base: db.ConnPool, routes: all}
	db.ConnPool, db.Statement.ConnPool = wrapped, wrapped
	return all.register(db)
}

// checked are the sides of a table, as its entity has them.
func checked(old, newer *gorm.DB, entity Located, sides [2]*gormTable) ([2]*gormTable, error) {
	table := sides[0].schema.Table
	t, run := entity.(*Tables)
	if _, other := entity.(moved); other && !run {
		return sides, fmt.Errorf("route tables: the entity %q of %s is asked by Read and Write; make it with cutover.AddTables for a Router", entity.Name(), table)
	}
	if !run {
		return sides, nil
	}
	if databaseOf(old) != databaseOf(t.config.Old) || databaseOf(newer) != databaseOf(t.config.New) {
		return sides, fmt.Errorf("route tables: the entity %q has other connections than the Router: give AddTables the same two", entity.Name())
	}
	for _, pair := range t.pairs {
		if pair.sides[0].schema.ModelType == sides[0].schema.ModelType {
			return pair.sides, nil
		}
	}
	return sides, fmt.Errorf("route tables: %s is not among the models of the entity %q: name it in its TablesConfig, or its rows would not be copied", table, entity.Name())
}

// attach tells a group's entity that its statements are sent here.
func (r *group) attach() error {
	if r.owner == nil {
		return nil
	}
	if len(r.routes) != len(r.owner.pairs) {
		return fmt.Errorf("route tables: the entity %q has %d tables, and %d of them are routed: route all, since they move together", r.name, len(r.owner.pairs), len(r.routes))
	}
	r.owner.mu.Lock()
	defer r.owner.mu.Unlock()
	r.owner.groups = append(r.owner.groups, r)
	return nil
}

// routes is a Router at work.
type routes struct {
	Router
	tables map[string]*tableRoute
	groups []*group
	bases  [2]gorm.ConnPool // the sides' connections

	comparisons chan struct{} // a place for each that runs
	statements  statements
}

// group is the tables of one entity. They are on one side.
type group struct {
	entity   Located
	owner    *Tables // the same, if a Cutover runs it
	name     string
	routes   []*tableRoute
	settled  settled
	paused   pause
	away     [2]pause // until when a side is not asked by those who can do without
	refusals refusals

	leftOpen   [2]leftOpen
	unclosed   atomic.Bool  // doors may have been left open
	followedAt atomic.Int64 // the revision to whose stages all tenants were taken
}

// tableRoute is one table. Sides are numbered: 0 is the old, 1 the new.
type tableRoute struct {
	*group
	all   *routes
	marks string // the name of its rows in the sides' stores
	sides [2]*gormTable
}

// add adds a table. The rows of an entity's first table have the entity's name.
func (r *routes) add(entity Located, sides [2]*gormTable) {
	var g *group
	for _, known := range r.groups {
		if known.name == entity.Name() {
			g = known
		}
	}
	name := entity.Name()
	if g == nil {
		g = &group{entity: entity, name: name}
		g.owner, _ = entity.(*Tables)
		r.groups = append(r.groups, g)
	} else if g.owner == nil {
		name += "/" + sides[0].schema.Table
	}
	added := &tableRoute{group: g, all: r, marks: name, sides: sides}
	g.routes, r.tables[sides[0].schema.Table] = append(g.routes, added), added
}

func sideAt(stage ruleset.Stage) int {
	if stage.New() {
		return 1
	}
	return 0
}

// locate finds the side of the tables that a statement names.
func (r *routes) locate(ctx context.Context, tenant string, s statement) (side int, err error) {
	var seen [2]bool
	for _, table := range s.tables {
		on, err := r.tableSide(ctx, tenant, table, !s.asks())
		if err != nil {
			return 0, err
		}
		seen[on], side = true, on
	}
	if seen[0] && seen[1] {
		return 0, fmt.Errorf("%v: %w", s.tables, ErrTwoSides)
	}
	return side, nil
}

// tableSide finds the side of a table. That of a table on the move is open when it returns.
func (r *routes) tableSide(ctx context.Context, tenant, table string, writing bool) (int, error) {
	route := r.tables[table]
	if route == nil {
		return 0, nil
	}
	at, err := route.locate(ctx, tenant, writing)
	if err != nil {
		return 0, err
	}
	defer at.end()
	if !at.Moving {
		return sideAt(at.Stage), nil
	}
	return route.open(ctx, tenant, at)
}

func (r *tableRoute) locate(ctx context.Context, tenant string, writing bool) (Location, error) {
	at, err := r.entity.Locate(ctx, tenant, writing)
	if err != nil {
		return at, fmt.Errorf("%s: %w", r.name, err)
	}
	return at, nil
}
