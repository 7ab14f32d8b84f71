package analytics

import (
	"context"
	"hash/maphash"

	"github.com/toprent/flags/models"
	"github.com/toprent/flags/ruleset"
)

// seePlan notes the plan that somebody's tenant has; whether it is another than before is found out as it is stored, so
// that of all instances one tells it. A plan that is told already costs no lock.
func (r *Recorder) seePlan(who *ruleset.Subject, place string) {
	if who.Tenant == "" || who.Plan == "" { // unknown, as when the subscription system is down: no change
		return
	}
	tenant := maphash.String(r.seed, who.Tenant)
	identity, tag := mix(2, tenant)|1, mix(mix(1, tenant), maphash.String(r.seed, who.Plan))|1
	if r.noted.Has(identity, tag) {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	seen := r.planSeen(who.Tenant, who.Plan, r.about(models.EventPlan, who, place))
	if !r.waits(seen) {
		return
	}
	r.noted.Put(identity, tag)
	if seen.Tenant != who.Tenant {
		if len(r.hidden) >= r.MaxWaiting { // their moves back are noticed by others
			clear(r.hidden)
		}
		r.hidden[seen.Tenant] = tenant
	}
}

// planChanged hears from the host that a tenant has moved. To no plan at all is a move too; of a tenant that had none as far
// as the host knows, what was seen last is the plan before.
func (r *Recorder) planChanged(tenant, from, to string) {
	if tenant == "" || from == to { // it may have bought an add-on, which is no move
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	seen := r.planSeen(tenant, to, r.about(models.EventPlan, &ruleset.Subject{Tenant: tenant, Plan: to}, "host"))
	seen.Told, seen.Previous = true, r.private(from)
	r.waits(seen)
}

func (r *Recorder) planSeen(tenant, plan string, change models.FeatureFlagEvent) models.PlanSeen {
	return models.PlanSeen{AnalyticsTenant: models.AnalyticsTenant{Environment: change.Environment, Tenant: r.private(tenant), Plan: r.private(plan), Since: change.At}, Change: change}
}

// maxMoves bounds what waits of one tenant.
const maxMoves = 64

// waits keeps what is heard of a tenant's plan, each move in its order. It is false if there was no room.
func (r *Recorder) waits(seen models.PlanSeen) bool {
	if seen.Tenant == "" { // nothing of its id can be stored
		return true
	}
	before := r.plans[seen.Tenant]
	if n := len(before); n > 0 && before[n-1].Plan == seen.Plan && !seen.Told {
		return true
	}
	if len(before) >= maxMoves || before == nil && len(r.plans) >= r.MaxWaiting {
		r.dropped.Add(1)
		return false
	}
	r.plans[seen.Tenant] = append(before, seen)
	return true
}

// followPlans hears of moves that others have told, so that a move back is noticed here too.
func (r *Recorder) followPlans(ctx context.Context) error {
	now := r.flags.Now()
	r.mu.Lock()
	since := r.followed.Add(-2 * models.PlanSettles)
	r.mu.Unlock()
	rows, err := r.store.TenantsMoved(ctx, r.flags.Environment(), since)
	if err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.followed = now
	for _, row := range rows {
		tenant, hidden := r.hidden[row.Tenant]
		if !hidden {
			tenant = maphash.String(r.seed, row.Tenant)
		}
		r.noted.Put(mix(2, tenant)|1, mix(mix(1, tenant), maphash.String(r.seed, row.Plan))|1)
	}
	return nil
}
