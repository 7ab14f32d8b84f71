package catalog

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/toprent/flags/models"
	"github.com/toprent/flags/ruleset"
)

// pastStates is how many past states are kept. What did not change between two of them they share.
const pastStates = 64

// past are the past states that were asked for last, the latest first. They never change, so they are never stale: they
// are kept by their digests too, since a restored database counts the same numbers again.
type past struct {
	mu     sync.Mutex
	states []*Environment
}

// At gives an environment as it was at a revision; at 0 it was empty. What is written about environments and flags is as it
// is now. It returns service.ErrNoEnvironment, or models.ErrNotFound if there is no such revision.
func (c *Catalog) At(ctx context.Context, environment string, number int64) (*Environment, error) {
	row, err := c.store.Environment(ctx, environment)
	if err != nil {
		return nil, err
	}
	if number == row.Head {
		return c.at(ctx, row, &models.Texts{})
	}
	present := row
	row.Head, row.Digest = number, nil
	if number == 0 {
		return empty.with(row, models.Rows{}, nil, nil), nil
	}
	if number < 0 || number > present.Head {
		return nil, fmt.Errorf("revision %d of %q: %w", number, environment, models.ErrNotFound)
	}
	revision, err := c.store.Revision(ctx, environment, number)
	if err != nil {
		return nil, err
	}
	row.Digest = revision.Digest
	if known := c.past.find(row); known != nil {
		return known, nil
	}
	now, err := c.at(ctx, present, &models.Texts{})
	if err != nil {
		return nil, err
	}
	then, err := c.readPast(ctx, now, row)
	if err != nil {
		return nil, err
	}
	c.past.add(then)
	return then, nil
}

// farAway is from how many revisions on everything is read, rather than what changed in between, which grows with them.
const farAway = 300

// readPast makes the state at the row's revision from the nearest one that is known.
func (c *Catalog) readPast(ctx context.Context, present *Environment, row models.Environment) (*Environment, error) {
	flags, err := c.Flags(ctx)
	if err != nil {
		return nil, err
	}
	near := c.near(ctx, present, row.Head)
	first, last := min(near.Head, row.Head), max(near.Head, row.Head)
	var then *Environment
	if last-first > farAway {
		rows, err := c.store.RowsAt(ctx, row.Name, row.Head)
		if err != nil {
			return nil, err
		}
		then = empty.with(row, rows, flags, &models.Texts{})
	} else {
		rows, err := c.store.ChangedRows(ctx, row.Name, first, last)
		if err != nil {
			return nil, err
		}
		then = near.with(row, rows, flags, &models.Texts{})
	}
	then.last = &atomic.Pointer[ruleset.Revision]{} // the present state's own goes on with what is published next
	then.last.Store(near.last.Load())
	return then, nil
}

// near gives the known state that is the fewest revisions away: the present one, or one that is kept and still belongs to
// what is stored, which after the database was restored it may not.
func (c *Catalog) near(ctx context.Context, present *Environment, number int64) *Environment {
	near := c.past.nearest(present, number)
	if near == present {
		return present
	}
	if stored, err := c.store.Revision(ctx, near.Name, near.Head); err != nil || stored.ID() != near.ID() {
		return present
	}
	return near
}

// find gives a state that is kept, under what is now written about the environment, and moves it to the front; else nil.
func (p *past) find(row models.Environment) *Environment {
	p.mu.Lock()
	defer p.mu.Unlock()
	i := slices.IndexFunc(p.states, func(e *Environment) bool { return e.ID() == row.ID() })
	if i < 0 {
		return nil
	}
	found := p.states[i].titled(row)
	p.states = slices.Insert(slices.Delete(p.states, i, i+1), 0, found)
	return found
}

// nearest gives the state of the environment that is the fewest revisions away from a number.
func (p *past) nearest(present *Environment, number int64) *Environment {
	p.mu.Lock()
	defer p.mu.Unlock()
	nearest := present
	for _, e := range p.states {
		if e.Name == present.Name && distance(e.Head, number) < distance(nearest.Head, number) {
			nearest = e
		}
	}
	return nearest
}

func distance(a, b int64) int64 { return max(a-b, b-a) }

// add keeps a state, and lets go of the one that nobody has asked for the longest.
func (p *past) add(e *Environment) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.states = slices.Insert(p.states, 0, e)
	p.states = slices.Delete(p.states, min(len(p.states), pastStates), len(p.states))
}
