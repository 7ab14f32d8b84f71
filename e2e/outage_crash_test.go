package e2e

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/toprent/flags/changes"
	"github.com/toprent/flags/internal/pgtest"
	"github.com/toprent/flags/models"
	"github.com/toprent/flags/models/sqlite"
	"github.com/toprent/flags/service"
)

const crashes = 50

// TestAServerThatIsKilledLeavesAWholeLastGoodFile kills servers while they save one revision after the other.
func TestAServerThatIsKilledLeavesAWholeLastGoodFile(t *testing.T) {
	t.Parallel()
	url := pgtest.Empty(t)
	c := newCommand(t, "DATABASE_URL="+url)
	c.serves().ends(syscall.SIGTERM)
	file := filepath.Join(c.dir, "toprent-development.lastgood.json")
	publish := changes.New(openURL(t, url))
	last := saved(t, file)
	for i := range crashes {
		// A start loads what sessions may have pinned, which these are too many for in so short a time.
		execute(t, url, `UPDATE revisions SET published_at = published_at - interval '1 hour'`)
		s := c.startsQuick()
		waitFor(t, "the server", s.address)
		crash := time.After(rand.N(40 * time.Millisecond))
		for n, crashed := 0, false; !crashed; n++ {
			set := publish.Kill
			if n%2 == 1 {
				set = publish.Lift
			}
			if _, err := set(t.Context(), "development", "instant-booking", "ann", "a test"); err != nil {
				t.Fatal(err)
			}
			select {
			case <-crash:
				crashed = true
			default:
			}
		}
		if code := s.ends(syscall.SIGKILL); code != -1 {
			t.Fatalf("crash %d: it had ended by itself with %d:\n%s", i, code, s.log)
		}
		now := saved(t, file)
		if now < last {
			t.Fatalf("crash %d: revision %d is saved, %d was before", i, now, last)
		}
		last = now
	}
	if last == 1 {
		t.Error("nothing was ever saved")
	}
	t.Logf("%d crashes, the last one after saving revision %d", crashes, last)

	s := c.serves()
	s.guest().opens("/")
	unfinished := c.write(filepath.Base(file)+".123456", "{")
	for _, left := range globbed(t, file+".*") {
		long := time.Now().Add(-time.Hour)
		if err := os.Chtimes(left, long, long); err != nil {
			t.Fatal(err)
		}
	}
	mine := c.write(filepath.Base(file)+".copy", "somebody's own")
	if _, err := publish.Lift(t.Context(), "development", "instant-booking", "ann", "a test"); err != nil {
		t.Fatal(err)
	}
	if _, err := publish.Kill(t.Context(), "development", "instant-booking", "ann", "a test"); err != nil {
		t.Fatal(err)
	}
	waitFor(t, "what was left unfinished to be removed", func() bool { return !slices.Contains(globbed(t, file+".*"), unfinished) })
	if left := globbed(t, file+".*"); !slices.Contains(left, mine) {
		t.Errorf("of %s there is %v", mine, left)
	}
}

func globbed(t *testing.T, pattern string) []string {
	t.Helper()
	files, err := filepath.Glob(pattern)
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// startsQuick starts a server without the race detector.
func (c *command) startsQuick() *site { c.t.Helper(); return c.startsProcess(c.process(false)) }

// saved is the revision that a start without the database would serve from the file.
func saved(t *testing.T, file string) int64 {
	t.Helper()
	nowhere := openURL(t, "postgres://nobody@/nothing?host="+filepath.Dir(file))
	var said strings.Builder
	flags, err := service.New(t.Context(), service.Config{Source: nowhere, Environment: "development", LastGood: file, Logger: slog.New(slog.NewTextHandler(&said, nil))})
	if err != nil {
		t.Fatal(err)
	}
	status := flags.Status()
	if status.State != service.FromDisk || len(status.Malformed) > 0 {
		t.Fatalf("the file is not served: %+v\n%s", status, &said)
	}
	return status.Revision.Number
}

// TestAnImportThatIsKilledIsWholeOrNotThere kills imports that concern two environments.
func TestAnImportThatIsKilledIsWholeOrNotThere(t *testing.T) {
	databases(t, func(t *testing.T, c *command) {
		c.does("migrate")
		store := c.store()
		imports := func(n int) *site {
			cmd := c.process(false, "import", "-")
			cmd.Stdin = strings.NewReader(fmt.Sprintf(bothEnvironments, n, []string{"off", "on"}[n%2]))
			return c.startsProcess(cmd)
		}
		begun := time.Now()
		<-imports(1).ended
		asksForNothing(t, c)
		usual := time.Since(begun)
		whole, cut := 0, 0
		for n := range crashes / 2 {
			before := headsOf(t, store)
			s := imports(n)
			select {
			case <-s.ended:
			case <-time.After(rand.N(usual * 3 / 2)):
				_ = s.cmd.Process.Kill()
				<-s.ended
			}
			after := headsOf(t, store)
			if after[0] != after[1] {
				t.Fatalf("one environment is at revision %d, the other at %d", after[0], after[1])
			}
			if after[0] > before[0] {
				whole++
			} else {
				cut++
			}
		}
		t.Logf("usually %s; %d were whole, %d were not there", usual, whole, cut)
		c.does("import", c.write("last.yaml", fmt.Sprintf(bothEnvironments, 1000, "on")))
		if out := c.does("export"); !strings.Contains(out, "Reports 1000") {
			t.Errorf("afterwards: %s", out)
		}
	})
}

const bothEnvironments = `version: 1
flags:
  - key: reports
    title: Reports %d
    kind: release
    type: boolean
    environments:
      development: {enabled: true, otherwise: %[2]s}
      production: {enabled: true, otherwise: %[2]s}
`

// store opens the command's database.
func (c *command) store() *models.Store {
	c.t.Helper()
	for _, setting := range c.env {
		if url, ok := strings.CutPrefix(setting, "DATABASE_URL="); ok {
			return openURL(c.t, url)
		}
	}
	store, err := sqlite.Open(c.t.Context(), filepath.Join(c.dir, "toprent.db"))
	if err != nil {
		c.t.Fatal(err)
	}
	closeAfter(c.t, store)
	return store
}

// headsOf are the newest revisions of development and production, both of one moment, since an import whose command was
// killed while the database was committing it may come in between. They must be readable.
func headsOf(t *testing.T, store *models.Store) (numbers [2]int64) {
	t.Helper()
	rows, err := store.Environments(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	for i, environment := range []string{"development", "production"} {
		row := rows[slices.IndexFunc(rows, func(row models.Environment) bool { return row.Name == environment })]
		if _, err := store.Load(context.Background(), row.ID()); err != nil {
			t.Fatal(err)
		}
		numbers[i] = row.Head
	}
	return numbers
}
