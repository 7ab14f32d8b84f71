package settings

import (
	"math/rand/v2"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/toprent/flags/analytics"
	"github.com/toprent/flags/internal/settingstest"
	"github.com/toprent/flags/middleware"
	"github.com/toprent/flags/models"
	"github.com/toprent/flags/ruleset"
	"github.com/toprent/flags/service"
)

// movers are instances that record into one database, with one clock that the test moves.
type movers struct {
	t         *testing.T
	store     *models.Store
	passed    atomic.Int64 // nanoseconds
	instances []recording
}

// recording is one process that records.
type recording struct {
	t     *testing.T
	flags *service.FeatureFlagService
	rec   *analytics.Recorder
}

// moversOn makes two instances.
func moversOn(t *testing.T, store *models.Store, options ...analytics.Options) *movers {
	t.Helper()
	settingstest.On(t, store).Sample()
	m := &movers{t: t, store: store}
	began := time.Now()
	for range 2 {
		flags, err := service.New(t.Context(), service.Config{Source: store, Environment: "development", Clock: func() time.Time { return began.Add(time.Duration(m.passed.Load())) }})
		if err != nil {
			t.Fatal(err)
		}
		m.instances = append(m.instances, recording{t, flags, analytics.New(store, flags, append(options, analytics.Options{})[0])})
	}
	return m
}

// passes lets time go by.
func (m *movers) passes(d time.Duration) { m.passed.Add(int64(d)) }

// flush lets all instances store what they know, twice so that each hears of the others.
func (m *movers) flush() {
	m.t.Helper()
	for range 2 {
		for _, i := range m.instances {
			if err := i.rec.Flush(m.t.Context()); err != nil {
				m.t.Fatal(err)
			}
		}
	}
}

// sees is a request of somebody whose tenant has that plan.
func (i recording) sees(tenant, plan string) {
	i.t.Helper()
	who := ruleset.Subject{User: "u-" + tenant, Tenant: tenant, Plan: plan}
	values := i.flags.Newest().Values(who, i.flags.Now())
	gate, ok := values.Peek("reports")
	if !ok {
		i.t.Fatal("there is no flag reports")
	}
	i.rec.Gated(&who, "/reports", values, gate, middleware.Granted)
}

// hears is the host's word.
func (i recording) hears(tenant, from, to string) {
	i.flags.PlanChanged(i.t.Context(), tenant, from, to)
}

// moved gives the changes of a tenant's plan that are stored, oldest first, such as free>pro.
func (m *movers) moved(tenant string) (moves []string) {
	m.t.Helper()
	db, err := m.store.SQL()
	if err != nil {
		m.t.Fatal(err)
	}
	rows, err := db.QueryContext(m.t.Context(), "SELECT name || '>' || plan FROM feature_flag_events WHERE kind = 'plan' AND tenant = '"+tenant+"' ORDER BY at, id")
	if err != nil {
		m.t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var move string
		if err := rows.Scan(&move); err != nil {
			m.t.Fatal(err)
		}
		moves = append(moves, move)
	}
	return moves
}

func TestAChangeOfPlanIsToldOnceWhicheverWay(t *testing.T) {
	const settled = models.PlanSettles + time.Second
	for name, c := range map[string]struct {
		happens func(m *movers, one, other recording)
		want    []string
	}{
		"a plan that was not known is no change": {func(_ *movers, one, other recording) { one.sees("acme", "free"); other.sees("acme", "free") }, nil},
		"an unknown plan is no change": {func(m *movers, one, other recording) {
			one.sees("acme", "pro")
			m.flush()
			m.passes(settled)
			one.sees("acme", "")
			other.sees("acme", "")
			one.sees("acme", "pro")
		}, nil},
		"pages alone": {func(m *movers, one, other recording) {
			one.sees("acme", "free")
			m.flush()
			m.passes(settled)
			one.sees("acme", "pro")
			other.sees("acme", "pro")
		}, []string{"free>pro"}},
		"the host alone, of a tenant that nobody has seen": {func(_ *movers, one, _ recording) { one.hears("acme", "free", "pro") }, []string{"free>pro"}},
		"the host on every instance": {func(_ *movers, one, other recording) {
			one.hears("acme", "free", "pro")
			other.hears("acme", "free", "pro")
		}, []string{"free>pro"}},
		"a page before the host, stored before it": {func(m *movers, one, other recording) {
			other.sees("acme", "pro")
			m.flush()
			m.passes(time.Second)
			one.hears("acme", "free", "pro")
			other.hears("acme", "free", "pro")
		}, []string{"free>pro"}},
		"the host before a page that is stored first": {func(m *movers, one, other recording) {
			one.hears("acme", "free", "pro")
			m.passes(time.Second)
			other.sees("acme", "pro")
			if err := other.rec.Flush(m.t.Context()); err != nil {
				m.t.Fatal(err)
			}
		}, []string{"free>pro"}},
		"a word that comes after a page has told": {func(m *movers, one, other recording) {
			one.sees("acme", "free")
			m.flush()
			m.passes(settled)
			other.sees("acme", "pro")
			m.flush()
			m.passes(time.Second)
			one.hears("acme", "free", "pro")
		}, []string{"free>pro"}},
		"to and fro within a flush": {func(m *movers, one, _ recording) {
			one.hears("acme", "free", "pro")
			m.passes(time.Second)
			one.hears("acme", "pro", "free")
			m.passes(time.Second)
			one.hears("acme", "free", "max")
		}, []string{"free>pro", "pro>free", "free>max"}},
		"a page with what it remembers of before": {func(m *movers, one, other recording) {
			other.sees("acme", "free")
			m.flush()
			m.passes(settled)
			one.hears("acme", "free", "pro")
			m.flush()
			m.passes(20 * time.Second)
			other.sees("acme", "free")
			m.flush()
			other.sees("acme", "pro")
			one.sees("acme", "pro")
		}, []string{"free>pro"}},
		"a move back that another instance sees": {func(m *movers, one, other recording) {
			one.sees("acme", "free")
			other.sees("acme", "free")
			m.flush()
			m.passes(settled)
			one.sees("acme", "pro")
			m.flush()
			m.passes(settled)
			other.sees("acme", "free")
		}, []string{"free>pro", "pro>free"}},
		"an add-on is no move": {func(_ *movers, one, _ recording) { one.hears("acme", "free", "free") }, nil},
		"a plan that ends":     {func(_ *movers, one, _ recording) { one.hears("acme", "pro", "") }, []string{"pro>"}},
		"nobody":               {func(_ *movers, one, _ recording) { one.hears("", "free", "pro") }, nil},
		"the host does not know from": {func(m *movers, one, other recording) {
			other.sees("acme", "free")
			m.flush()
			m.passes(time.Second)
			one.hears("acme", "", "pro")
		}, []string{"free>pro"}},
	} {
		t.Run(name, func(t *testing.T) {
			m := moversOn(t, settingstest.SQLite(t))
			c.happens(m, m.instances[0], m.instances[1])
			m.flush()
			if got := m.moved("acme"); !slices.Equal(got, c.want) {
				t.Errorf("told %v, want %v", got, c.want)
			}
		})
	}
}

func TestAMoveBackOfATenantThatIsStoredUnderAPseudonymIsNoticed(t *testing.T) {
	m := moversOn(t, settingstest.SQLite(t), analytics.Options{Key: []byte("of all instances")})
	one, other := m.instances[0], m.instances[1]
	const tenant, settled = "boss@acme.example", models.PlanSettles + time.Second
	one.sees(tenant, "free")
	other.sees(tenant, "free")
	m.flush()
	m.passes(settled)
	one.sees(tenant, "pro")
	m.flush()
	m.passes(settled)
	other.sees(tenant, "free")
	m.flush()
	stored := models.FeatureFlagEvent{Tenant: tenant}
	one.rec.Hide(&stored)
	if got := m.moved(stored.Tenant); !slices.Equal(got, []string{"free>pro", "pro>free"}) {
		t.Errorf("told %v", got)
	}
}

func TestEachMoveOfManyTenantsIsToldOnceByManyInstances(t *testing.T) {
	settingstest.OnBoth(t, func(t *testing.T, store *models.Store) {
		m := moversOn(t, store)
		random := rand.New(rand.NewPCG(6, 4))
		plans := []string{"free", "pro", "max"}
		now, want := map[string]string{}, map[string][]string{}
		tenants := []string{"acme", "globex", "initech", "umbrella"}
		for range 60 {
			m.passes(models.PlanSettles + time.Second)
			for _, tenant := range tenants {
				to := plans[random.IntN(3)]
				from, known := now[tenant]
				switch told := random.IntN(3); {
				case to == from, !known && told == 0:
				case told > 0 && known:
					for range told { // once, or by both
						m.instances[random.IntN(2)].hears(tenant, from, to)
					}
				}
				if known && to != from {
					want[tenant] = append(want[tenant], from+">"+to)
				}
				now[tenant] = to
				for range 1 + random.IntN(3) {
					m.instances[random.IntN(2)].sees(tenant, to)
				}
			}
			m.flush()
		}
		for _, tenant := range tenants {
			if got := m.moved(tenant); !slices.Equal(got, want[tenant]) {
				t.Errorf("%s: told %v, want %v", tenant, got, want[tenant])
			}
		}
	})
}
