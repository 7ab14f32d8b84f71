package e2e

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/toprent/flags/analytics"
	"github.com/toprent/flags/flagtest"
	"github.com/toprent/flags/internal/pgtest"
	"github.com/toprent/flags/internal/sqlitetest"
	"github.com/toprent/flags/models"
	"github.com/toprent/flags/models/sqlite"
	"github.com/toprent/flags/ruleset"
	"github.com/toprent/flags/service"
)

// recorderVariable makes the test's binary a process that records: it names the database and a file for what it has done.
const recorderVariable = "RECORDS_INTO"

// recordsEvery is its flush interval.
const recordsEvery = 300 * time.Millisecond

// beRecorder asks for flags and shows them without an end, and writes down how often it did, and when, by its service's clock.
func beRecorder(text string) error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	place, progress, _ := strings.Cut(text, " ")
	open := models.Open
	if !strings.HasPrefix(place, "postgres:") {
		open = sqlite.Open
	}
	store, err := open(ctx, place)
	if err != nil {
		return err
	}
	source := flagtest.NewSource()
	source.Publish(ruleset.Definition{Flags: []ruleset.Flag{{Key: "a", Kind: ruleset.Release, Type: ruleset.Boolean, Salt: "a", Enabled: true, Otherwise: "on"}}})
	flags, err := service.New(ctx, service.Config{Source: source, Environment: flagtest.Environment})
	if err != nil {
		return err
	}
	file, err := os.OpenFile(progress, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	recorder := analytics.New(store, flags, analytics.Options{Every: recordsEvery, KeepEvents: keptDays, KeepChecks: keptDays})
	running, end := context.WithCancel(context.Background()) // as long as something happens that it is to record
	defer end()
	ended := make(chan error, 1)
	go func() { ended <- recorder.Run(running) }()
	for n := 1; ; n++ {
		who := ruleset.Subject{User: fmt.Sprint("u-", n)}
		var reads ruleset.Reads
		values := flags.Newest().Values(who, flags.Now()).Noting(&reads)
		for range 10 {
			values.On("a")
		}
		recorder.Answered(&who, "/", values, true)
		if _, err := fmt.Fprintf(file, "%d %d\n", flags.Now().UnixMicro(), n); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			end()
			<-ended
			return store.Close()
		case <-time.After(time.Millisecond):
		}
	}
}

// recorderProcess is such a process.
type recorderProcess struct {
	t        *testing.T
	cmd      *exec.Cmd
	said     bytes.Buffer
	progress string
}

func startRecorder(t *testing.T, place string) *recorderProcess {
	t.Helper()
	p := &recorderProcess{t: t, progress: filepath.Join(t.TempDir(), "progress")}
	if err := os.WriteFile(p.progress, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	p.cmd = exec.Command(os.Args[0])
	p.cmd.Env = append(os.Environ(), recorderVariable+"="+place+" "+p.progress)
	p.cmd.Stdout, p.cmd.Stderr = &p.said, &p.said
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.cmd.Process.Kill() })
	return p
}

// ends sends a signal and gives how it ended.
func (p *recorderProcess) ends(how syscall.Signal) (code int) {
	p.t.Helper()
	if err := p.cmd.Process.Signal(how); err != nil {
		p.t.Fatal(err)
	}
	_ = p.cmd.Wait()
	return p.cmd.ProcessState.ExitCode()
}

// did gives how many pages it had shown, all in all and until some time, and when the last one was.
func (p *recorderProcess) did(until time.Time) (before, all int64, last time.Time) {
	p.t.Helper()
	text, err := os.ReadFile(p.progress)
	if err != nil {
		p.t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		var at, n int64
		if got, _ := fmt.Sscanf(line, "%d %d\n", &at, &n); got < 2 {
			break // it is not written to its end
		}
		if all, last = n, time.UnixMicro(at); at <= until.UnixMicro() {
			before = n
		}
	}
	return before, all, last
}

func TestAKilledProcessLosesAtMostItsLastFlushIntervalAndSaysSo(t *testing.T) {
	for name, place := range map[string]func(*testing.T) string{
		"SQLite":     func(t *testing.T) string { return sqlitetest.File(t) },
		"PostgreSQL": func(t *testing.T) string { return pgtest.URL(t) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var at string
			var r *recording
			var all, checked int64
			var died time.Time
			inTime(t, recordsEvery+2*time.Second, 1, func() time.Duration { // a flush on a busy machine takes a while
				at = place(t)
				open := openSQLiteFile
				if strings.HasPrefix(at, "postgres:") {
					open = openURL
				}
				r = &recording{t: t, store: open(t, at)}
				killed := startRecorder(t, at)
				waitFor(t, "some flushes", func() bool { return r.asks("SELECT coalesce(max(batch), 0) FROM analytics_instances") >= 3 })
				if code := killed.ends(syscall.SIGKILL); code != -1 {
					t.Fatalf("it had ended by itself: %d\n%s", code, &killed.said)
				}
				var told models.Time
				if err := sqlOf(t, r.store).QueryRowContext(t.Context(), "SELECT flushed_at FROM analytics_instances").Scan(&told); err != nil {
					t.Fatal(err)
				}
				shown := r.asks(exposures)
				checked = r.asks(checksByDay)
				var before int64
				before, all, died = killed.did(told.Time)
				t.Logf("%d pages until the last flush, %d are stored, %d at the end, %s later", before, shown, all, died.Sub(told.Time))
				if shown < before || shown > all+1 || checked < 10*before || checked > 10*(all+1) {
					t.Errorf("until %s it had shown %d pages, and %d in all; %d exposures and %d checks are stored", told, before, all, shown, checked)
				}
				r.has(endedInstances, 0, checksByMinute, checked)
				return died.Sub(told.Time)
			})

			ended := startRecorder(t, at) // people come again; what is new of them alone counts once more
			waitFor(t, "a flush", func() bool { return r.asks("SELECT count(*) FROM analytics_instances") == 2 })
			waitFor(t, "new people", func() bool { _, again, _ := ended.did(died); return again > all+100 })
			if code := ended.ends(syscall.SIGTERM); code != 0 {
				t.Fatalf("exit code %d\n%s", code, &ended.said)
			}
			_, again, _ := ended.did(died)
			r.has(checksByDay, checked+10*again, exposures, again, endedInstances, 1)
		})
	}
}
