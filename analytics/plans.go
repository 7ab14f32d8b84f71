package analytics

import (
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
	if r.keepPlan(who.Tenant, who.Plan, r.about(models.EventPlan, who, place)) {
		r.noted.Put(identity, tag)
	}
}

// planChanged hears from the host that a tenant has moved.
func (r *Recorder) planChanged(tenant, from, to string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if tenant != "" && to != "" {
		r.keepPlan(tenant, to, r.about(models.EventPlan, &ruleset.Subject{Tenant: tenant, Plan: to}, "host"))
	}
}

func (r *Recorder) keepPlan(tenant, plan string, change models.FeatureFlagEvent) bool {
	seen := models.PlanSeen{AnalyticsTenant: models.AnalyticsTenant{Environment: change.Environment, Tenant: r.private(tenant), Plan: r.private(plan), Since: change.At}, Change: change}
	if seen.Tenant == "" { // nothing of its id can be stored
		return true
	}
	if _, waits := r.plans[seen.Tenant]; !waits && len(r.plans) >= r.MaxWaiting {
		r.dropped.Add(1)
		return false
	}
	r.plans[seen.Tenant] = seen
	return true
}
