package e2e

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/toprent/flags/internal/pgtest"
)

// A poll comes after 6 s at most, and has to be answered.
const slowestPoll = 7500 * time.Millisecond

// twoInstances serve one database, each from a folder of its own.
func twoInstances(t *testing.T, url string) (c *command, sites [2]*site) {
	t.Helper()
	for i := range sites {
		c = newCommand(t, "DATABASE_URL="+url)
		sites[i] = c.serves()
	}
	return c, sites
}

// spread waits until both have the revision, and gives how long the slower one took.
func spread(sites [2]*site, revision int64) time.Duration {
	begun := time.Now()
	for _, s := range sites {
		s.reaches(revision)
	}
	return time.Since(begun)
}

// attempts are how often something is timed until it is quick enough: a machine that is busy with something else may be so
// for seconds, and what is too slow by itself is so each time.
const attempts = 3

// inTime has something done until it was quick enough for so many times.
func inTime(t *testing.T, most time.Duration, times int, do func() time.Duration) {
	t.Helper()
	for quick, slow := 0, 0; quick < times; {
		if took := do(); took <= most {
			quick++
		} else if slow++; slow == attempts {
			t.Fatalf("it took %s, and longer than %s for the %dth time", took, most, slow)
		}
	}
}

// killsInTime kills a flag by a command, once the instances are prepared for it; again after a lift, if it took too long.
func killsInTime(t *testing.T, c *command, sites [2]*site, most time.Duration, prepare func()) {
	t.Helper()
	revision := int64(1)
	changes := func(word string) time.Duration {
		c.does(word, "instant-booking", "--reason", "a test")
		revision++
		return spread(sites, revision)
	}
	inTime(t, most, 1, func() time.Duration {
		if revision > 1 {
			changes("lift")
		}
		prepare()
		took := changes("kill")
		t.Logf("the kill reached both instances after %s", took)
		return took
	})
}

// hear waits until both hear at once of what is published.
func hear(t *testing.T, sites [2]*site) {
	t.Helper()
	for _, s := range sites {
		waitFor(t, "the listener", func() bool { status, _ := s.status(); return status.Listening })
	}
}

func TestAKillReachesEveryInstanceAtOnce(t *testing.T) {
	url := pgtest.Empty(t)
	c, sites := twoInstances(t, url)
	hear(t, sites)
	guests := [2]*guest{sites[0].guest(), sites[1].guest()}
	before := [2]shown{guests[0].opens("/"), guests[1].opens("/")}
	for i := range guests {
		before[i].wants(t, "instant-booking", "true")
	}
	revision := int64(1)
	inTime(t, time.Second, 3, func() (slowest time.Duration) {
		for _, step := range []struct{ word, says, value string }{{"kill", "is killed in development", "false"}, {"lift", "is lifted in development", "true"}} {
			revision++
			if out := c.does(step.word, "instant-booking", "--reason", "a test"); !strings.Contains(out, step.says) {
				t.Errorf("%s says %q", step.word, out)
			}
			took := spread(sites, revision)
			t.Logf("%s: %s", step.word, took)
			slowest = max(slowest, took)
			for i := range guests {
				p := guests[i].opens("/")
				p.wants(t, "instant-booking", step.value)
				p.server["instant-booking"] = before[i].server["instant-booking"]
				wantEqual(t, "all other values", p.server, before[i].server)
			}
		}
		return slowest
	})
}

func TestAKillWithoutNotificationsComesWithThePoll(t *testing.T) {
	t.Parallel()
	url := pgtest.Empty(t)
	_, sites := twoInstances(t, url)
	// As behind a pooler that delivers nothing: this session finds a pg_notify that does nothing first.
	execute(t, url, `CREATE FUNCTION public.pg_notify(text, text) RETURNS void LANGUAGE sql AS ''`)
	silent := newCommand(t, "DATABASE_URL="+url+"&search_path=public,pg_catalog")
	killsInTime(t, silent, sites, slowestPoll, func() {})
	sites[1].guest().opens("/").wants(t, "instant-booking", "false")
}

func TestAKillDuringALostListenerIsNotLost(t *testing.T) {
	t.Parallel()
	url := pgtest.Empty(t)
	c, sites := twoInstances(t, url)
	lost := 0
	killsInTime(t, c, sites, slowestPoll, func() {
		hear(t, sites)
		execute(t, url, `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND query LIKE 'LISTEN%'`)
		lost++
		for _, s := range sites {
			waitFor(t, "the loss to be noticed", func() bool { return s.log.count("the listener's connection was lost") >= lost })
		}
	})
	for _, s := range sites {
		s.logs("the listener is connected again")
		s.guest().opens("/").wants(t, "instant-booking", "false")
	}
}

func TestAKillReachesAServerOnTheSameFile(t *testing.T) {
	t.Parallel()
	c := newCommand(t)
	sites := [2]*site{c.serves(), c.serves()}
	killsInTime(t, c, sites, slowestPoll, func() {})
	sites[1].guest().opens("/").wants(t, "instant-booking", "false")
}

func TestAKillThatMakesNoSenseIsRefused(t *testing.T) {
	t.Parallel()
	databases(t, func(t *testing.T, c *command) {
		c.does("migrate")
		if o := c.runReading(reportsFlag, "import", "-"); o.code != 0 {
			t.Fatal(o)
		}
		c = c.with("ENVIRONMENT=production")
		before := c.does("export")
		c.refuses(1, []string{"no such flag", `"nope"`, "production"}, "kill", "nope", "--reason", "a test")
		c.refuses(1, []string{"no such flag", `"reports"`, "development"}, "kill", "reports", "--reason", "a test", "--environment", "development")
		c.refuses(1, []string{"a reason is required"}, "kill", "reports", "--reason", " ")
		c.refuses(2, []string{"--reason"}, "lift", "reports")
		wantEqual(t, "after all that", c.does("export"), before)

		c.does("kill", "reports", "--reason", "a test")
		if out := c.does("kill", "reports", "--reason", "again"); !strings.Contains(out, "was killed in production already") {
			t.Error(out)
		}
		if out := c.does("lift", "reports", "--reason", "done"); !strings.Contains(out, "change request 1 now, and waits for approval") {
			t.Error(out)
		}
		if out := c.does("recall", "--reason", "now"); !strings.Contains(out, "change request 2 now, and waits for approval") {
			t.Error(out)
		}
		if out := c.does("requests"); !strings.Contains(out, `"done"`) || !strings.Contains(out, "review") || !strings.Contains(out, `"now"`) {
			t.Error(out)
		}
		asksForNothing(t, c)
		if out := c.does("lift", "reports", "--reason", "done"); !strings.Contains(out, "is lifted in production (revision 3)") {
			t.Error(out)
		}
		if out := c.does("lift", "reports", "--reason", "again"); !strings.Contains(out, "was not killed in production") {
			t.Error(out)
		}
	})
}

// asksForNothing makes production ask for no approvals, for tests of other things. It leaves no trace, so it needs not have
// the key with which the command chains its audit.
func asksForNothing(t *testing.T, c *command) {
	t.Helper()
	if _, err := sqlOf(t, c.store()).ExecContext(t.Context(), "UPDATE environments SET approvals = 0"); err != nil {
		t.Fatal(err)
	}
}

// execute runs SQL behind the command's back.
func execute(t *testing.T, url, statement string) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background())
	// The server goes on writing meanwhile; whom PostgreSQL picks to end a deadlock with is to try again.
	var deadlock *pgconn.PgError
	_, err = conn.Exec(t.Context(), statement)
	for tries := 0; tries < 20 && errors.As(err, &deadlock) && deadlock.Code == "40P01"; tries++ {
		_, err = conn.Exec(t.Context(), statement)
	}
	if err != nil {
		t.Fatalf("%s: %v", statement, err)
	}
}
