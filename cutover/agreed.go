package cutover

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"
	"sync/atomic"
	"time"
	"unicode/utf8"

	"github.com/toprent/flags/models"
)

// What comparisons said is added up in the flag database by ten minutes, so that it can be asked how the last day was,
// whichever instances have come and gone. Each instance adds what it has counted since it did so last.

// maxTold is how many tenants of whom nothing bad is known an instance tells of, once in ten minutes.
const maxTold = 200

// tally is what was counted.
type tally struct{ compared, different, errors int64 }

func (t tally) minus(before tally) tally {
	return tally{t.compared - before.compared, t.different - before.different, t.errors - before.errors}
}

// answered is what was counted for a tenant while the new side answered it.
type answered struct {
	compared, different, errors atomic.Int64

	told tally // what of it is stored; only the one who tells looks at it
	turn int64 // in which that was
}

func (a *answered) now() tally {
	return tally{a.compared.Load(), a.different.Load(), a.errors.Load()}
}

// failed counts a call that the new side failed while it was a tenant's authority. That a caller gave up, or that a row was
// written by somebody else meanwhile, is not the side's failure.
func (a *answered) failed(err error) {
	var passed *passedError
	if !errors.Is(err, context.Canceled) && !errors.As(err, &passed) {
		a.errors.Add(1)
	}
}

// served counts a call that the authority of a tenant was asked for.
func (s *stats) served(authority which, tenant string, err error) {
	if err == nil || authority == oldSide {
		return
	}
	if t := s.tenant(tenant); t != nil {
		t.answered.failed(err)
	}
}

// served makes a write of the authority, and counts it.
func (e *Entity[Q, R, C, V]) served(authority which, tenant string, write func() error) error {
	err := e.timed(authority, tenant, write)
	e.counted.served(authority, tenant, err)
	return err
}

// untold is what was counted and is not stored yet, and what to call once it is. Tenants are told of only where they may
// step back: all of whose answers some were bad, at once, and once in a turn those with most comparisons.
func (s *stats) untold(tenants bool, turn int64) (rows []models.CutoverAgreement, stored func()) {
	all := tally{compared: s.compared.Load(), different: s.different.Load()}
	if d := all.minus(s.toldAll); d != (tally{}) {
		rows = append(rows, models.CutoverAgreement{Compared: d.compared, Different: d.different})
	}
	var marks []func()
	var quiet []models.CutoverAgreement
	s.tenants.Range(func(id, of any) bool {
		a := &of.(*tenantStats).answered
		now := a.now()
		d := now.minus(a.told)
		bad := d.different+d.errors > 0
		if d == (tally{}) || tenants && !bad && a.turn == turn {
			return true
		}
		marks = append(marks, func() { a.told, a.turn = now, turn })
		row := models.CutoverAgreement{Tenant: id.(string), Compared: d.compared, Different: d.different, Errors: d.errors}
		switch {
		case !tenants || !storable(row.Tenant):
		case bad:
			rows = append(rows, row)
		default:
			quiet = append(quiet, row)
		}
		return true
	})
	slices.SortFunc(quiet, func(a, b models.CutoverAgreement) int { return cmp.Compare(b.Compared, a.Compared) })
	return append(rows, quiet[:min(len(quiet), maxTold)]...), func() {
		s.toldAll = all
		for _, mark := range marks {
			mark()
		}
	}
}

// storable reports whether both databases can hold a tenant's id.
func storable(tenant string) bool {
	return len(tenant) <= 256 && utf8.ValidString(tenant) && !strings.Contains(tenant, "\x00")
}

// untold is what the instance has counted of an entity and not stored yet.
func (c *Cutover) untold(m *member) (rows []models.CutoverAgreement, stored func()) {
	_, _, limits := c.known(m.key)
	rows, stored = m.moved.untold(c.stepBack != nil && limits.StepBack, models.CutoverTurn(c.flags.Now()))
	for i := range rows {
		rows[i].Environment, rows[i].Flag = c.flags.Environment(), m.key
	}
	return rows, stored
}

// untold is the entity's.
func (e *Entity[Q, R, C, V]) untold(tenants bool, turn int64) ([]models.CutoverAgreement, func()) {
	return e.counted.untold(tenants, turn)
}

// judgedOver is the time over which a tenant is judged.
func judgedOver(limits models.CutoverLimits) time.Duration {
	return min(limits.Window(), models.CutoverStepBackLongest)
}
