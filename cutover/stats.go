package cutover

import (
	"cmp"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/toprent/flags/models"
	"github.com/toprent/flags/ruleset"
)

const (
	maxSamples        = 20     // differences that are kept to be shown, the newest
	maxTenants        = 200    // tenants that are told of
	maxTenantsCounted = 20_000 // tenants that are counted; who comes later is counted for all alone
	maxBuckets        = 16     // room for the buckets of models.CutoverBuckets and the last
)

// stats counts what an entity does. Counting takes no lock.
type stats struct {
	sides       [2]sideStats
	stages      [6]atomic.Int64
	compared    atomic.Int64
	different   atomic.Int64
	skipped     atomic.Int64
	unjournaled atomic.Int64

	toldAll tally    // what is stored of comparisons; only the one who tells looks at it
	tenants sync.Map // string to *tenantStats
	known   atomic.Int64

	mu      sync.Mutex
	samples []models.CutoverSample
}

type sideStats struct {
	reads, readErrors, writes, writeErrors atomic.Int64
	readLatency, writeLatency              [maxBuckets]atomic.Int64
}

type tenantStats struct {
	compared, different, errors atomic.Int64
	answered                    answered
}

func newStats() *stats { return &stats{} }

func (s *stats) at(stage ruleset.Stage) { s.stages[stage].Add(1) }

// read counts a read of a side, and for the new side the tenant's errors.
func (s *stats) read(side which, tenant string, took time.Duration, err error) {
	of := &s.sides[side]
	of.reads.Add(1)
	of.readLatency[bucket(took)].Add(1)
	if err != nil {
		of.readErrors.Add(1)
		s.failed(side, tenant)
	}
}

// wrote counts a write of a side.
func (s *stats) wrote(side which, tenant string, took time.Duration, err error) {
	of := &s.sides[side]
	of.writes.Add(1)
	of.writeLatency[bucket(took)].Add(1)
	if err != nil {
		of.writeErrors.Add(1)
		s.failed(side, tenant)
	}
}

func (s *stats) failed(side which, tenant string) {
	if t := s.tenant(tenant); t != nil && side == newSide {
		t.errors.Add(1)
	}
}

// agreed counts a comparison of the authority with the other side.
func (s *stats) agreed(authority which, tenant string, same bool) {
	different := int64(0)
	if !same {
		different = 1
	}
	s.different.Add(different) // first: whoever looks meanwhile must not see a comparison that seems to have agreed
	s.compared.Add(1)
	t := s.tenant(tenant)
	if t == nil {
		return
	}
	t.different.Add(different)
	t.compared.Add(1)
	if authority == newSide {
		t.answered.different.Add(different)
		t.answered.compared.Add(1)
	}
}

// sample keeps a difference.
func (s *stats) sample(difference models.CutoverSample) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.samples) >= maxSamples {
		s.samples = slices.Delete(s.samples, 0, 1)
	}
	s.samples = append(s.samples, difference)
}

// tenant is where one tenant is counted; nil for none, and beyond the limit.
func (s *stats) tenant(id string) *tenantStats {
	if id == "" {
		return nil
	}
	if t, ok := s.tenants.Load(id); ok {
		return t.(*tenantStats)
	}
	if s.known.Load() >= maxTenantsCounted {
		return nil
	}
	t, known := s.tenants.LoadOrStore(id, &tenantStats{})
	if !known {
		s.known.Add(1)
	}
	return t.(*tenantStats)
}

func bucket(took time.Duration) int {
	ms := float64(took) / float64(time.Millisecond)
	for i, bound := range models.CutoverBuckets {
		if ms <= bound {
			return i
		}
	}
	return len(models.CutoverBuckets)
}

// told is what was counted, without what only the databases know.
func (s *stats) told() models.CutoverStats {
	told := models.CutoverStats{
		Old: s.sides[oldSide].told(), New: s.sides[newSide].told(),
		Compared: s.compared.Load(), Different: s.different.Load(), Skipped: s.skipped.Load(), Unjournaled: s.unjournaled.Load(),
		Tenants: s.worst(), Stages: map[string]int64{},
	}
	for _, stage := range ruleset.Stages {
		if n := s.stages[stage].Load(); n > 0 {
			told.Stages[stage.String()] = n
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	told.Samples = slices.Clone(s.samples)
	return told
}

func (s *sideStats) told() models.CutoverSide {
	return models.CutoverSide{
		Reads: s.reads.Load(), ReadErrors: s.readErrors.Load(), Writes: s.writes.Load(), WriteErrors: s.writeErrors.Load(),
		ReadLatency: counts(&s.readLatency), WriteLatency: counts(&s.writeLatency),
	}
}

func counts(of *[maxBuckets]atomic.Int64) []int64 {
	n := make([]int64, len(models.CutoverBuckets)+1)
	for i := range n {
		n[i] = of[i].Load()
	}
	return n
}

// worst are the tenants with the most differences and errors.
func (s *stats) worst() (tenants []models.CutoverTenant) {
	s.tenants.Range(func(id, t any) bool {
		of := t.(*tenantStats)
		tenants = append(tenants, models.CutoverTenant{Tenant: id.(string), Compared: of.compared.Load(), Different: of.different.Load(), Errors: of.errors.Load()})
		return true
	})
	slices.SortFunc(tenants, func(a, b models.CutoverTenant) int {
		return cmp.Or(cmp.Compare(b.Different+b.Errors, a.Different+a.Errors), cmp.Compare(b.Compared, a.Compared), cmp.Compare(a.Tenant, b.Tenant))
	})
	return tenants[:min(len(tenants), maxTenants)]
}
