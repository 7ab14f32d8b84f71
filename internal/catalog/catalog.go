// Package catalog keeps the newest state of every environment in memory, for pages that show all of it: what a publish
// changed is read, not everything again. What it gives is immutable, and never older than the request that asks.
package catalog

import (
	"cmp"
	"context"
	"fmt"
	"runtime/debug"
	"sync"

	"github.com/toprent/flags/models"
)

// Catalog is safe for concurrent use.
type Catalog struct {
	store *models.Store

	mu           sync.Mutex // guards the maps, not what is in them
	environments map[string]*slot
	flags        flagSlot

	past past
}

// slot is one environment as it was last read. Its lock lets one request read what others wait for.
type slot struct {
	mu      sync.Mutex
	present *Environment
}

type flagSlot struct {
	mu      sync.Mutex
	stamp   string
	present *Flags
}

// New makes a catalog. It reads nothing before it is asked.
func New(store *models.Store) *Catalog {
	return &Catalog{store: store, environments: map[string]*slot{}}
}

// Flags are what all environments share about flags.
type Flags struct {
	ByKey map[string]models.FeatureFlag
	byID  map[string]models.FeatureFlag
}

// Flags gives what all environments share about flags, archived ones included.
func (c *Catalog) Flags(ctx context.Context) (*Flags, error) {
	c.flags.mu.Lock()
	defer c.flags.mu.Unlock()
	stamp, err := c.store.FlagsStamp(ctx)
	if err != nil {
		return nil, err
	}
	if c.flags.present != nil && c.flags.stamp == stamp {
		return c.flags.present, nil
	}
	byKey, err := c.store.FlagsByKey(ctx)
	if err != nil {
		return nil, err
	}
	flags := &Flags{ByKey: byKey, byID: make(map[string]models.FeatureFlag, len(byKey))}
	for _, flag := range byKey {
		flags.byID[flag.ID] = flag
	}
	c.flags.stamp, c.flags.present = stamp, flags
	return flags, nil
}

// Environments gives all environments, in the order in which they are shown.
func (c *Catalog) Environments(ctx context.Context) ([]*Environment, error) {
	rows, err := c.store.Environments(ctx)
	if err != nil {
		return nil, err
	}
	all := make([]*Environment, len(rows))
	errs := make([]error, len(rows))
	var texts models.Texts
	var reading sync.WaitGroup
	for i, row := range rows {
		if all[i] = c.known(row); all[i] == nil {
			reading.Go(func() { all[i], errs[i] = c.safelyAt(ctx, row, &texts) })
		}
	}
	reading.Wait()
	if err := cmp.Or(errs...); err != nil {
		return nil, err
	}
	return all, nil
}

// known gives the environment if it was read at the row's revision already; else nil.
func (c *Catalog) known(row models.Environment) *Environment {
	s := c.slot(row.Name)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.present == nil || s.present.ID() != row.ID() {
		return nil
	}
	s.present = s.present.titled(row)
	return s.present
}

// safelyAt is at, for goroutines, where a panic would end the host's whole process: there it is an error.
func (c *Catalog) safelyAt(ctx context.Context, row models.Environment, texts *models.Texts) (e *Environment, err error) {
	defer func() {
		if r := recover(); r != nil {
			e, err = nil, fmt.Errorf("read environment %q: panic: %v\n%s", row.Name, r, debug.Stack())
		}
	}()
	return c.at(ctx, row, texts)
}

// Environment gives one environment, or service.ErrNoEnvironment.
func (c *Catalog) Environment(ctx context.Context, name string) (*Environment, error) {
	row, err := c.store.Environment(ctx, name)
	if err != nil {
		return nil, err
	}
	return c.at(ctx, row, &models.Texts{})
}

// at gives the environment as it is at the row's revision, or at a newer one.
func (c *Catalog) at(ctx context.Context, row models.Environment, texts *models.Texts) (*Environment, error) {
	s := c.slot(row.Name)
	s.mu.Lock()
	defer s.mu.Unlock()
	next, err := c.read(ctx, s.present, row, texts)
	if err != nil {
		return nil, err
	}
	s.present = next
	return next, nil
}

func (c *Catalog) slot(environment string) *slot {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := c.environments[environment]
	if s == nil {
		s = &slot{}
		c.environments[environment] = s
	}
	return s
}

// read makes the environment's state at the row's revision from an older one, or from nothing. What the flags are is read last:
// while the largest environment is read, another one does that for all.
func (c *Catalog) read(ctx context.Context, from *Environment, row models.Environment, texts *models.Texts) (*Environment, error) {
	if from != nil && from.ID() == row.ID() {
		return from.titled(row), nil
	}
	from, rows, err := c.rows(ctx, from, row)
	if err != nil {
		return nil, err
	}
	flags, err := c.Flags(ctx)
	if err != nil {
		return nil, err
	}
	return from.with(row, rows, flags, texts), nil
}

// rows are what leads from an environment's older state to the row's revision; from nothing, where there is none, or where it
// is of a database that was restored.
func (c *Catalog) rows(ctx context.Context, from *Environment, row models.Environment) (*Environment, models.Rows, error) {
	if from != nil && from.Head > 0 && from.Head < row.Head {
		then, err := c.store.Revision(ctx, row.Name, from.Head)
		if err == nil && then.ID() == from.ID() {
			changed, err := c.store.ChangedRows(ctx, row.Name, from.Head, row.Head)
			return from, changed, err
		}
	}
	rows, err := c.store.RowsAt(ctx, row.Name, row.Head)
	return empty, rows, err
}
