package cutover

import (
	"context"
	"encoding/json"
	"time"

	"github.com/toprent/flags/models"
)

// A tenant whose authority changes is handed from one side to the other, which needs both. If the one that was the authority does
// not answer, the tenant can do without it as soon as it is known that nothing is there alone: all instances follow the new
// stage, so nobody writes there any more, and each says of whom it has written rows that it could not copy.

// proof is of whom rows may be on a side alone, under the stages of a revision.
type proof struct {
	revision int64
	tenants  [2]map[string]string // by side: who, and why
}

// complete reports whether there is nothing more to find out.
func (p *proof) complete() bool { return len(p.tenants[0])+len(p.tenants[1]) == 0 }

func (p *proof) doubts(side int, tenant, why string) {
	if p.tenants[side] == nil {
		p.tenants[side] = map[string]string{}
	}
	p.tenants[side][tenant] = why
}

// prove looks what the instances say of an entity, unless that is known for its present stages.
func (c *Cutover) prove(ctx context.Context, m *member, t *Tables) error {
	at := t.router.current()
	m.mu.Lock()
	acked := m.acked
	m.mu.Unlock()
	if at.rules == nil || !at.rules.moving || acked < at.rules.revision {
		return nil
	}
	if known := t.proof.Load(); known != nil && known.revision == at.rules.revision && known.complete() {
		return nil
	}
	p := &proof{revision: at.rules.revision}
	if c.store == nil { // this instance is the only one, but it does not know what the one before it left
		for side := range 2 {
			if t.uncopied.cleanAt(side).IsZero() {
				p.doubts(side, anybody, "nobody has looked yet what is to be copied")
			}
		}
		t.proof.Store(p)
		return nil
	}
	rows, err := c.store.CutoverInstances(ctx, c.flags.Environment(), time.Time{})
	if err != nil {
		return err
	}
	for _, row := range rows {
		if row.Flag == m.key && row.Instance != c.instance {
			for side := range 2 {
				p.hears(side, row, t.uncopied.cleanAt(side))
			}
		}
	}
	t.proof.Store(p)
	return nil
}

// hears takes what another instance says. What it wrote before a side was seen with nothing to copy was copied.
func (p *proof) hears(side int, row models.CutoverInstance, clean time.Time) {
	if writesUntil(row).Before(clean) {
		return
	}
	if row.EndedAt == nil && (row.GoneAt != nil || row.Revision < p.revision) {
		p.doubts(side, anybody, "the instance on "+row.Host+" does not say what it has written: it does not follow the new stage")
		return
	}
	var stats models.CutoverStats
	if err := json.Unmarshal([]byte(row.Stats), &stats); err != nil {
		p.doubts(side, anybody, "what the instance on "+row.Host+" says cannot be read")
		return
	}
	for _, tenant := range [2][]string{stats.UncopiedOld, stats.UncopiedNew}[side] {
		p.doubts(side, tenant, "the instance on "+row.Host+" could not copy what it wrote")
	}
}

// writesUntil is when an instance has written last, as far as anybody knows: it may do so for some time after it was heard.
func writesUntil(row models.CutoverInstance) time.Time {
	heard, until := row.HeardAt.Time, row.HeardAt.Add(silence)
	switch {
	case row.EndedAt != nil:
		until = row.EndedAt.Time
	case row.GoneAt != nil && row.GoneAt.Before(until):
		until = row.GoneAt.Time
	}
	if until.Before(heard) {
		return heard
	}
	return until
}

// free reports whether a tenant has nothing on a side alone, under the stages of a revision.
func (t *Tables) free(side int, tenant string, revision int64) bool {
	p := t.proof.Load()
	return p != nil && p.revision == revision && !held(p.tenants[side], tenant) && !t.uncopied.has(side, tenant)
}
