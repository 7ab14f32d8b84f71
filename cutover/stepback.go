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
	judgeRest = 60 // seconds after a step back, in which what comes in is of the time before it

	// Author is who steps tenants back, in the history.
	Author = "cutover"
)

// judged is what is not held against an entity's tenants any more, since they were stepped back for it.
type judged map[string]pardon

// pardon is what was counted for a tenant up to a step back: all of the turns before that one, and so much of it.
type pardon struct {
	At       int64 `json:"at"`
	Compared int64 `json:"compared"`
	Bad      int64 `json:"bad"`
	Until    int64 `json:"until"` // seconds since 1970: what is told until then is pardoned too
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

// judge looks at an entity's tenants, on the instance that does so for all. What it has done is kept in the journal, so
// that nobody is stepped back twice for the same. Nobody has to know at which stage a tenant is: what is stored of tenants
// was counted while the new side answered them, and a step back of one whom the old side answers changes nothing.
func (c *Cutover) judge(ctx context.Context, m *member, limits models.CutoverLimits) error {
	name := c.flags.Environment() + "/" + m.key + judgeName
	state, held, err := c.journal.hold(ctx, name, c.instance, judgeLife)
	if err != nil || !held {
		return err
	}
	before := judged{}
	if state != "" && json.Unmarshal([]byte(state), &before) != nil {
		before = judged{}
	}
	rows, err := c.store.CutoverTroubled(ctx, c.flags.Environment(), m.key, c.flags.Now(), judgedOver(limits))
	if err != nil {
		return err
	}
	after, failed := before.judgeAll(byTenant(rows), limits, c.flags.Now(), func(tenant, reason string) error {
		if err := c.stepBack(ctx, StepBack{c.flags.Environment(), m.key, tenant, reason, Author}); err != nil {
			return fmt.Errorf("step tenant %q back: %w", tenant, err)
		}
		c.log.Warn("cutover: stepped back", "entity", m.key, "tenant", tenant, "reason", reason)
		return nil
	})
	text, err := json.Marshal(after)
	if err != nil {
		return err
	}
	if string(text) == state {
		return failed
	}
	return errors.Join(failed, c.journal.keep(ctx, name, c.instance, string(text)))
}

func byTenant(rows []models.CutoverAgreement) map[string][]models.CutoverAgreement {
	all := map[string][]models.CutoverAgreement{}
	for _, row := range rows {
		all[row.Tenant] = append(all[row.Tenant], row)
	}
	return all
}

// judgeAll steps back whoever has to, and returns what is pardoned then. One who cannot be stepped back is tried again, and
// keeps nobody else from it.
func (j judged) judgeAll(tenants map[string][]models.CutoverAgreement, limits models.CutoverLimits, now time.Time, back func(tenant, reason string) error) (after judged, failed error) {
	after = judged{}
	for tenant, counted := range tenants {
		p, stepped := j[tenant]
		if !stepped || now.Unix() >= p.Until {
			if reason := p.judge(counted, limits); reason == "" {
				if stepped {
					after[tenant] = p
				}
				continue
			} else if err := back(tenant, reason); err != nil {
				failed = errors.Join(failed, err)
				if stepped {
					after[tenant] = p
				}
				continue
			}
			p.Until = now.Unix() + judgeRest
		}
		last := counted[len(counted)-1]
		after[tenant] = pardon{last.At, last.Compared, last.Bad(), p.Until}
	}
	return after, failed
}

// judge says why a tenant has to step back, by what was counted for it and is not pardoned; empty: it has not to. As long as
// there are fewer comparisons than limits ask for, as much may go wrong as could of so many.
func (p pardon) judge(counted []models.CutoverAgreement, limits models.CutoverLimits) string {
	var all, bad int64
	for _, row := range counted {
		switch {
		case row.At > p.At:
			all, bad = all+row.Compared, bad+row.Bad()
		case row.At == p.At:
			all, bad = all+row.Compared-p.Compared, bad+row.Bad()-p.Bad
		}
	}
	of := max(all, limits.Compared, 1)
	allowed := (of*(1_000_000-limits.Agreement) + 999_999) / 1_000_000
	if bad <= allowed {
		return ""
	}
	return fmt.Sprintf("%d of the last %d answers of the new side differed or failed: at most %d of %d may, over %s", bad, max(all, bad), allowed, of, judgedOver(limits))
}
