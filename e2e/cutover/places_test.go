package cutover_test

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/toprent/flags/internal/pgtest"
)

// place is a side's database that a test can get into trouble.
type place struct {
	app      string // where the app finds it
	test     string // where the test does
	troubles []trouble
}

// trouble is what can happen to a database. It lasts until the function that it returns is called.
type trouble struct {
	name   string
	begins func() (over func())
}

// late is how late a slow wire brings each answer, and each question: a transaction takes several of both.
const late = 3 * time.Second

// newServerPlace starts a server that can be stopped, locked, and reached over a bad wire.
func newServerPlace(t *testing.T) place {
	t.Helper()
	server := pgtest.Server(t)
	wire, app := newWire(t, server.URL())
	return place{app: app, test: server.URL(), troubles: []trouble{
		{"stopped", func() func() { server.Stop(); return server.Start }},
		{"locked", func() func() { return holds(t, server.URL(), "LOCK TABLE stays IN ACCESS EXCLUSIVE MODE") }},
		{"slow", func() func() { return wire.slows(late) }},
		{"cut", wire.cuts},
	}}
}

// newFilePlace makes a folder for a file that can be moved away, and locked: for long by a process that is killed then, and
// again and again.
func newFilePlace(t *testing.T) place {
	t.Helper()
	folder := filepath.Join(t.TempDir(), "volume")
	if err := os.Mkdir(folder, 0o700); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(folder, "rows.db")
	return place{app: file, test: file, troubles: []trouble{
		{"away", func() func() { return movesAway(t, folder) }},
		{"locked", func() func() { return holdsElsewhere(t, file) }},
		{"slow", func() func() { return holdsOften(t, file) }},
	}}
}

// holds begins a transaction that others wait for.
func holds(t *testing.T, place, statement string) (over func()) {
	t.Helper()
	db, err := open(place)
	if err != nil {
		t.Fatal(err)
	}
	pool, err := db.DB()
	if err != nil {
		t.Fatal(err)
	}
	tx := db.WithContext(t.Context()).Begin()
	if err := tx.Exec(statement).Error; err != nil {
		t.Fatal(err)
	}
	return func() {
		t.Helper()
		if err := tx.Rollback().Error; err != nil {
			t.Error(err)
		}
		if err := pool.Close(); err != nil {
			t.Error(err)
		}
	}
}

// movesAway takes the folder of a file away, as a volume that is unmounted: whoever has the file open still has it, and
// nobody can open it any more.
func movesAway(t *testing.T, folder string) (over func()) {
	t.Helper()
	away := folder + ".away"
	if err := os.Rename(folder, away); err != nil {
		t.Fatal(err)
	}
	return func() {
		t.Helper()
		if err := os.Rename(away, folder); err != nil {
			t.Fatal(err)
		}
	}
}

// holdsOften holds a file's lock nearly always, but for no longer than others wait.
func holdsOften(t *testing.T, file string) (over func()) {
	t.Helper()
	ends, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		for {
			release := holds(t, file, writesNothing)
			select {
			case <-ends:
				release()
				return
			case <-time.After(otherWithin / 4):
				release()
			}
		}
	}()
	return func() { close(ends); <-ended }
}

// writesNothing takes the lock of an SQLite file.
const writesNothing = "DELETE FROM stays WHERE 1 = 0"

const lockedFileVariable = "CUTOVER_TEST_LOCKED_FILE"

// holdsElsewhere lets another process lock a file in the middle of a change, until it is killed.
func holdsElsewhere(t *testing.T, file string) (over func()) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), lockedFileVariable+"="+file)
	cmd.Stderr = t.Output()
	output, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	kill := sync.OnceFunc(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	t.Cleanup(kill) // where a test fails in between
	if lines := bufio.NewScanner(output); !lines.Scan() || lines.Text() != "locked" {
		t.Fatalf("the process that locks a file says %q", lines.Text())
	}
	return kill
}

// beLocker is the main function of a process that changes all rows of a file, and never comes to the end of it.
func beLocker(file string) error {
	db, err := open(file)
	if err != nil {
		return err
	}
	if err := db.Begin().Exec("UPDATE stays SET history = 'half of a change'").Error; err != nil {
		return err
	}
	fmt.Println("locked")
	select {}
}
