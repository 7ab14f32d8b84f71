package cutover

import (
	"context"
	"fmt"
	"strconv"
	"sync/atomic"
)

// A side that could not be reached when its tenants were taken from it still has their doors open. So that nobody takes that for
// the truth when it is back, the journal keeps the revision below which a side's doors do not count.

// leftOpen is what an instance knows of that for one side.
type leftOpen struct {
	known atomic.Bool
	asked atomic.Int64 // the revision of the stages under which the journal was asked
	below atomic.Int64
}

func (l *leftOpen) set(asked, below int64) {
	l.below.Store(below)
	l.asked.Store(asked)
	l.known.Store(true)
}

func (t *Tables) leftOpenName(side int) string {
	return t.router.flags.Environment() + "/" + t.Name() + "/open/" + which(side).String()
}

// doorsCount returns the revision from which on a side's open doors count.
func (r *group) doorsCount(ctx context.Context, side int, revision int64) (int64, error) {
	known := &r.leftOpen[side]
	if known.known.Load() && known.asked.Load() >= revision {
		return known.below.Load(), nil
	}
	below, err := r.owner.entity.journal.noted(ctx, r.owner.leftOpenName(side))
	if err == nil {
		known.set(revision, below)
	}
	return below, err
}

// leaveOpen says that a side's doors below a revision do not count.
func (r *group) leaveOpen(ctx context.Context, side int, revision int64) error {
	known := &r.leftOpen[side]
	if known.known.Load() && known.below.Load() >= revision {
		return nil
	}
	t := r.owner
	if s, found, err := t.entity.journal.stage(ctx, t.router.flags.Environment(), t.Name()); err != nil {
		return err
	} else if found && s.Revision > revision {
		return newerError{s.Revision}
	}
	below, err := t.entity.journal.note(ctx, t.leftOpenName(side), revision)
	if err == nil {
		known.set(revision, below)
	}
	return err
}

// note keeps a number under a name, unless a greater one is kept, and returns what is kept then.
func (j *Journal) note(ctx context.Context, name string, n int64) (int64, error) {
	err := j.db.WithContext(ctx).Exec("INSERT INTO cutover_runs (name, holder, held_until, state) VALUES (?, '', 0, ?) ON CONFLICT (name) DO UPDATE SET state = excluded.state"+
		" WHERE CAST(cutover_runs.state AS BIGINT) < CAST(excluded.state AS BIGINT)", name, strconv.FormatInt(n, 10)).Error
	if err != nil {
		return 0, fmt.Errorf("note %s in the journal: %w", name, err)
	}
	return j.noted(ctx, name)
}

// noted is the number that is kept under a name; 0 if there is none.
func (j *Journal) noted(ctx context.Context, name string) (int64, error) {
	var states []string
	err := j.db.WithContext(ctx).Raw("SELECT state FROM cutover_runs WHERE name = ?", name).Scan(&states).Error
	if err != nil || len(states) == 0 {
		return 0, err
	}
	return strconv.ParseInt(states[0], 10, 64)
}
