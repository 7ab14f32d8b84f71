package cutover_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/toprent/flags/changes"
	"github.com/toprent/flags/models"
	"github.com/toprent/flags/ruleset"
)

const (
	rowsToCopy   = 5000 // some 50 batches, each of which is copied and compared: more than all kills together wait for
	copyKills    = 13   // in each direction, on each kind of database
	rowsToKillIn = 40   // rows that are written meanwhile
)

// TestInstancesThatAreKilledWhileTheyCopyAreGoneOnWith kills instances at any moment of a backfill, forward and backward,
// while they write rows that are being copied. The next one goes on where the last one was.
func TestInstancesThatAreKilledWhileTheyCopyAreGoneOnWith(t *testing.T) {
	for _, kind := range []string{"SQLite", "PostgreSQL"} {
		t.Run(kind, func(t *testing.T) {
			w := newPlaces(t, kind)
			w.Flags = flagPlace(t, kind)
			c := &crashed{where: w, t: t, made: map[string][]string{}}
			b := newBoard(t, w.Flags)
			c.fills(c.Old, rowsToCopy)

			b.all(ruleset.StageDualWrite)
			c.copiesDespiteKills(b, 0)
			b.all(ruleset.StageShadow)
			b.all(ruleset.StageLive)
			b.all(ruleset.StageRampdown)
			b.all(ruleset.StageComplete)
			execute(t, c.New, "UPDATE stays SET changes = changes + 1, history = history || 'alone,' WHERE id >= 'stay-002000'") // which the abandoned side does not have
			b.all(ruleset.StageRampdown)
			c.copiesDespiteKills(b, 100)
			t.Logf("%d kills, %d writes were acknowledged", 2*copyKills, c.told)
		})
	}
}

// copiesDespiteKills kills one instance after the other, and lets the last one finish the copy.
func (c *crashed) copiesDespiteKills(b *board, first int) {
	c.t.Helper()
	do := told{Keys: rowsToKillIn, Moves: true}
	killedAt := map[string]int{}
	for n := range copyKills {
		do.Name = fmt.Sprintf("c%d", first+n)
		before := c.copied()
		p := c.starts(do)
		waitUntil(c.t, "it has copied something", func() bool {
			if b.progress().State == models.CutoverDone {
				c.t.Fatalf("all was copied after %d kills: copy more rows", n)
			}
			return c.copied() != before
		})
		<-time.After(rand.N(10 * time.Millisecond)) // anywhere in the middle of the batches that follow
		c.kill(p)
		killedAt[c.copied().Phase]++
		c.isForgotten(b)
	}
	do.Name = fmt.Sprintf("c%d", first+copyKills)
	p := c.starts(do)
	waitUntil(c.t, "everything is copied and compared", func() bool { return b.progress().State == models.CutoverDone })
	c.kill(p)
	c.isForgotten(b)
	if progress := b.progress(); progress.Copied != rowsToCopy || progress.Compared < rowsToCopy {
		c.t.Errorf("of %d rows %d were copied and %d compared", rowsToCopy, progress.Copied, progress.Compared)
	}
	c.t.Logf("killed while %v", killedAt)
	if killedAt["copying"] == 0 || killedAt["verifying"]+killedAt["copying"] < copyKills/2 {
		c.t.Errorf("hardly anybody was killed in the middle: %v", killedAt)
	}
	c.comesTogether()
}

// copying is how far a copy has come, as the journal keeps it for whoever goes on with it.
type copying struct {
	Phase, After string
	Since        int64
}

func (c *crashed) copied() (at copying) {
	c.t.Helper()
	var states []string
	asks(c.t, c.Journal, &states, "SELECT state FROM cutover_runs WHERE name LIKE '%/copy' AND state <> ''")
	if len(states) > 0 {
		if err := json.Unmarshal([]byte(states[0]), &at); err != nil {
			c.t.Fatal(err)
		}
	}
	return at
}

// isForgotten lets the time pass after which others take over from an instance that was killed, and nobody waits for it.
func (c *crashed) isForgotten(b *board) {
	c.t.Helper()
	execute(c.t, c.Journal, "UPDATE cutover_runs SET held_until = 0")
	rows, err := b.store.CutoverInstances(c.t.Context(), environment, time.Time{})
	if err != nil {
		c.t.Fatal(err)
	}
	hourAgo := "heard_at - INTERVAL '1 hour'"
	if b.store.Dialect() == "sqlite" {
		hourAgo = "'2020-01-01 00:00:00+00:00'"
	}
	execute(c.t, c.Flags, "UPDATE cutover_instances SET heard_at = "+hourAgo+" WHERE gone_at IS NULL")
	for _, row := range rows {
		if row.GoneAt == nil {
			if err := b.changes.InstanceGone(c.t.Context(), environment, row.Instance, changes.Actor{Name: "ann"}, "a test"); err != nil {
				c.t.Fatal(err)
			}
		}
	}
}

// fills gives a side rows with one statement.
func (c *crashed) fills(place string, rows int) {
	c.t.Helper()
	fill(c.t, place, rows)
	if n := len(rowsOf(c.t, place)); n != rows {
		c.t.Fatalf("%d rows", n)
	}
}

func fill(t *testing.T, place string, rows int) {
	t.Helper()
	db, err := open(place)
	if err != nil {
		t.Fatal(err)
	}
	numbers, format := fmt.Sprintf("generate_series(0, %d) AS numbers(n)", rows-1), "'stay-' || lpad(n::text, 6, '0'), 'tenant-' || n % 8"
	if db.Name() == "sqlite" {
		numbers = fmt.Sprintf("(WITH RECURSIVE numbers(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM numbers WHERE n < %d) SELECT n FROM numbers)", rows-1)
		format = "printf('stay-%06d', n), 'tenant-' || n % 8"
	}
	execute(t, place, "INSERT INTO stays (id, tenant, changes, history) SELECT "+format+", 1, 'first,' FROM "+numbers)
}

func execute(t *testing.T, place, statement string) {
	t.Helper()
	db, err := open(place)
	if err != nil {
		t.Fatal(err)
	}
	pool, err := db.DB()
	if err != nil {
		t.Fatal(err)
	}
	defer pool.Close()
	if err := db.WithContext(t.Context()).Exec(statement).Error; err != nil {
		t.Fatal(err)
	}
}
