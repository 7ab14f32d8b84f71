package cutover_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/toprent/flags/cutover"
	"github.com/toprent/flags/e2e/cutover/databases"
	"github.com/toprent/flags/internal/pgtest"
	"github.com/toprent/flags/ruleset"
)

// crashed counts what became of the writes that instances told of before they were killed.
type crashed struct {
	where
	t *testing.T

	mu   sync.Mutex          // guards what follows
	made map[string][]string // names of the changes of each key that were acknowledged
	told int
}

// newPlaces makes the databases of an entity, with their tables.
func newPlaces(t *testing.T, kind string) where {
	t.Helper()
	w := where{}
	for _, place := range []*string{&w.Old, &w.New, &w.Journal} {
		if kind == "PostgreSQL" {
			*place = pgtest.Empty(t)
		} else {
			*place = filepath.Join(t.TempDir(), "rows.db")
		}
	}
	w.prepare(t)
	return w
}

// prepare makes the tables of an entity.
func (w where) prepare(t *testing.T) {
	t.Helper()
	for i, place := range []string{w.Old, w.New, w.Journal} {
		db, err := open(place)
		db = databases.Closing(t, db, err)
		if i == 2 {
			if err := cutover.NewJournal(db).Prepare(t.Context()); err != nil {
				t.Fatal(err)
			}
			continue
		}
		if err := cutover.GORM(db).Prepare(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := db.Exec(staysTable).Error; err != nil {
			t.Fatal(err)
		}
	}
}

// process is an instance in a process of its own, whose lines are noted as they come.
type process struct {
	cmd   *exec.Cmd
	lines chan struct{} // one for each line, while anybody asks
	ended chan struct{}
}

// starts starts an instance, and returns when it has begun.
func (c *crashed) starts(do told) *process {
	c.t.Helper()
	do.where = c.where
	text, err := json.Marshal(do)
	if err != nil {
		c.t.Fatal(err)
	}
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), instanceVariable+"="+string(text))
	cmd.Stderr = c.t.Output()
	out, err := cmd.StdoutPipe()
	if err != nil {
		c.t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		c.t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	ready := lines.Scan() && lines.Text() == "ready"
	p := &process{cmd, make(chan struct{}), make(chan struct{})}
	c.t.Cleanup(func() { // where a test fails in between
		_ = cmd.Process.Kill()
		<-p.ended
	})
	go func() {
		defer close(p.ended)
		for lines.Scan() {
			c.notes(lines.Text())
			select {
			case p.lines <- struct{}{}:
			default:
			}
		}
	}()
	if !ready {
		c.kill(p)
		c.t.Fatalf("it begins with %q", lines.Text())
	}
	return p
}

// kill kills an instance, and waits until all that it told is noted.
func (c *crashed) kill(p *process) {
	c.t.Helper()
	if err := p.cmd.Process.Kill(); err != nil {
		c.t.Error(err)
	}
	<-p.ended
	if err := p.cmd.Wait(); p.cmd.ProcessState.Exited() {
		c.t.Errorf("it had ended by itself: %v", err)
	}
}

// notes takes a line that an instance wrote.
func (c *crashed) notes(line string) {
	c.t.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	words := strings.Fields(line)
	if len(words) != 3 || words[0] != "made" {
		c.t.Errorf("an instance says: %s", line)
		return
	}
	c.told++
	c.made[words[1]] = append(c.made[words[1]], words[2])
}

// kills are how often instances are killed in the middle of writes, on each kind of database.
const (
	kills      = 100
	aPlace     = 25 // of these, between two stages
	rowsToKill = 30
)

// TestInstancesThatAreKilledWhileTheyWriteLoseNothing kills instances at any moment of their writes, while another one lives
// and writes the same rows at a stage beside theirs.
func TestInstancesThatAreKilledWhileTheyWriteLoseNothing(t *testing.T) {
	for _, kind := range []string{"SQLite", "PostgreSQL"} {
		t.Run(kind, func(t *testing.T) {
			c := &crashed{where: newPlaces(t, kind), t: t, made: map[string][]string{}}
			for i, stages := range [][2]ruleset.Stage{
				{ruleset.StageDualWrite, ruleset.StageShadow}, {ruleset.StageShadow, ruleset.StageLive},
				{ruleset.StageLive, ruleset.StageRampdown}, {ruleset.StageLive, ruleset.StageShadow},
			} {
				c.killsBetween(stages[0], stages[1], i*aPlace)
				c.comesTogether()
			}
			t.Logf("%d kills, %d writes were acknowledged", kills, c.told)
		})
	}
}

// killsBetween kills instances at one stage and the other, while one that lives is at the first.
func (c *crashed) killsBetween(lives, dies ruleset.Stage, first int) {
	c.t.Helper()
	stop := c.lives(fmt.Sprintf("living%d", first), lives)
	defer stop()
	for n := range aPlace {
		stage := lives
		if n%2 == 0 {
			stage = dies
		}
		p := c.starts(told{Name: fmt.Sprintf("i%d", first+n), Stage: stage, Keys: rowsToKill})
		c.runsFor(p, rand.IntN(12))
		c.kill(p)
	}
}

// runsFor lets an instance tell of about so many writes, and a moment more.
func (c *crashed) runsFor(p *process, lines int) {
	c.t.Helper()
	for range lines {
		select {
		case <-p.lines:
		case <-p.ended:
			c.t.Error("it ended by itself")
			return
		}
	}
	<-time.After(rand.N(5 * time.Millisecond)) // anywhere in the middle of the writes that follow
}

// lives is an instance in this process, which writes and repairs until it is stopped.
func (c *crashed) lives(name string, stage ruleset.Stage) (stop func()) {
	c.t.Helper()
	config, done, err := c.moving("stays")
	if err != nil {
		c.t.Fatal(err)
	}
	entity, err := cutover.NewEntity(config, still{stage})
	if err != nil {
		c.t.Fatal(err)
	}
	ended := make(chan struct{})
	var work sync.WaitGroup
	each := func(do func(i int)) {
		work.Go(func() {
			for i := 0; ; i++ {
				select {
				case <-ended:
					return
				default:
					do(i)
				}
			}
		})
	}
	each(func(i int) { c.notes(writeOne(c.t.Context(), entity, name, 0, i, rowsToKill)) })
	each(func(int) {
		if err := entity.Repair(c.t.Context()); err != nil {
			c.t.Errorf("repair: %v", err)
		}
	})
	return func() { close(ended); work.Wait(); done() }
}

// comesTogether repairs what is left, and checks that both sides are equal and have what was acknowledged, each once.
func (c *crashed) comesTogether() {
	c.t.Helper()
	config, done, err := c.moving("stays")
	if err != nil {
		c.t.Fatal(err)
	}
	defer done()
	entity, err := cutover.NewEntity(config, still{ruleset.StageShadow})
	if err != nil {
		c.t.Fatal(err)
	}
	waitUntil(c.t, "nothing is left to repair", func() bool {
		if err := entity.Repair(c.t.Context()); err != nil {
			c.t.Fatal(err)
		}
		return counted(c.t, c.Journal, "cutover_intents")+counted(c.t, c.Old, "cutover_marks")+counted(c.t, c.New, "cutover_marks") == 0
	})
	original, moved := rowsOf(c.t, c.Old), rowsOf(c.t, c.New)
	if !slices.Equal(original, moved) {
		c.t.Fatalf("the sides differ:\nold %+v\nnew %+v", original, moved)
	}
	c.hasAll(original)
}

// hasAll checks that rows have every change that was acknowledged, in order, and none twice.
func (c *crashed) hasAll(rows []stay) {
	c.t.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	byKey := map[string]stay{}
	for _, row := range rows {
		byKey[row.ID] = row
		checkHistory(c.t, row)
	}
	for key, names := range c.made {
		place := map[string]int{}
		for i, name := range strings.Split(byKey[key].History, ",") {
			place[name] = i + 1
		}
		last := map[string]int{} // of each writer
		for _, name := range names {
			writer := name[:strings.LastIndexByte(name, '.')]
			switch at := place[name]; {
			case at == 0:
				c.t.Errorf("%s lost the change %s, which was acknowledged", key, name)
			case at < last[writer]:
				c.t.Errorf("%s has the change %s before one that was acknowledged earlier", key, name)
			default:
				last[writer] = at
			}
		}
	}
}

// checkHistory checks that a row counts each of its changes once.
func checkHistory(t *testing.T, row stay) {
	t.Helper()
	names := strings.Split(strings.TrimSuffix(row.History, ","), ",")
	if int64(len(names)) != row.Changes {
		t.Errorf("%s counts %d changes and names %d", row.ID, row.Changes, len(names))
	}
	slices.Sort(names)
	if distinct := len(slices.Compact(slices.Clone(names))); distinct != len(names) {
		t.Errorf("%s has a change twice: %v", row.ID, names)
	}
}

// rowsOf are all rows of a side.
func rowsOf(t *testing.T, place string) (rows []stay) {
	t.Helper()
	asks(t, place, &rows, "SELECT id, tenant, changes, history FROM stays ORDER BY id")
	return rows
}

// counted is how many rows a table has.
func counted(t *testing.T, place, table string) (n int64) {
	t.Helper()
	asks(t, place, &n, "SELECT count(*) FROM "+table)
	return n
}

func asks(t *testing.T, place string, answer any, question string) {
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
	if err := db.WithContext(t.Context()).Raw(question).Scan(answer).Error; err != nil {
		t.Fatal(err)
	}
}

func waitUntil(t *testing.T, what string, condition func() bool) {
	t.Helper()
	for deadline := time.Now().Add(3 * time.Minute); !condition(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain until %s", what)
		}
	}
}
