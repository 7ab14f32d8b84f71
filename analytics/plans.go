package analytics

import (
	"hash/maphash"

	"github.com/toprent/flags/models"
	"github.com/toprent/flags/ruleset"
)

// seePlan notes the plan that somebody's tenant has; whether it is another than before is found out as it is stored, so
// that of all instances one tells it. It is false if there was no room.
func (r *Recorder) seePlan(who *ruleset.Subject, place string) bool {
	if who.Tenant == "" || who.Plan == "" { // unknown, as when the subscription system is down: no change
		return true
	}
	h := mix(mix(1, maphash.String(r.seed, who.Tenant)), maphash.String(r.seed, who.Plan))
	identity := mix(2, maphash.String(r.seed, who.Tenant))
	if r.noted.Has(identity|1, h|1) {
		return true
	}
	if !r.keepPlan(who.Tenant, who.Plan, r.about(models.EventPlan, who, place)) {
		return false
	}
	r.noted.Put(identity|1, h|1)
	return true
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
	if _, waits := r.plans[seen.Tenant]; !waits && len(r.plans) >= r.MaxWaiting {
		r.dropped.Add(1)
		return false
	}
	r.plans[seen.Tenant] = seen
	return true
}
