package cutover

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/toprent/flags/ruleset"
)

// Rules may ask for more of a tenant than its id: its plan, and attributes whose names begin with "tenant.". A request brings
// them; a repair, or a statement that knows a tenant's id alone, does not. They are taken from a request of a moment ago,
// from the host (Options.Tenant), or from the directory of those who were seen. Where nobody knows them, nothing is guessed
// that could lead to the wrong side.

// knowing are Stages that know more of a tenant than its id.
type knowing interface {
	// locate is Begin for who has a tenant's id alone.
	locate(ctx context.Context, tenant string, writing bool) (Place, error)

	// onNew is OnNew, or the error is ErrUnknownTenant.
	onNew(ctx context.Context, tenant string) (bool, error)
}

const (
	freshly    = time.Minute // for so long a request tells of its tenant: others may come to other instances
	attributes = "tenant."   // how the names of attributes begin that rules of a migration may read
)

// data is what rules ask of tenants beside their ids, and what requests have told of it.
type data struct {
	asks  []string        // plan, plan.rank or attributes
	named map[string]bool // tenants with an override: of those nothing is asked

	seen  *sync.Map // tenant to *brought
	known *atomic.Int64
}

// brought is what a request brought. The map never changes.
type brought struct {
	plan       string
	attributes map[string]any
	at         atomic.Int64 // nanoseconds since 1970
}

// dataOf is what a flag's definition asks for.
func dataOf(own ruleset.Definition) *data {
	d := &data{named: map[string]bool{}, seen: &sync.Map{}, known: &atomic.Int64{}}
	used := map[string]bool{}
	for _, rule := range own.Flags[0].Rules {
		if rule.When != nil {
			attributesRead(*rule.When, used)
		}
	}
	for _, segment := range own.Segments {
		attributesRead(segment.When, used)
	}
	delete(used, "")
	delete(used, ruleset.AttributeTenant)
	d.asks = slices.Sorted(maps.Keys(used))
	for _, o := range own.Overrides {
		d.named[o.Tenant] = true
	}
	return d
}

func attributesRead(c ruleset.Condition, used map[string]bool) {
	used[c.Attribute] = true
	if c.Not != nil {
		attributesRead(*c.Not, used)
	}
	for _, child := range slices.Concat(c.All, c.Any) {
		attributesRead(child, used)
	}
}

// goesOn keeps what requests told to the rules before.
func (d *data) goesOn(before *data) {
	if len(before.asks) > 0 {
		d.seen, d.known = before.seen, before.known
	}
}

// note keeps what a request tells of its tenant.
func (d *data) note(s *ruleset.Subject) {
	now := time.Now().UnixNano()
	old, found := d.seen.Load(s.Tenant)
	if found {
		if b := old.(*brought); b.tells(s) {
			b.at.Store(now)
			return
		}
	} else if d.known.Add(1) > maxTenantsCounted {
		d.known.Add(-1)
		return
	}
	b := &brought{plan: s.Plan, attributes: map[string]any{}}
	for name, value := range s.Attributes {
		if strings.HasPrefix(name, attributes) {
			b.attributes[name] = ownCopy(value)
		}
	}
	b.at.Store(now)
	d.seen.Store(strings.Clone(s.Tenant), b)
}

// tells reports whether a request brought the same.
func (b *brought) tells(s *ruleset.Subject) bool {
	if b.plan != s.Plan {
		return false
	}
	n := 0
	for name, value := range s.Attributes {
		if strings.HasPrefix(name, attributes) {
			mine, ok := b.attributes[name]
			if n++; !ok || !reflect.DeepEqual(mine, value) {
				return false
			}
		}
	}
	return n == len(b.attributes)
}

// ownCopy is a value that the request cannot change any more.
func ownCopy(value any) any {
	switch v := value.(type) {
	case []string:
		return slices.Clone(v)
	case []any:
		return slices.Clone(v)
	}
	return value
}

// about is the subject that rules can be asked about for a tenant.
func (r *router) about(ctx context.Context, d *data, tenant string) (ruleset.Subject, error) {
	s := ruleset.Subject{Tenant: tenant}
	if len(d.asks) == 0 || d.named[tenant] {
		return s, nil
	}
	if old, found := d.seen.Load(tenant); found {
		if b := old.(*brought); time.Now().UnixNano()-b.at.Load() < int64(freshly) {
			s.Plan, s.Attributes = b.plan, b.attributes
			return s, nil
		}
	}
	if r.tenant == nil {
		return s, fmt.Errorf("%w: %q", ErrUnknownTenant, tenant)
	}
	told, err := r.tenant(ctx, tenant, d.asks)
	if err != nil {
		return s, fmt.Errorf("%w: %q: %w", ErrUnknownTenant, tenant, err)
	}
	s.Plan, s.Attributes = told.Plan, told.Attributes
	return s, nil
}

func (r *router) onNew(ctx context.Context, tenant string) (bool, error) {
	at := r.current()
	switch {
	case at.rules == nil:
		return false, ErrNoStage
	case tenant == "":
		return at.rules.reachable.Min().New(), nil
	}
	if old, fresh := at.rules.authorities(); old != fresh { // nothing has to be known
		return fresh, nil
	}
	s, err := r.about(ctx, at.rules.data, tenant)
	if err != nil {
		return false, err
	}
	stage, err := at.rules.decide(&s, false)
	return err == nil && stage.New(), err
}

// locate returns where a tenant's rows are. Of one of whom nothing is known, that is the stage of those that are possible in
// which both sides are written; where it could be either side that answers, nobody can say.
func (r *router) locate(ctx context.Context, tenant string, writing bool) (Place, error) {
	rules, err := r.enter()
	if err != nil {
		return Place{}, err
	}
	s, unknown := r.about(ctx, rules.data, tenant)
	stage := ruleset.StageDualWrite
	switch old, fresh := rules.authorities(); {
	case tenant == "" || unknown == nil:
		stage, err = rules.decide(&s, writing)
	case old && fresh:
		err = unknown
	case rules.reachable.Min() == rules.reachable.Max():
		stage = rules.reachable.Min()
	case fresh:
		stage = ruleset.StageRampdown
	}
	return rules.place(stage, err)
}

// asksTenant is how a Cutover finds out about a tenant: from the host, or else from the directory of those who were seen.
func (c *Cutover) asksTenant() func(ctx context.Context, tenant string, asks []string) (ruleset.Subject, error) {
	switch {
	case c.tenant != nil:
		return func(ctx context.Context, tenant string, _ []string) (ruleset.Subject, error) {
			return c.tenant(ctx, tenant)
		}
	case c.store != nil:
		return c.seen
	}
	return nil
}

// seen is what the directory has of a tenant. It keeps attributes by an allow-list, so one that it lacks is not known to be
// missing.
func (c *Cutover) seen(ctx context.Context, tenant string, asks []string) (s ruleset.Subject, err error) {
	ctx, cancel := context.WithTimeout(ctx, tellLimit)
	defer cancel()
	row, err := c.store.TenantSeen(ctx, c.flags.Environment(), tenant)
	if err != nil {
		return s, err
	}
	if err := json.Unmarshal([]byte(row.Attributes), &s.Attributes); err != nil {
		return s, err
	}
	s.Tenant, s.Plan = tenant, row.Plan
	for _, name := range asks {
		_, has := s.Attributes[name]
		if strings.HasPrefix(name, attributes) && !has || !strings.HasPrefix(name, attributes) && s.Plan == "" {
			return s, fmt.Errorf("the directory does not have its %s", name)
		}
	}
	return s, nil
}
