package cutover_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"path/filepath"
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

	otherWithin = 500 * time.Millisecond // how long the side that is not the authority may take
	readWithin  = 2 * time.Second
	writeWithin = 3 * time.Second
)

// tenants of the rows, in the order in which they are moved.
var tenantSteps = [][]string{{"tenant-0"}, {"tenant-0", "tenant-3", "tenant-5"}, nil}

// TestRowsMoveThereAndBackUnderLoadWhileServersFail moves 100,000 rows through every stage and back, tenant by tenant, while
// 16 clients on two instances read and write them. At each stage the side that is not the authority gets into every trouble
// that its kind of database knows: no request fails for it, and none takes longer than it may.
func TestRowsMoveThereAndBackUnderLoadWhileServersFail(t *testing.T) {
	t.Run("PostgreSQL", func(t *testing.T) {
		movesUnderLoad(t, [2]place{newServerPlace(t), newServerPlace(t)}, pgtest.Empty(t), pgtest.URL(t))
	})
	t.Run("SQLite", func(t *testing.T) {
		movesUnderLoad(t, [2]place{newFilePlace(t), newFilePlace(t)}, filepath.Join(t.TempDir(), "journal.db"), flagPlace(t, "SQLite"))
	})
}

func movesUnderLoad(t *testing.T, sides [2]place, journal, flags string) {
	t.Helper()
	w := where{Old: sides[0].test, New: sides[1].test, Journal: journal, Flags: flags}
	w.prepare(t)
	fill(t, w.Old, loadRows)
	l := &load{crashed: crashed{where: w, t: t, made: map[string][]string{}}, sides: sides, board: newBoard(t, flags)}
	stop := l.begins()

	last := ruleset.StageOff
	l.disturbs(last)
	for _, stage := range []ruleset.Stage{ruleset.StageDualWrite, ruleset.StageShadow, ruleset.StageLive, ruleset.StageRampdown, ruleset.StageComplete,
		ruleset.StageRampdown, ruleset.StageLive, ruleset.StageShadow, ruleset.StageDualWrite} {
		begun := time.Now()
		l.paces.begins(fmt.Sprintf("%s -> %s", last, stage))
		for _, some := range tenantSteps {
			if some == nil {
				l.board.all(stage)
			} else {
				l.board.steps(last, stage, some...)
			}
		}
		t.Logf("%s -> %s took %s, %d requests so far", last, stage, time.Since(begun).Round(time.Millisecond), l.requests.Load())
		l.disturbs(stage)
		last = stage
	}
	stop()
	begun := time.Now()
	waitUntil(t, "nothing is left to repair", l.isQuiet)
	t.Logf("it took %s until nothing was left to repair", time.Since(begun).Round(time.Millisecond))
	l.areEqual()
	l.paces.keepTo(t, readWithin, writeWithin)
	t.Logf("%d rows, %d requests, %d writes were acknowledged", loadRows, l.requests.Load(), l.told)
}

// load is clients who read and write without a pause.
type load struct {
	crashed
	sides    [2]place
	board    *board
	requests atomic.Int64
	paces    paces
}

// begins starts the instances and their clients. Once they are stopped, the instances go on repairing until the test ends.
func (l *load) begins() (stop func()) {
	l.paces.begins("begin")
	ctx, cancel := context.WithCancel(l.t.Context())
	serving, end := context.WithCancel(context.WithoutCancel(ctx))
	var work, running sync.WaitGroup
	l.t.Cleanup(func() { cancel(); work.Wait(); end(); running.Wait() })
	running.Go(func() { l.paces.watch(serving) })
	app := l.where
	app.Old, app.New = l.sides[0].app, l.sides[1].app
	for n := range 2 {
		config, done, err := app.moving("stays")
		if err != nil {
			l.t.Fatal(err)
		}
		config.Timeout, config.Lease = otherWithin, 5*time.Second
		moving, entity, err := app.instance(serving, config, 1000)
		if err != nil {
			l.t.Fatal(err)
		}
		running.Go(func() {
			_ = moving.Run(serving)
			done()
		})
		for i := range clients / 2 {
			work.Go(func() { l.works(ctx, entity, n*clients/2+i) })
		}
	}
	return func() { cancel(); work.Wait() }
}

// works is one client: it reads what it wrote, and what others did.
func (l *load) works(ctx context.Context, entity *stays, client int) {
	for i := 0; ctx.Err() == nil; i++ {
		n := rand.IntN(hotRows)
		if rand.IntN(2) == 0 {
			n = rand.IntN(loadRows)
		}
		mine := ""
		if rand.IntN(3) == 0 {
			mine = l.writes(entity, n, client, fmt.Sprintf("%d.%d", client, i))
		}
		l.reads(entity, n, mine)
		l.requests.Add(1)
	}
}

// writes makes a change, and returns its name once it is acknowledged.
func (l *load) writes(entity *stays, n, client int, name string) string {
	ctx, cancel := context.WithTimeout(context.Background(), requestFor)
	defer cancel()
	during, begun := l.paces.at(), time.Now()
	err := entity.Write(ctx, ruleset.Subject{Tenant: tenantOf(n)}, stayID(n), added{tenantOf(n), name})
	l.paces.wrote(during, client, begun)
	if err != nil {
		l.t.Errorf("%s: write after %s: %v", during.when, time.Since(begun), err)
		return ""
	}
	l.notes("made " + stayID(n) + " " + name)
	return name
}

// reads wants the row, with what was just written.
func (l *load) reads(entity *stays, n int, with string) {
	ctx, cancel := context.WithTimeout(context.Background(), requestFor)
	defer cancel()
	during, begun := l.paces.at(), time.Now()
	rows, err := entity.Read(ctx, ruleset.Subject{Tenant: tenantOf(n)}, query{stayID(n)})
	l.paces.read(during, begun)
	switch {
	case err != nil:
		l.t.Errorf("%s: read after %s: %v", during.when, time.Since(begun), err)
	case len(rows) != 1 || !strings.Contains(","+rows[0].History, ","+with):
		l.t.Errorf("%s: %s was written to %s and is not read: %v", during.when, with, stayID(n), rows)
	}
}

func tenantOf(n int) string { return fmt.Sprintf("tenant-%d", n%8) }

// disturbs gets the side that is not a stage's authority into one trouble after the other. Each lasts until every client
// has made some writes that began meanwhile.
func (l *load) disturbs(stage ruleset.Stage) {
	l.t.Helper()
	l.board.follow() // until then it may be the authority
	side := l.sides[1]
	if stage.New() {
		side = l.sides[0]
	}
	for _, trouble := range side.troubles {
		during := fmt.Sprintf("%s, %s", stage, trouble.name)
		over := trouble.begins()
		pace := l.paces.begins(during)
		waitUntil(l.t, "clients go on", func() bool { return l.paces.everybodyWrote(pace, 2) })
		l.paces.begins("after " + during)
		over()
		l.passes(50)
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
