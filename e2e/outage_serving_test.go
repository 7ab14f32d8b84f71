package e2e

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/toprent/flags/internal/pgtest"
	"github.com/toprent/flags/service"
)

func TestPagesGoOnWhileTheDatabaseIsDown(t *testing.T) {
	t.Parallel()
	server := pgtest.Server(t)
	c := newCommand(t, "DATABASE_URL="+server.URL())
	s := c.serves()
	ann := s.guest().signsIn("u-ann")
	before := ann.opens("/")
	before.wants(t, "advanced-reports", "true")
	load := s.browsed(anybody, anybody, "u-eve")

	server.Stop()
	status := s.becomes(service.Stale)
	if _, code := s.status(); code != http.StatusOK || status.Counts.RefreshErrors == 0 || status.Revision.Number != 1 {
		t.Errorf("while it is down: %d, %+v", code, status)
	}
	s.logs("the source cannot be read; the last revision goes on being served")
	during := ann.opens("/")
	for key, value := range before.server {
		if strings.HasPrefix(during.reasons[key], "PLAN_") {
			value = "false"
		}
		during.wants(t, key, value)
	}
	if during.reasons["advanced-reports"] != "PLAN_UNKNOWN" {
		t.Errorf("what needs a plan: %s", during.reasons["advanced-reports"])
	}
	refusesEdits(t, c, ann)

	server.Start()
	s.becomes(service.Live)
	s.logs("the source is back")
	waitFor(t, "plans to be known again", func() bool { return ann.opens("/").server["advanced-reports"] == "true" })
	wantEqual(t, "the values afterwards", ann.opens("/").server, before.server)
	load.ends()
	c.does("kill", "instant-booking", "--reason", "a test")
	s.reaches(2)
	ann.opens("/").wants(t, "instant-booking", "false")
	if n := s.log.count("the source cannot be read"); n != 1 {
		t.Errorf("one outage was logged %d times", n)
	}
}

// refusesEdits fails unless every way to change something says that the database cannot be reached.
func refusesEdits(t *testing.T, c *command, ann *guest) {
	t.Helper()
	words := []string{"the database cannot be reached, so nothing can be changed now"}
	c.refuses(1, words, "kill", "instant-booking", "--reason", "a test")
	c.refuses(1, words, "lift", "instant-booking", "--reason", "a test")
	c.refuses(1, words, "import", c.write("flags.yaml", reportsFlag))
	for path, form := range map[string]url.Values{"/plan": {"plan": {"free"}}, "/addon": {}} {
		if p := ann.posts(path, form); p.status != http.StatusServiceUnavailable || !strings.Contains(p.body, "Nothing was changed") {
			t.Errorf("%s: status %d:\n%s", path, p.status, p.body)
		}
	}
}

func TestPagesGoOnWhileTheDatabaseHangs(t *testing.T) {
	t.Parallel()
	server := pgtest.Server(t)
	c := newCommand(t, "DATABASE_URL="+server.URL())
	s := c.serves()
	ann := s.guest().signsIn("u-ann")
	load := s.browsed(anybody, anybody, "u-eve")

	thaw := freeze(t, server.URL())
	s.becomes(service.Stale)
	if p := ann.opens("/"); p.reasons["advanced-reports"] != "PLAN_UNKNOWN" {
		t.Errorf("what needs a plan: %s", p.reasons["advanced-reports"])
	}
	c.refuses(1, []string{"the database cannot be reached, so nothing can be changed now"}, "kill", "instant-booking", "--reason", "a test")
	if p := ann.posts("/plan", url.Values{"plan": {"free"}}); p.status != http.StatusServiceUnavailable {
		t.Errorf("a change of plan: status %d", p.status)
	}
	thaw()
	s.becomes(service.Live)
	waitFor(t, "plans to be known again", func() bool { return ann.opens("/").server["advanced-reports"] == "true" })
	load.ends()
	c.does("kill", "instant-booking", "--reason", "a test")
	s.reaches(2)
}

func TestAServerEndsThoughTheDatabaseHangs(t *testing.T) {
	t.Parallel()
	server := pgtest.Server(t)
	s := newCommand(t, "DATABASE_URL="+server.URL()).serves()
	freeze(t, server.URL())
	begun := time.Now()
	if code := s.ends(syscall.SIGTERM); code != 0 {
		t.Errorf("exit code %d:\n%s", code, s.log)
	}
	t.Logf("it took %s", time.Since(begun))
}

func TestAStartGoesOnThoughTheDatabaseHangs(t *testing.T) {
	t.Parallel()
	server := pgtest.Server(t)
	c := newCommand(t, "DATABASE_URL="+server.URL())
	c.serves().ends(syscall.SIGTERM)
	thaw := freeze(t, server.URL())
	s := c.serves()
	t.Logf("the first page took %s", s.took)
	s.guest().opens("/").wants(t, "instant-booking", "true")
	if status, _ := s.status(); status.State != service.FromDisk {
		t.Errorf("%+v", status)
	}
	thaw()
	s.becomes(service.Live)
}

// freeze stops all of a server's processes where they are: connections stand, and nothing answers. thaw lets them go on;
// so does the end of the test.
func freeze(t *testing.T, url string) (thaw func()) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	var postmaster int
	var pids []int
	err = conn.QueryRow(t.Context(), `SELECT split_part(pg_read_file('postmaster.pid'), E'\n', 1)::int, array_agg(pid) FROM pg_stat_activity`).Scan(&postmaster, &pids)
	if err != nil {
		t.Fatal(err)
	}
	all := append([]int{postmaster}, pids...) // the one that forks others first
	thaw = func() {
		for _, pid := range all {
			_ = syscall.Kill(pid, syscall.SIGCONT) // some are gone meanwhile
		}
	}
	t.Cleanup(func() {
		thaw()
		_ = conn.Close(context.Background())
	})
	for _, pid := range all {
		if err := syscall.Kill(pid, syscall.SIGSTOP); err != nil && (err != syscall.ESRCH || pid == postmaster) {
			t.Fatalf("stop PostgreSQL's process %d: %v", pid, err)
		}
	}
	return thaw
}
