package cutover

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/toprent/flags/models"
)

// StepBack is a tenant's way back to the original side, because too much went wrong on the new one. It has the fields of
// changes.StepBack, so that one converts to the other.
type StepBack struct {
	Environment string
	Flag        string
	Tenant      string // empty: all
	Reason      string
	Author      string
}

const (
	judgeLife = 30 * time.Second
	judgeName = "/step-back"

	// Author is who steps tenants back, in the history.
	Author = "cutover"
)

// judged is what one instance for all has seen of an entity's tenants.
type judged map[string]*window

// window is a tenant's comparisons since its last verdict.
type window struct {
	models.CutoverTenant      // what was counted when the window began
	Stepped              bool `json:"stepped,omitempty"` // it was stepped back, and has not been seen elsewhere since
}

// stepsBack steps tenants back that fall below their entity's limits, as long as ctx allows.
func (c *Cutover) stepsBack(ctx context.Context) {
	if c.stepBack == nil || c.store == nil {
		return
	}
	for ctx.Err() == nil {
		for _, m := range c.all() {
			if _, _, limits := c.known(m.key); limits.StepBack && m.router.moving() && ctx.Err() == nil {
				m.failed(stepping, c.judge(ctx, m, limits))
			}
		}
		wait(ctx, 2*c.every, func() bool { return false }) // no sooner than others can have told
	}
}

// judge looks at an entity's tenants, on the instance that does so for all. What it has seen is kept in the journal, so
// that nobody is stepped back twice for the same.
func (c *Cutover) judge(ctx context.Context, m *member, limits models.CutoverLimits) error {
	name := c.flags.Environment() + "/" + m.key + judgeName
	state, held, err := c.journal.hold(ctx, name, c.instance, judgeLife)
	if err != nil || !held {
		return err
	}
	seen := judged{}
	if state != "" && json.Unmarshal([]byte(state), &seen) != nil {
		seen = judged{}
	}
	tenants, err := c.tenants(ctx, m.key)
	if err != nil {
		return err
	}
	failed := seen.judgeAll(tenants, m.router.OnNew, limits, func(tenant, reason string) error {
		if err := c.stepBack(ctx, StepBack{c.flags.Environment(), m.key, tenant, reason, Author}); err != nil {
			return fmt.Errorf("step %s back: %w", c.whom(tenant), err)
		}
		c.log.Warn("cutover: stepped back", "entity", m.key, "tenant", tenant, "reason", reason)
		return nil
	})
	text, err := json.Marshal(seen)
	if err != nil {
		return err
	}
	return errors.Join(failed, c.journal.keep(ctx, name, c.instance, string(text)))
}

// judgeAll steps back whoever has to. One who cannot be stepped back is tried again, and keeps nobody else from it.
func (j judged) judgeAll(tenants map[string]models.CutoverTenant, onNew func(tenant string) bool, limits models.CutoverLimits, back func(tenant, reason string) error) (failed error) {
	for tenant, counted := range tenants {
		reason := j.judge(tenant, counted, onNew(tenant), limits)
		if reason == "" {
			continue
		}
		if err := back(tenant, reason); err != nil {
			failed = errors.Join(failed, err)
			continue
		}
		j[tenant].Stepped = true
	}
	return failed
}

func (c *Cutover) whom(tenant string) string {
	if tenant == "" {
		return "all tenants"
	}
	return fmt.Sprintf("tenant %q", tenant)
}

// judge says why a tenant has to step back; empty: it has not to. A window that was good is followed by another, so that a
// good past does not hide a bad present. A tenant that was stepped back is judged anew once it has left the new side and
// come to it again, since its rules may take a moment to get here.
func (j judged) judge(tenant string, counted models.CutoverTenant, onNew bool, limits models.CutoverLimits) string {
	w := j[tenant]
	switch {
	case w == nil, !onNew, counted.Compared < w.Compared || counted.Different < w.Different || counted.Errors < w.Errors: // an instance was forgotten
		j[tenant] = &window{CutoverTenant: counted, Stepped: w != nil && w.Stepped && onNew}
		return ""
	case w.Stepped:
		return ""
	}
	all := counted.Compared - w.Compared
	bad := counted.Different - w.Different + counted.Errors - w.Errors
	allowed := (max(limits.Compared, 1)*(1_000_000-limits.Agreement) + 999_999) / 1_000_000 // in a whole window
	switch {
	case bad > allowed:
		return fmt.Sprintf("%d of the last %d reads differed or failed on the new side: at most %d of %d may", bad, max(all, bad), allowed, max(limits.Compared, 1))
	case all >= limits.Compared:
		j[tenant] = &window{CutoverTenant: counted}
	}
	return ""
}

// tenants are what all instances have counted, by tenant.
func (c *Cutover) tenants(ctx context.Context, key string) (map[string]models.CutoverTenant, error) {
	rows, err := c.store.CutoverInstancesOf(ctx, c.flags.Environment(), key, c.flags.Now().Add(-24*time.Hour))
	if err != nil {
		return nil, err
	}
	all := map[string]models.CutoverTenant{}
	for _, row := range rows {
		for _, t := range row.Told().Tenants {
			sum := all[t.Tenant]
			all[t.Tenant] = models.CutoverTenant{Tenant: t.Tenant, Compared: sum.Compared + t.Compared, Different: sum.Different + t.Different, Errors: sum.Errors + t.Errors}
		}
	}
	return all, nil
}
