package cutover_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/toprent/flags/internal/pgtest"
	"github.com/toprent/flags/ruleset"
)

const (
	loadRows   = 100_000
	clients    = 16 // on two instances
	hotRows    = 24 // rows that all clients write
	requestFor = 10 * time.Second
)

// tenants of the rows, in the order in which they are moved.
var tenantSteps = [][]string{{"tenant-0"}, {"tenant-0", "tenant-3", "tenant-5"}, nil}

// TestRowsMoveThereAndBackUnderLoadWhileServersFail moves 100,000 rows through every stage and back, tenant by tenant, while
// 16 clients on two instances read and write them. At each stage the side that is not the authority is stopped, started
// and blocked: no request notices.
func TestRowsMoveThereAndBackUnderLoadWhileServersFail(t *testing.T) {
	sides := [2]*pgtest.Private{pgtest.Server(t), pgtest.Server(t)}
	w := where{Old: sides[0].URL(), New: sides[1].URL(), Journal: pgtest.Empty(t), Flags: pgtest.URL(t)}
	w.prepare(t)
	fill(t, w.Old, loadRows)
	l := &load{crashed: crashed{where: w, t: t, made: map[string][]string{}}, sides: sides, board: newBoard(t, w.Flags)}
	stop := l.begins()

	l.disturbs(1)
	last := ruleset.StageOff
	for _, stage := range []ruleset.Stage{ruleset.StageDualWrite, ruleset.StageShadow, ruleset.StageLive, ruleset.StageRampdown, ruleset.StageComplete,
		ruleset.StageRampdown, ruleset.StageLive, ruleset.StageShadow, ruleset.StageDualWrite} {
		begun := time.Now()
		for _, some := range tenantSteps {
			if some == nil {
				l.board.all(stage)
			} else {
				l.board.steps(last, stage, some...)
			}
		}
		if stage.New() {
			l.disturbs(0)
		} else {
			l.disturbs(1)
		}
		t.Logf("%s -> %s took %s, %d requests so far", last, stage, time.Since(begun).Round(time.Millisecond), l.requests.Load())
		last = stage
	}
	stop()
	waitUntil(t, "nothing is left to repair", l.isQuiet)
	l.areEqual()
	t.Logf("%d requests, %d writes were acknowledged", l.requests.Load(), l.told)
}

// load is clients who read and write without a pause.
type load struct {
	crashed
	sides    [2]*pgtest.Private
	board    *board
	requests atomic.Int64
}

// begins starts the instances and their clients. Once they are stopped, the instances go on repairing until the test ends.
func (l *load) begins() (stop func()) {
	ctx, cancel := context.WithCancel(l.t.Context())
	serving, end := context.WithCancel(context.WithoutCancel(ctx))
	var work, running sync.WaitGroup
	l.t.Cleanup(func() { cancel(); work.Wait(); end(); running.Wait() })
	for n := range 2 {
		config, done, err := l.moving("stays")
		if err != nil {
			l.t.Fatal(err)
		}
		moving, entity, err := l.instance(serving, config, 1000)
		if err != nil {
			l.t.Fatal(err)
		}
		running.Go(func() {
			_ = moving.Run(serving)
			done()
		})
		for i := range clients / 2 {
			work.Go(func() { l.works(ctx, entity, fmt.Sprintf("%d.%d", n, i)) })
		}
	}
	return func() { cancel(); work.Wait() }
}

// works is one client: it reads what it wrote, and what others did.
func (l *load) works(ctx context.Context, entity *stays, name string) {
	for i := 0; ctx.Err() == nil; i++ {
		n := rand.IntN(hotRows)
		if rand.IntN(2) == 0 {
			n = rand.IntN(loadRows)
		}
		mine := ""
		if rand.IntN(3) == 0 {
			mine = l.writes(entity, n, fmt.Sprintf("%s.%d", name, i))
		}
		l.reads(entity, n, mine)
		l.requests.Add(1)
	}
}

// writes makes a change, and returns its name once it is acknowledged.
func (l *load) writes(entity *stays, n int, name string) string {
	ctx, cancel := context.WithTimeout(context.Background(), requestFor)
	defer cancel()
	begun := time.Now()
	if err := entity.Write(ctx, ruleset.Subject{Tenant: tenantOf(n)}, stayID(n), added{tenantOf(n), name}); err != nil {
		l.t.Errorf("write after %s: %v", time.Since(begun), err)
		return ""
	}
	l.notes("made " + stayID(n) + " " + name)
	return name
}

// reads wants the row, with what was just written.
func (l *load) reads(entity *stays, n int, with string) {
	ctx, cancel := context.WithTimeout(context.Background(), requestFor)
	defer cancel()
	begun := time.Now()
	rows, err := entity.Read(ctx, ruleset.Subject{Tenant: tenantOf(n)}, query{stayID(n)})
	switch {
	case err != nil:
		l.t.Errorf("read after %s: %v", time.Since(begun), err)
	case len(rows) != 1 || !strings.Contains(","+rows[0].History, ","+with):
		l.t.Errorf("%s was written to %s and is not read: %v", with, stayID(n), rows)
	}
}

func tenantOf(n int) string { return fmt.Sprintf("tenant-%d", n%8) }

// disturbs stops a side, starts it again, and blocks its table for a while: by the clients' pace, so that each lasts
// for some of their requests.
func (l *load) disturbs(side int) {
	l.t.Helper()
	l.board.follow() // until then it may be the authority
	l.sides[side].Stop()
	l.passes(150)
	l.sides[side].Start()
	l.passes(50)
	db, err := open(l.sides[side].URL())
	if err != nil {
		l.t.Fatal(err)
	}
	pool, err := db.DB()
	if err != nil {
		l.t.Fatal(err)
	}
	defer pool.Close()
	tx := db.WithContext(l.t.Context()).Begin()
	if err := tx.Exec("LOCK TABLE stays IN ACCESS EXCLUSIVE MODE").Error; err != nil {
		l.t.Fatal(err)
	}
	l.passes(100)
	if err := tx.Rollback().Error; err != nil {
		l.t.Fatal(err)
	}
}

// passes waits for so many requests.
func (l *load) passes(requests int64) {
	l.t.Helper()
	until := l.requests.Load() + requests
	waitUntil(l.t, "clients go on", func() bool { return l.requests.Load() >= until })
}

// isQuiet reports whether both sides have everything.
func (l *load) isQuiet() bool {
	l.t.Helper()
	return counted(l.t, l.Journal, "cutover_intents")+counted(l.t, l.Old, "cutover_marks")+counted(l.t, l.New, "cutover_marks") == 0
}

// areEqual compares the sides row by row, and with what was acknowledged.
func (l *load) areEqual() {
	l.t.Helper()
	original, moved := rowsOf(l.t, l.Old), rowsOf(l.t, l.New)
	if len(original) != loadRows || len(moved) != loadRows {
		l.t.Fatalf("%d rows on the old side, %d on the new", len(original), len(moved))
	}
	for i := range original {
		if original[i] != moved[i] {
			l.t.Errorf("the sides differ: %+v, %+v", original[i], moved[i])
		}
	}
	l.hasAll(original)
}
