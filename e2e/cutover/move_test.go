package cutover_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/toprent/flags/cutover"
	"github.com/toprent/flags/models"
	"github.com/toprent/flags/ruleset"
	"github.com/toprent/flags/service"
)

func TestRowsAreCopiedAndComparedOnceEverybodyWritesBothSides(t *testing.T) {
	onMoves(t, func(m *move) {
		m.fills(1234)
		m.starts()
		m.goes(ruleset.StageDualWrite)
		row := m.copied()
		if row.Direction != models.CutoverForward || row.Copied != 1234 || row.Compared != 1234 || row.Different != 0 || row.Total != 1234 || row.Error != "" || row.VerifiedAt == nil {
			m.t.Errorf("%+v", row)
		}
		m.equal()
	})
}

func TestCopyingWaitsForCallsThatWriteOneSide(t *testing.T) {
	onMoves(t, func(m *move) {
		m.fills(10)
		one := m.starts()
		m.follows(one)
		slow := &latch{make(chan struct{}), make(chan struct{})}
		m.held.Store(slow)
		ended := make(chan error, 1)
		go func() {
			ended <- one.guests.Write(m.t.Context(), ruleset.Subject{Tenant: "t1"}, "slow", renamed{Tenant: "t1", Name: "slow"})
		}()
		<-slow.came
		m.held.Store(nil)
		m.goes(ruleset.StageDualWrite)
		two := m.starts()
		m.follows(two) // so there was time to begin for one that does not wait
		must(m.t, m.heardAgain(one))
		row, err := m.flags.CutoverProgress(m.t.Context(), development, "guests")
		must(m.t, err)
		if n := len(m.rows(m.fresh)); row.State != models.CutoverWaiting || n > 0 {
			m.t.Errorf("it is %s, and %d rows are copied, while a call goes on that writes the old side alone", row.State, n)
		}
		close(slow.open)
		must(m.t, <-ended)
		m.copied()
		m.equal()
	})
}

// heardAgain is nil once an instance has told of a read that comes now.
func (m *move) heardAgain(on *instance) error {
	before := time.Now()
	for end := before.Add(2 * time.Minute); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		if _, err := on.guests.Read(m.t.Context(), ruleset.Subject{Tenant: "t2"}, "t2"); err != nil {
			return err
		}
		for _, row := range m.told() {
			if row.Instance == on.Instance() && row.HeardAt.After(before) {
				return nil
			}
		}
	}
	return errors.New("it says nothing")
}

func TestACopyGoesOnWhereItWasStoppedWhileRowsAreWrittenAndDeleted(t *testing.T) {
	onMoves(t, func(m *move) {
		m.fills(3000)
		writer := m.starts(func(_ *service.Config, o *cutover.Options) { o.Batch = 50 })
		m.goes(ruleset.StageDualWrite)
		ending := make(chan struct{})
		var writing sync.WaitGroup
		for n := range 4 {
			writing.Go(func() {
				random := rand.New(rand.NewPCG(7, uint64(n)))
				for i := 0; ; i++ {
					select {
					case <-ending:
						return
					default:
					}
					k := random.IntN(3300)
					change := renamed{Tenant: fmt.Sprintf("t%d", k%5), Name: fmt.Sprintf("%d.%d", n, i), Gone: k%7 == 0}
					if err := writer.guests.Write(m.t.Context(), ruleset.Subject{Tenant: change.Tenant}, fmt.Sprintf("g%06d", k), change); err != nil {
						m.t.Error(err)
					}
				}
			})
		}
		for range 8 { // others come and go in the middle of it
			other := m.starts(func(_ *service.Config, o *cutover.Options) { o.Batch = 50 })
			before := m.scanned[0].Load()
			some := int64(rand.IntN(400))
			m.until("scan some", func() error {
				row, err := m.flags.CutoverProgress(m.t.Context(), development, "guests")
				if err == nil && row.State != models.CutoverDone && m.scanned[0].Load() < before+some {
					err = errors.New("not yet")
				}
				return err
			})
			other.stop()
		}
		m.copied()
		close(ending)
		writing.Wait()
		m.equal()
		if n := m.scanned[0].Load(); n > 3*3300 {
			m.t.Errorf("%d rows of the old side were read: it began again instead of going on", n)
		}
	})
}

func TestACopySaysWhyItDoesNotGoOnAndGoesOnWhenItCan(t *testing.T) {
	onMoves(t, func(m *move) {
		m.fills(500)
		m.starts()
		m.down[1].Store(true)
		m.goes(ruleset.StageDualWrite)
		m.until("say why", func() error {
			row, err := m.flags.CutoverProgress(m.t.Context(), development, "guests")
			if err == nil && !strings.Contains(row.Error, errNotReached.Error()) {
				err = fmt.Errorf("%+v", row)
			}
			return err
		})
		m.down[1].Store(false)
		if row := m.copied(); row.Error != "" {
			m.t.Errorf("it is done, and says %q", row.Error)
		}
		m.equal()
	})
}

func TestAVerificationFindsAndMendsWhatIsDifferent(t *testing.T) {
	onMoves(t, func(m *move) {
		m.fills(300)
		must(m.t, m.fresh.Create(&guest{"a-from-an-earlier-try", "t1", "stale"}).Error)
		var once sync.Once
		m.onScan[1].Store(func() { // the copy is over, the comparison begins
			once.Do(func() {
				must(m.t, m.fresh.Exec("UPDATE guests SET name = 'wrong' WHERE id = 'g000123'").Error)
				must(m.t, m.fresh.Exec("DELETE FROM guests WHERE id = 'g000299'").Error)
			})
		})
		m.starts()
		m.goes(ruleset.StageDualWrite)
		if row := m.copied(); row.Different != 3 || row.Compared != 301 {
			m.t.Errorf("%d of %d rows were different, not 3 of 301", row.Different, row.Compared)
		}
		m.equal()
	})
}

func TestOneOfSeveralInstancesCopies(t *testing.T) {
	onMoves(t, func(m *move) {
		m.fills(1000)
		for range 3 {
			m.starts()
		}
		m.goes(ruleset.StageDualWrite)
		if row := m.copied(); row.Copied != 1000 {
			m.t.Errorf("%+v", row)
		}
		if n := m.scanned[0].Load(); n != 2000 {
			m.t.Errorf("%d rows of the old side were read: 1,000 to copy them and 1,000 to compare them suffice", n)
		}
		m.equal()
	})
}

func TestRowsOfTenantsThatAreNotThereYetAreKeptEqualToo(t *testing.T) {
	onMoves(t, func(m *move) {
		m.fills(100)
		one := m.starts()
		some := ruleset.Rule{Serve: "dualwrite", When: &ruleset.Condition{Attribute: "tenant", Operator: ruleset.In, Values: ruleset.Texts{"t1"}}}
		m.goes(ruleset.StageOff, some)
		m.copied()
		m.follows(one)
		m.writes(one, "g000002", renamed{Tenant: "t2", Name: "changed on the old side alone"})
		m.writes(one, "g000003", renamed{Tenant: "t3", Gone: true})
		m.writes(one, "g000001", renamed{Tenant: "t1", Name: "changed on both"})
		m.equal()
		if got := m.rows(m.fresh)["g000002"].Name; got != "changed on the old side alone" {
			m.t.Errorf("the new side has %q", got)
		}
	})
}

func TestCopyingKeepsToItsLimitsAndStopsWhilePaused(t *testing.T) {
	onMoves(t, func(m *move) {
		m.fills(60)
		limit := func(rate int64, paused bool) {
			must(m.t, m.flags.Write(m.t.Context(), func(tx *models.Tx) error {
				limits := models.DefaultCutoverLimits(development, "guests")
				limits.Rate, limits.Paused, limits.ChangedBy = rate, paused, "ann"
				return tx.PutCutoverLimits(m.t.Context(), limits)
			}))
		}
		limit(0, true)
		one := m.starts()
		m.goes(ruleset.StageDualWrite)
		m.follows(one)
		must(m.t, m.heardAgain(one))
		if n := m.scanned[0].Load(); n > 0 {
			m.t.Errorf("%d rows were read while copying is paused", n)
		}
		began := time.Now()
		limit(50, false)
		m.copied()
		if took := time.Since(began); took < 2*time.Second { // 60 rows to copy, 60 to compare, 50 at once at first
			m.t.Errorf("it took %s at 50 rows a second", took)
		}
	})
}

func TestAnInstanceSaysThatItHasEndedAndLeavesNothingBehind(t *testing.T) {
	onMoves(t, func(m *move) {
		one := m.starts()
		m.goes(ruleset.StageDualWrite)
		m.follows(one)
		one.stop()
		for _, row := range m.told() {
			if row.EndedAt == nil {
				m.t.Errorf("%+v has not ended", row)
			}
		}
		m.goes(ruleset.StageOff) // nobody is waited for
	})
}
