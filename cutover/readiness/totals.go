package readiness

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/toprent/flags/models"
)

// Totals are what all instances tell of an entity together.
type Totals struct {
	models.CutoverStats
	Running  int       // instances that were heard of lately
	Oldest   float64   // seconds that the oldest write waits for repair
	Heard    time.Time // when the latest one was heard of; zero: none ever was
	Problems []string  // of instances that run, each once
}

// Silence is after how long an instance that said nothing counts as silent: it may have ended without a word, or be cut
// off and still write.
const Silence = time.Minute

// Runs reports whether an instance is known to run: it was heard of lately, did not end and was not said to be gone.
func Runs(row models.CutoverInstance, now time.Time) bool {
	return row.Runs() && now.Sub(row.HeardAt.Time) < Silence
}

// Waiting names the instances that may still read and write, and have not acknowledged a revision.
func Waiting(rows []models.CutoverInstance, revision int64) (names []string) {
	for _, row := range rows {
		if row.Runs() && row.Revision < revision {
			names = append(names, cmp.Or(row.Host, row.Instance))
		}
	}
	return names
}

// Sum adds up what instances tell. Calls and comparisons of all of them count, of those that ended too. What waits is of
// the journal, which they share: the largest number that one who runs tells of.
func Sum(rows []models.CutoverInstance, now time.Time) (t Totals) {
	tenants := map[string]models.CutoverTenant{}
	for _, row := range rows {
		stats := row.Told()
		t.count(stats, tenants)
		if row.HeardAt.After(t.Heard) {
			t.Heard = row.HeardAt.Time
		}
		if !Runs(row, now) {
			continue
		}
		t.Running++
		t.Queue, t.Marked = max(t.Queue, stats.Queue), max(t.Marked, stats.Marked)
		t.Oldest = max(t.Oldest, stats.Oldest)
		if stats.Problem != "" && !slices.Contains(t.Problems, stats.Problem) {
			t.Problems = append(t.Problems, stats.Problem)
		}
	}
	t.Problem = strings.Join(t.Problems, "; ")
	for _, tenant := range tenants {
		t.Tenants = append(t.Tenants, tenant)
	}
	slices.SortFunc(t.Tenants, func(a, b models.CutoverTenant) int {
		return cmp.Or(cmp.Compare(b.Different+b.Errors, a.Different+a.Errors), cmp.Compare(b.Compared, a.Compared), strings.Compare(a.Tenant, b.Tenant))
	})
	slices.SortStableFunc(t.Samples, func(a, b models.CutoverSample) int { return b.At.Compare(a.At.Time) })
	return t
}

func (t *Totals) count(stats models.CutoverStats, tenants map[string]models.CutoverTenant) {
	t.Compared += stats.Compared
	t.Different += stats.Different
	t.Skipped += stats.Skipped
	t.Unjournaled += stats.Unjournaled
	t.Samples = append(t.Samples, stats.Samples...)
	addSide(&t.Old, stats.Old)
	addSide(&t.New, stats.New)
	for _, tenant := range stats.Tenants {
		sum := tenants[tenant.Tenant]
		sum.Tenant = tenant.Tenant
		sum.Compared += tenant.Compared
		sum.Different += tenant.Different
		sum.Errors += tenant.Errors
		tenants[tenant.Tenant] = sum
	}
}

func addSide(sum *models.CutoverSide, side models.CutoverSide) {
	sum.Reads += side.Reads
	sum.ReadErrors += side.ReadErrors
	sum.Writes += side.Writes
	sum.WriteErrors += side.WriteErrors
	sum.ReadLatency = added(sum.ReadLatency, side.ReadLatency)
	sum.WriteLatency = added(sum.WriteLatency, side.WriteLatency)
}

func added(sum, more []int64) []int64 {
	for len(sum) < len(more) {
		sum = append(sum, 0)
	}
	for i, n := range more {
		sum[i] += n
	}
	return sum
}

// Agreement is how many of a million comparisons agreed, rounded down: what is not all never reads as all. It is a million
// where nothing was compared.
func Agreement(compared, different int64) int64 {
	if compared <= 0 {
		return 1_000_000
	}
	return int64(float64(compared-different) / float64(compared) * 1_000_000)
}
