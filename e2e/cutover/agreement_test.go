package cutover_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/toprent/flags/models"
	"github.com/toprent/flags/ruleset"
)

// agreed is what is stored of comparisons over a time.
func (m *move) agreed(minutes int64) models.CutoverAgreement {
	m.t.Helper()
	all, err := m.flags.CutoverAgreed(m.t.Context(), development, []models.CutoverLimits{{Flag: "guests", Minutes: minutes}}, time.Now())
	must(m.t, err)
	return all["guests"]
}

// earlier moves what was counted so many minutes into the past.
func (m *move) earlier(minutes int64) {
	m.t.Helper()
	pool, err := m.flags.SQL()
	must(m.t, err)
	_, err = pool.ExecContext(m.t.Context(), fmt.Sprintf("UPDATE cutover_agreement SET at = at - %d", minutes))
	must(m.t, err)
}

func TestAgreementIsOfAWindowAndOutlivesInstances(t *testing.T) {
	onMoves(t, func(m *move) {
		m.fills(50)
		one := m.starts()
		for _, stage := range []ruleset.Stage{ruleset.StageDualWrite, ruleset.StageShadow} {
			m.goes(stage)
		}
		m.follows(one)
		m.copied()
		must(m.t, m.fresh.Exec("UPDATE guests SET name = 'corrupted' WHERE tenant = 't3'").Error)
		compared := func(on *instance, tenant string, n int64) {
			m.t.Helper()
			for range n { // one after another, so that none is left out
				was := on.guests.Stats().Compared
				_, err := on.guests.Read(m.t.Context(), ruleset.Subject{Tenant: tenant}, tenant)
				must(m.t, err)
				m.until("compare", func() error {
					if on.guests.Stats().Compared == was {
						return errors.New("not yet")
					}
					return nil
				})
			}
		}
		expects := func(minutes, all, different int64) {
			m.t.Helper()
			m.until("be stored", func() error {
				if got := m.agreed(minutes); got.Compared != all || got.Different != different {
					return fmt.Errorf("over %d minutes: %+v, want %d, %d different", minutes, got, all, different)
				}
				return nil
			})
		}
		compared(one, "t1", 5)
		compared(one, "t3", 2)
		one.stop() // what it has counted last is told as it ends
		expects(60, 7, 2)
		m.earlier(120)
		two := m.starts()
		compared(two, "t1", 4)
		expects(60, 4, 0)
		expects(24*60, 11, 2)
		m.earlier(15 * 24 * 60)
		must(m.t, m.flags.ForgetCutoverAgreement(m.t.Context()))
		compared(two, "t1", 1)
		expects(14*24*60, 1, 0)
	})
}

func TestATenantAtItsStageByItsPlanStepsBackByItself(t *testing.T) {
	onMoves(t, func(m *move) {
		m.fills(50)
		one := m.starts()
		for _, stage := range []ruleset.Stage{ruleset.StageDualWrite, ruleset.StageShadow} {
			m.goes(stage)
		}
		m.copied()
		region := ruleset.Rule{Serve: "live", When: &ruleset.Condition{Attribute: "tenant.region", Operator: ruleset.In, Values: ruleset.Texts{"asia"}}}
		m.goes(ruleset.StageShadow, region)
		m.follows(one)
		must(m.t, m.flags.Write(m.t.Context(), func(tx *models.Tx) error {
			return tx.PutCutoverLimits(m.t.Context(), models.CutoverLimits{Environment: development, Flag: "guests", Agreement: 900_000, Compared: 20, Minutes: 1, StepBack: true, ChangedBy: "ann", ChangedAt: models.At(time.Now())})
		}))
		must(m.t, m.fresh.Exec("UPDATE guests SET name = 'corrupted' WHERE tenant IN ('t2', 't3')").Error)
		var back []ruleset.Override
		m.until("step back", func() error {
			for _, tenant := range []string{"t1", "t2", "t3"} {
				subject := ruleset.Subject{Tenant: tenant, Attributes: map[string]any{"tenant.region": "asia"}}
				if tenant == "t2" { // it differs too, but the old side answers it
					subject.Attributes = nil
				}
				if _, err := one.guests.Read(m.t.Context(), subject, tenant); err != nil {
					return err
				}
			}
			head, err := m.flags.Head(m.t.Context(), development)
			must(m.t, err)
			definition, err := m.flags.Load(m.t.Context(), head.ID)
			must(m.t, err)
			if back = definition.Overrides; len(back) == 0 {
				return errors.New("not yet")
			}
			return nil
		})
		if len(back) != 1 || back[0].Tenant != "t3" || back[0].Variant != "shadow" {
			m.t.Errorf("stepped back: %+v", back)
		}
	})
}
