package router_test

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"gorm.io/driver/postgres"
	"gorm.io/gorm"
	"gorm.io/gorm/logger"

	"github.com/toprent/flags/cutover"
	"github.com/toprent/flags/models/sqlite"
	"github.com/toprent/flags/ruleset"
)

// client is what is on the move: numbered by the database, deleted softly, with zero values that are not the defaults.
type client struct {
	ID        int64
	Tenant    string
	Name      string
	Email     *string
	Active    bool `gorm:"default:true"`
	Visits    int
	CreatedAt time.Time
	UpdatedAt time.Time
	DeletedAt gorm.DeletedAt
	Notes     []note
}

var errRefused = errors.New("the hook refused")

// BeforeCreate refuses one name, and looks something up in the transaction.
func (c *client) BeforeCreate(tx *gorm.DB) error {
	if c.Name == "refused" {
		return errRefused
	}
	return tx.Model(&client{}).Where("name = ?", "nobody").Find(&[]client{}).Error
}

// note is text by a composite key, which the host names.
type note struct {
	ClientID int64  `gorm:"primaryKey;autoIncrement:false"`
	Slug     string `gorm:"primaryKey"`
	Text     string
}

// country stays where it is.
type country struct {
	Code string `gorm:"primaryKey"`
	Name string
}

const (
	clientsSQL = `CREATE TABLE clients (id %s, tenant TEXT NOT NULL, name TEXT NOT NULL UNIQUE, email TEXT, active BOOLEAN NOT NULL DEFAULT true,
		visits INTEGER NOT NULL, created_at %s, updated_at %[2]s, deleted_at %[2]s)`
	notesSQL     = `CREATE TABLE notes (client_id BIGINT NOT NULL, slug TEXT NOT NULL, text TEXT NOT NULL, PRIMARY KEY (client_id, slug))`
	countriesSQL = `CREATE TABLE countries (code TEXT PRIMARY KEY, name TEXT NOT NULL)`
)

// places says where an entity is.
type places struct {
	name     string
	mu       sync.Mutex
	stages   map[string]ruleset.Stage // by tenant; "" for the others
	moving   bool
	revision int64
	calls    atomic.Int64 // under way
}

func (p *places) Name() string { return p.name }

func (p *places) Locate(_ context.Context, tenant string, _ bool) (cutover.Location, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	stage, ok := p.stages[tenant]
	if !ok {
		stage = p.stages[""]
	}
	p.calls.Add(1)
	return cutover.Location{Stage: stage, Moving: p.moving, Revision: p.revision, End: func() { p.calls.Add(-1) }}, nil
}

func (p *places) at(tenant string, stage ruleset.Stage) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.stages[tenant] = stage
	p.revision++
	p.moving = false
	for _, s := range p.stages {
		p.moving = p.moving || s.Both()
	}
}

// world is a host with two databases.
type world struct {
	t           testing.TB
	db          *gorm.DB // the host's: the old side, routed
	old, fresh  *gorm.DB // the sides themselves
	clients     *places
	comparisons chan cutover.Comparison
	failed      atomic.Int64
}

func newWorld(t testing.TB, empty func() *gorm.DB, options ...func(*cutover.Router)) *world {
	t.Helper()
	w := &world{t: t, db: empty(), fresh: empty(), clients: &places{name: "clients", stages: map[string]ruleset.Stage{}}, comparisons: make(chan cutover.Comparison, 100)}
	for _, side := range []*gorm.DB{w.db, w.fresh} {
		must(t, cutover.GORM(side).Prepare(t.Context()))
		makeTables(t, side)
	}
	w.old = w.db.Session(&gorm.Session{NewDB: true}).Set("cutover:directly", true).Session(&gorm.Session{})
	w.router(w.db, w.clients, options...)
	return w
}

// makeTables makes the host's tables on a side.
func makeTables(t testing.TB, side *gorm.DB) {
	t.Helper()
	id, when := "INTEGER PRIMARY KEY AUTOINCREMENT", "DATETIME"
	if side.Name() == "postgres" {
		id, when = "BIGSERIAL PRIMARY KEY", "TIMESTAMPTZ"
	}
	for _, table := range []string{fmt.Sprintf(clientsSQL, id, when), notesSQL, countriesSQL} {
		must(t, side.Exec(table).Error)
	}
}

func (w *world) router(db *gorm.DB, entity cutover.Located, options ...func(*cutover.Router)) {
	w.t.Helper()
	router := cutover.Router{
		New:    w.fresh,
		Tables: []cutover.Table{{Model: &client{}, Entity: entity}, {Model: &note{}, Entity: entity}},
		Failed: func(string, error) { w.failed.Add(1) },

		// Where a test does not say otherwise, so much that a machine which stalls for a moment leaves nothing to be repaired.
		Patience: 20 * time.Second, Handover: 20 * time.Second,
	}
	for _, option := range options {
		option(&router)
	}
	must(w.t, db.Use(router))
}

func (w *world) begins(name string) *client {
	w.t.Helper()
	c := &client{Name: name}
	must(w.t, w.db.Create(c).Error)
	return c
}

// rows are all rows of a side, as they are stored.
func rows[V any](t testing.TB, side *gorm.DB) []V {
	t.Helper()
	found := []V{}
	must(t, side.Unscoped().Order("1, 2").Find(&found).Error)
	for i := range found {
		if c, ok := any(&found[i]).(*client); ok {
			c.CreatedAt, c.UpdatedAt, c.DeletedAt.Time = c.CreatedAt.UTC(), c.UpdatedAt.UTC(), c.DeletedAt.Time.UTC()
		}
	}
	return found
}

// equal fails unless both sides have the same rows, and nothing waits to be copied.
func (w *world) equal() {
	w.t.Helper()
	if a, b := rows[client](w.t, w.old), rows[client](w.t, w.fresh); !reflect.DeepEqual(a, b) {
		w.t.Errorf("the old side has %+v\nthe new side has %+v", a, b)
	}
	if a, b := rows[note](w.t, w.old), rows[note](w.t, w.fresh); !reflect.DeepEqual(a, b) {
		w.t.Errorf("the old side has notes %+v\nthe new side has %+v", a, b)
	}
	for name, side := range map[string]*gorm.DB{"old": w.old, "new": w.fresh} {
		if marks, n, err := cutover.GORM(side).Marked(w.t.Context(), "clients", 10); err != nil || n != 0 {
			w.t.Errorf("on the %s side %v are marked, %v", name, marks, err)
		}
	}
	if n := w.clients.calls.Load(); n != 0 {
		w.t.Errorf("%d calls were never ended", n)
	}
}

// names are those that a side has, and that a reader sees.
func names(t testing.TB, side *gorm.DB) (found []string) {
	t.Helper()
	must(t, side.Model(&client{}).Order("name").Pluck("name", &found).Error)
	return found
}

// compared makes a router tell the world of its comparisons.
func (w *world) compared(r *cutover.Router) {
	r.Compared = func(c cutover.Comparison) { w.comparisons <- c }
}

// second is another instance of the host, on the same databases.
func (w *world) second(entity cutover.Located) *gorm.DB {
	w.t.Helper()
	pool, err := w.old.DB()
	must(w.t, err)
	dialector := sqlite.On(pool)
	if w.old.Name() == "postgres" {
		dialector = postgres.New(postgres.Config{Conn: pool})
	}
	db, err := gorm.Open(dialector, &gorm.Config{Logger: logger.Discard})
	must(w.t, err)
	w.router(db, entity)
	return db
}
