package cutover

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"time"

	"github.com/toprent/flags/models"
	"github.com/toprent/flags/ruleset"
	"github.com/toprent/flags/service"
)

// Options say what entities are moved by.
type Options struct {
	// Flags is where stages come from. Required.
	Flags *service.FeatureFlagService

	// Journal is where writes are announced, the same for all instances. Required.
	Journal *Journal

	// Store is the flag database, where instances tell of themselves and copying is begun. Defaults to none, for one
	// instance alone: then entities are routed, written and repaired, but nothing is copied, and the settings pages show
	// nothing.
	Store *models.Store

	// StepBack makes a change: changes.Changes.StepBack does. Defaults to none: no tenant steps back by itself.
	StepBack func(ctx context.Context, s StepBack) error

	// Tenant says what rules may ask of a tenant beside its id: its plan, and its attributes whose names begin with "tenant.".
	// It is asked where no request says so: by repairs, and for statements of a Router. Reads and writes of an Entity never
	// wait for it. Defaults to what the directory in Store has of the tenant, if it has all that rules ask for.
	Tenant func(ctx context.Context, tenant string) (ruleset.Subject, error)

	// Host names the machine; defaults to its host name.
	Host string

	// Logger defaults to slog.Default().
	Logger *slog.Logger

	// Tell is how often the instance tells of itself; defaults to 2 seconds.
	Tell time.Duration

	// Batch is how many rows are copied or compared at once; defaults to 500, and is at most 5,000.
	Batch int
}

// Cutover is what an instance moves.
type Cutover struct {
	flags    *service.FeatureFlagService
	journal  *Journal
	store    *models.Store
	stepBack func(ctx context.Context, s StepBack) error
	tenant   func(ctx context.Context, tenant string) (ruleset.Subject, error)
	instance string
	host     string
	log      *slog.Logger
	every    time.Duration
	batch    int

	mu       sync.Mutex // guards what follows
	entities []*member
	heard    heard
	running  bool
}

// member is an entity as the instance runs it.
type member struct {
	key    string
	router *router
	moved  moved

	mu      sync.Mutex // guards what follows
	acked   int64      // the last revision that was acknowledged
	told    string     // what the flag database has
	toldAt  time.Time
	waiting waiting
	behind  map[string]string // why repairs, copying or the like do not go on
}

// waiting is what has to be repaired and copied yet.
type waiting struct {
	queue  int64
	oldest time.Duration
	marked int64
}

// maxBatch is how many rows one statement about numbers can name: each takes four parameters, and SQLite takes 32,766.
const maxBatch = 5000

// New makes a Cutover without entities; Add adds them. Run is to be called too.
func New(o Options) (*Cutover, error) {
	switch {
	case o.Flags == nil:
		return nil, errors.New("cutover.Options.Flags is missing: give it the service that follows the flags")
	case o.Journal == nil:
		return nil, errors.New("cutover.Options.Journal is missing: give it the journal that all instances share")
	case o.Batch < 0 || o.Tell < 0:
		return nil, errors.New("cutover.Options.Batch and Tell must be above 0, or 0 for the default")
	case o.Batch > maxBatch:
		return nil, fmt.Errorf("cutover.Options.Batch is %d, but at most %d rows can be named in one statement", o.Batch, maxBatch)
	}
	c := &Cutover{flags: o.Flags, journal: o.Journal, store: o.Store, stepBack: o.StepBack, tenant: o.Tenant, instance: rand.Text(), host: o.Host, log: o.Logger, every: o.Tell, batch: o.Batch}
	if c.host == "" {
		c.host, _ = os.Hostname()
	}
	if c.log == nil {
		c.log = slog.Default()
	}
	if c.every == 0 {
		c.every = 2 * time.Second
	}
	if c.batch == 0 {
		c.batch = 500
	}
	return c, nil
}

// startTimeout is how long the start of an entity waits for the journal and for the flag database.
const startTimeout = 5 * time.Second

// add makes an entity one of those that the instance runs. What it needs of the journal and the flag database is asked
// for now, but the entity starts without either.
func (c *Cutover) add(key string, m moved, r *router) error {
	ctx, cancel := context.WithTimeout(context.Background(), startTimeout)
	defer cancel()
	if err := apart(ctx, key, m.kept(false), m.kept(true)); err != nil {
		return err
	}
	c.mu.Lock()
	for _, other := range c.entities {
		if other.key == key {
			c.mu.Unlock()
			return fmt.Errorf("the entity %q was added already", key)
		}
	}
	if c.running {
		c.mu.Unlock()
		return fmt.Errorf("the entity %q comes too late: add all before Run", key)
	}
	own := &member{key: key, router: r, moved: m, behind: map[string]string{}}
	c.entities = append(c.entities, own)
	c.mu.Unlock()
	if err := c.read(ctx); err != nil {
		c.log.Warn("cutover: the flag database cannot be asked at the start", "entity", key, "error", err)
	}
	if err := r.refresh(ctx); err != nil {
		c.log.Warn("cutover: the journal could not be asked at the start", "entity", key, "error", err)
	}
	own.acknowledges()
	if err := c.tell(ctx, []*member{own}, false); err != nil { // others have to know at once that they wait for this one too
		c.log.Warn("cutover: the flag database could not be told of this instance", "entity", key, "error", err)
	}
	return nil
}

// newRouter makes the router of an entity.
func (c *Cutover) newRouter(key string) *router {
	synced := func() bool {
		progress, found, _ := c.known(key)
		return found && progress.Kept()
	}
	return &router{key: key, flags: c.flags, journal: c.journal, tenant: c.asksTenant(), synced: synced, log: c.log}
}

// Instance names this instance among those that tell of entities: drawn at its start, and never used again.
func (c *Cutover) Instance() string { return c.instance }

// all are the entities.
func (c *Cutover) all() []*member {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.entities[:len(c.entities):len(c.entities)]
}

// Ready says which entities cannot be used, and why; nil if all can be. It asks no database.
func (c *Cutover) Ready() error {
	var problems []error
	for _, m := range c.all() {
		problems = append(problems, m.router.ready())
	}
	return errors.Join(problems...)
}
