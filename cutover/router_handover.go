package cutover

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"
)

// ErrHandover says that a tenant's authority has changed, and that the side that was the authority before does not answer,
// or has transactions that do not end. What the tenant wrote there last may be there alone, so it is neither read nor written
// elsewhere. It ends by itself: once that side answers, once all instances follow the new stage and say that they have copied all
// that they wrote, or with a step back.
var ErrHandover = errors.New("the tenant could not be taken to the side of its new stage yet: try again; if that lasts, bring the other side back, or step back")

// open returns the side whose door is open for a tenant: the authority by its stage, unless somebody follows a newer revision.
// Only the first statements after a change of authority have to wait, and no longer than Router.Handover.
func (r *group) open(ctx context.Context, tenant string, at Location) (side int, err error) {
	side = sideAt(at.Stage)
	if r.settled.is(tenant, side) {
		return side, nil
	}
	if err := r.refusals.of(tenant); err != nil && !r.free(1-side, tenant, at.Revision) {
		return 0, err
	}
	waiting, cancel := context.WithTimeout(ctx, r.patience(ctx))
	defer cancel()
	to, revision := side, at.Revision
	for range attempts {
		err = r.change(waiting, tenant, to, revision)
		if newer, ok := errors.AsType[newerError](err); ok {
			to, revision = 1-to, newer.revision // where the other instance is, or will be in a moment
			continue
		}
		break
	}
	if err != nil {
		err = fmt.Errorf("%s: %w: %w", r.name, ErrHandover, err)
		if ctx.Err() == nil && !errors.Is(err, ErrMoved) {
			r.refusals.keep(tenant, err, r.routes[0].all.Patience)
		}
		return 0, err
	}
	if to == side {
		r.settled.on(tenant, side)
	}
	return to, nil
}

// patience is how long a statement waits for a change of sides: half of its time, so that it can still be answered.
func (r *group) patience(ctx context.Context) time.Duration {
	longest := r.routes[0].all.Handover
	deadline, ok := ctx.Deadline()
	if !ok {
		return longest
	}
	return min(longest, time.Until(deadline)/2)
}

// refusals keep who could not be taken to its side a moment ago, so that not each of its statements waits. The zero value is
// ready.
type refusals struct{ tenants sync.Map }

type refusal struct {
	until time.Time
	err   error
}

func (r *refusals) of(tenant string) error {
	known, ok := r.tenants.Load(tenant)
	if !ok {
		return nil
	}
	if known.(refusal).until.After(time.Now()) {
		return known.(refusal).err
	}
	r.tenants.CompareAndDelete(tenant, known)
	return nil
}

func (r *refusals) keep(tenant string, err error, pause time.Duration) {
	r.tenants.Store(tenant, refusal{time.Now().Add(pause), err})
}

// change opens a side for a tenant, or for all of them, and closes the other before.
func (r *group) change(ctx context.Context, tenant string, to int, revision int64) error {
	doors, err := r.doors(ctx, to, tenant)
	if err != nil {
		return err
	}
	for _, d := range doors {
		switch {
		case d.Side == to && r.counts(ctx, d, revision):
			continue
		case d.Side != to && d.Revision > revision:
			return newerError{d.Revision}
		}
		if err := r.hand(ctx, d.Tenant, to, revision); err != nil {
			return err
		}
	}
	return nil
}

// counts reports whether an open door is open indeed. If nobody can say so, the other side is asked.
func (r *group) counts(ctx context.Context, d door, revision int64) bool {
	if r.owner == nil || d.Revision >= revision {
		return true
	}
	below, err := r.doorsCount(ctx, d.Side, revision)
	return err == nil && d.Revision >= below
}

// free reports whether it is known that a side has nothing of a tenant that the other has not.
func (r *group) free(side int, tenant string, revision int64) bool {
	return r.owner != nil && r.owner.free(side, tenant, revision)
}

// hand takes a tenant from one side to the other, without asking the one if that is not needed.
func (r *group) hand(ctx context.Context, tenant string, to int, revision int64) error {
	from, free := 1-to, r.free(1-to, tenant, revision)
	if r.owner != nil && !r.owner.whole(from) || free && r.away[from].on(time.Now()) {
		return r.bypass(ctx, tenant, to, revision)
	}
	asking, cancel := ctx, context.CancelFunc(func() {})
	if free {
		asking, cancel = context.WithTimeout(ctx, r.patience(ctx)/2)
	}
	err := r.handOver(asking, door{tenant, revision, to})
	cancel()
	if err == nil || !free || errors.Is(err, ErrMoved) || ctx.Err() != nil {
		return err
	}
	r.away[from].set(time.Now(), r.routes[0].all.Patience)
	return r.bypass(ctx, tenant, to, revision)
}

// handOver closes the one side, copies what was written there, and opens the other.
func (r *group) handOver(ctx context.Context, d door) error {
	if err := r.close(ctx, d); err != nil {
		return err
	}
	if err := r.drain(ctx, 1-d.Side); err != nil {
		return err
	}
	return r.openDoor(ctx, d)
}

func (r *group) openDoor(ctx context.Context, d door) error {
	for _, table := range r.routes {
		if err := table.sides[d.Side].advance(ctx); err != nil {
			return err
		}
	}
	return r.setDoor(ctx, d.Side, d)
}

// bypass opens a side without the other one, which has nothing that is not here. The other one's door is closed when it is back.
func (r *group) bypass(ctx context.Context, tenant string, to int, revision int64) error {
	if err := r.leaveOpen(ctx, 1-to, revision); err != nil {
		return err
	}
	r.unclosed.Store(true)
	return r.openDoor(ctx, door{tenant, revision, to})
}

// followLimit is how long one look at all tenants goes on after its first problem.
const followLimit = 10 * time.Second

// followed does follow if there is anything new.
func (r *group) followed(ctx context.Context) error {
	at := r.owner.router.current()
	if at.rules == nil || r.followedAt.Load() == at.rules.revision && !r.unclosed.Load() {
		return nil
	}
	r.unclosed.Store(false)
	if err := r.follow(ctx); err != nil {
		r.unclosed.Store(true)
		return err
	}
	r.followedAt.Store(at.rules.revision)
	return nil
}

// follow takes all tenants that are known to the side of their stage, before anybody waits for it, and closes doors that were
// left open.
func (r *group) follow(ctx context.Context) error {
	var problems []error
	var known [2]map[string]door
	tenants := map[string]bool{}
	for side := range 2 {
		doors, err := r.known(ctx, side)
		problems = append(problems, err)
		known[side] = map[string]door{}
		for _, d := range doors {
			known[side][d.Tenant], tenants[d.Tenant] = d, true
		}
	}
	began := time.Now()
	for _, tenant := range slices.Sorted(maps.Keys(tenants)) {
		if ctx.Err() != nil || errors.Join(problems...) != nil && time.Since(began) > followLimit {
			break
		}
		problems = append(problems, r.take(ctx, tenant, known))
	}
	return errors.Join(problems...)
}

// known are the doors of a side.
func (r *group) known(ctx context.Context, side int) ([]door, error) {
	ctx, cancel := context.WithTimeout(ctx, r.routes[0].all.Handover)
	defer cancel()
	return r.doors(ctx, side, "")
}

// take takes one tenant to its side.
func (r *group) take(ctx context.Context, tenant string, known [2]map[string]door) error {
	at, err := r.entity.Locate(ctx, tenant, false)
	if errors.Is(err, ErrManyStages) || errors.Is(err, ErrUnknownTenant) {
		return nil
	}
	if err != nil {
		return err
	}
	defer at.end()
	if !at.Moving {
		return nil
	}
	side, err := r.open(ctx, tenant, at)
	if err != nil || side != sideAt(at.Stage) {
		return err
	}
	if left, ok := known[1-side][tenant]; r.owner == nil || !ok || left.Side == side {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, r.routes[0].all.Handover)
	defer cancel()
	if err := r.close(ctx, door{tenant, at.Revision, side}); err != nil || !r.owner.whole(1-side) {
		return err
	}
	return r.drain(ctx, 1-side)
}
