package e2e

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"net/url"
	"path/filepath"
	"sync"
	"sync/atomic"
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

// recording is an instance that records into a database, on a clock that stands still unless it is moved.
type recording struct {
	t      *testing.T
	store  *models.Store
	source *flagtest.Source
	flags  *service.FeatureFlagService
	*analytics.Recorder
}

// onBothDatabases runs a test with a database of its own on each.
func onBothDatabases(t *testing.T, run func(t *testing.T, store *models.Store)) {
	t.Run("SQLite", func(t *testing.T) { run(t, openSQLite(t)) })
	t.Run("PostgreSQL", func(t *testing.T) { run(t, openPostgres(t)) })
}

// newRecording starts an instance with these flags.
func newRecording(t *testing.T, store *models.Store, definition ruleset.Definition, options analytics.Options) *recording {
	t.Helper()
	source := flagtest.NewSource()
	source.Publish(definition)
	r := &recording{t: t, store: store, source: source}
	return r.again(options)
}

// keptDays is for ever: the source's clock stands on a day long ago, and what is old is told by the database's.
const keptDays = 100_000

// again starts another instance on the same database, with the same flags and clock.
func (r *recording) again(options analytics.Options) *recording {
	r.t.Helper()
	flags := flagtest.Service(r.t, r.source)
	options.KeepEvents, options.KeepChecks = keptDays, keptDays
	return &recording{t: r.t, store: r.store, source: r.source, flags: flags, Recorder: analytics.New(r.store, flags, options)}
}

// shows reads flags for somebody on a page that is sent.
func (r *recording) shows(who ruleset.Subject, keys ...string) {
	var reads ruleset.Reads
	values := r.flags.Newest().Values(who, r.flags.Now()).Noting(&reads)
	for _, key := range keys {
		values.On(key)
	}
	r.Answered(&who, "/page", values, true)
}

// flushes stores what has happened, which must succeed.
func (r *recording) flushes() {
	r.t.Helper()
	if err := r.Flush(r.t.Context()); err != nil {
		r.t.Fatal(err)
	}
}

// ends tells everything, as a process does that is asked to end.
func (r *recording) ends() {
	r.t.Helper()
	ended, cancel := context.WithCancel(r.t.Context())
	cancel()
	wantIs(r.t, r.Run(ended), context.Canceled)
}

// asks is one number out of the database.
func (r *recording) asks(question string) (n int64) {
	r.t.Helper()
	return numberOf(r.t, r.store, question)
}

func numberOf(t *testing.T, store *models.Store, question string) (n int64) {
	t.Helper()
	if err := sqlOf(t, store).QueryRowContext(context.Background(), question).Scan(&n); err != nil {
		t.Fatalf("%s: %v", question, err)
	}
	return n
}

// has checks numbers in the database: questions and answers in pairs.
func (r *recording) has(questionsAndAnswers ...any) {
	r.t.Helper()
	for i := 0; i < len(questionsAndAnswers); i += 2 {
		want, _ := questionsAndAnswers[i+1].(int64)
		if n, ok := questionsAndAnswers[i+1].(int); ok {
			want = int64(n)
		}
		if got := r.asks(questionsAndAnswers[i].(string)); got != want {
			r.t.Errorf("%s: %d, want %d", questionsAndAnswers[i], got, want)
		}
	}
}

// What tests ask for.
const (
	checksByMinute = "SELECT coalesce(sum(checks), 0) FROM feature_flag_checks"
	checksByDay    = "SELECT coalesce(sum(checks), 0) FROM feature_flag_check_days"
	exposures      = "SELECT count(*) FROM feature_flag_events WHERE kind = 'exposure'"
	endedInstances = "SELECT count(*) FROM analytics_instances WHERE ended_at IS NOT NULL"
	droppedEvents  = "SELECT coalesce(sum(dropped), 0) FROM analytics_instances"
	storedEvents   = "SELECT coalesce(sum(stored), 0) FROM analytics_instances"
)

func userOf(n int) ruleset.Subject { return ruleset.Subject{User: fmt.Sprintf("u-%06d", n)} }

func openSQLiteFile(t *testing.T, path string) *models.Store {
	t.Helper()
	store, err := sqlite.Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	closeAfter(t, store)
	return store
}

// outages are databases that can go away and come back.
var outages = map[string]func(t *testing.T) (store *models.Store, down, up func()){
	"SQLite": func(t *testing.T) (*models.Store, func(), func()) {
		path := sqlitetest.File(t)
		store, other := openSQLiteFile(t, path), openSQLiteFile(t, path)
		ctx := context.Background() // the lock outlives whoever asks for it
		conn, err := sqlOf(t, other).Conn(ctx)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = conn.Close() })
		does := func(statement string) func() {
			return func() {
				t.Helper()
				if _, err := conn.ExecContext(ctx, statement); err != nil {
					t.Fatal(err)
				}
			}
		}
		return store, does("BEGIN EXCLUSIVE"), does("ROLLBACK")
	},
	"PostgreSQL": func(t *testing.T) (*models.Store, func(), func()) {
		server := pgtest.Server(t)
		return openURL(t, server.URL()), server.Stop, server.Start
	},
}

// failsToFlush tries for a moment, in vain.
func (r *recording) failsToFlush() {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(r.t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := r.Flush(ctx); err == nil {
		r.t.Error("a flush goes well while the database is down")
	}
}

// commitCutter stands between a recorder and PostgreSQL. Once it is told to, it lets the next commit pass, waits for the
// server's answer, and cuts the connection instead of bringing it: nobody at this end knows what came of the commit.
type commitCutter struct {
	entry  net.Listener
	socket string
	armed  atomic.Bool
	cuts   atomic.Int64
}

// newCommitCutter gives it, and the URL at this end.
func newCommitCutter(t *testing.T, place string) (*commitCutter, string) {
	t.Helper()
	there, err := url.Parse(place)
	if err != nil {
		t.Fatal(err)
	}
	c := &commitCutter{socket: filepath.Join(there.Query().Get("host"), ".s.PGSQL.5432")}
	if c.entry, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	var ended sync.WaitGroup
	ended.Go(func() {
		for {
			app, err := c.entry.Accept()
			if err != nil {
				return
			}
			ended.Go(func() { c.connect(app) })
		}
	})
	t.Cleanup(func() {
		_ = c.entry.Close()
		ended.Wait()
	})
	there.Host, there.RawQuery = c.entry.Addr().String(), "sslmode=disable"
	return c, there.String()
}

func (c *commitCutter) connect(app net.Conn) {
	defer app.Close()
	server, err := net.Dial("unix", c.socket)
	if err != nil {
		return
	}
	defer server.Close()
	var committing atomic.Bool
	var both sync.WaitGroup
	both.Go(func() {
		c.carries(app, server, func(sent []byte) bool {
			if bytes.Contains(bytes.ToLower(sent), []byte("commit\x00")) && c.armed.CompareAndSwap(true, false) {
				committing.Store(true)
			}
			return true
		})
	})
	both.Go(func() {
		c.carries(server, app, func([]byte) bool {
			if committing.Load() {
				c.cuts.Add(1)
			}
			return !committing.Load()
		})
	})
	both.Wait()
}

// carries brings bytes from one end to the other as long as it may.
func (c *commitCutter) carries(from, to net.Conn, may func([]byte) bool) {
	defer from.Close()
	defer to.Close()
	buffer := make([]byte, 32<<10)
	for {
		n, err := from.Read(buffer)
		if n > 0 && !may(buffer[:n]) {
			return
		}
		if _, failed := to.Write(buffer[:n]); err != nil || failed != nil {
			return
		}
	}
}
