package e2e

import (
	"encoding/json"
	"net/http"
	"strings"
	"syscall"
	"testing"

	"github.com/toprent/flags/internal/pgtest"
	"github.com/toprent/flags/service"
)

func TestAStartWithoutTheDatabaseServesTheLastGoodRules(t *testing.T) {
	t.Parallel()
	server := pgtest.Server(t)
	c := newCommand(t, "DATABASE_URL="+server.URL())
	first := c.serves()
	c.does("kill", "instant-booking", "--reason", "a test")
	first.reaches(2)
	visitor := first.guest()
	before := visitor.opens("/")
	before.wants(t, "instant-booking", "false")
	first.ends(syscall.SIGTERM)
	server.Stop()

	s := c.serves()
	t.Logf("the first page without the database took %s", s.took)
	visitor.site = s.url
	load := s.browsed(anybody, anybody)
	status, code := s.status()
	if code != http.StatusOK || status.State != service.FromDisk || status.Revision.Number != 2 || status.Counts.RefreshErrors == 0 {
		t.Errorf("%d, %+v", code, status)
	}
	s.logs("the last good revision is served from disk")
	s.logs("the database is down; it is prepared as soon as it is back")
	wantEqual(t, "the values", visitor.opens("/").server, before.server)
	refusesEdits(t, c, s.guest().signsIn("u-ann"))

	server.Start()
	s.becomes(service.Live)
	load.ends()
	wantEqual(t, "the values afterwards", visitor.opens("/").server, before.server)
	c.does("lift", "instant-booking", "--reason", "a test")
	s.reaches(3)
	visitor.opens("/").wants(t, "instant-booking", "true")
}

func TestAStartWithNothingServesFallbacksAndFillsTheDatabaseLater(t *testing.T) {
	t.Parallel()
	server := pgtest.Server(t)
	execute(t, server.URL(), "CREATE DATABASE late TEMPLATE template0") // without any tables
	server.Stop()
	c := newCommand(t, "DATABASE_URL="+strings.Replace(server.URL(), "/migrated?", "/late?", 1))
	s := c.serves()
	ann := s.guest()
	if p := ann.opens("/"); len(p.server) != 0 || len(p.block) != 0 {
		t.Errorf("values without rules: %v", p.server)
	}
	if p, err := ann.tries("/reports"); err != nil || p.status != http.StatusNotFound {
		t.Errorf("a page behind a flag: %d, %v", p.status, err)
	}
	if status, code := s.status(); code != http.StatusServiceUnavailable || status.State != service.Fallbacks {
		t.Errorf("%d, %+v", code, status)
	}
	s.logs("the fallbacks in the code are served")

	server.Start()
	status := s.becomes(service.Live)
	waitFor(t, "the sample's flags", func() bool { status, _ = s.status(); return status.Revision.Number == 1 })
	s.logs("the database is back and prepared")
	ann.signsIn("u-ann")
	waitFor(t, "plans to be known", func() bool { return ann.opens("/").server["advanced-reports"] == "true" })
	ann.opens("/").wants(t, "instant-booking", "true")
	ann.opens("/reports/advanced")
}

func TestADamagedLastGoodFileIsNotServed(t *testing.T) {
	t.Parallel()
	server := pgtest.Server(t)
	c := newCommand(t, "DATABASE_URL="+server.URL())
	c.serves().ends(syscall.SIGTERM)
	server.Stop()
	const file = "toprent-development.lastgood.json"
	whole := read(t, c.dir+"/"+file)
	c.write(file, whole[:len(whole)/2])
	s := c.serves()
	if status, _ := s.status(); status.State != service.Fallbacks {
		t.Errorf("%+v", status)
	}
	s.logs(file + " is damaged")
	server.Start()
	s.becomes(service.Live)
	waitFor(t, "the file to be mended", func() bool { return json.Valid([]byte(read(t, c.dir+"/"+file))) })
}

func TestADatabaseThatWasSetBackPinsSessionsAnew(t *testing.T) {
	t.Parallel()
	server := pgtest.Server(t)
	c := newCommand(t, "DATABASE_URL="+server.URL())
	s := c.serves()
	saved := server.Save()
	s.becomes(service.Live)
	c.does("kill", "instant-booking", "--reason", "a test")
	s.reaches(2)
	visitor := s.guest()
	visitor.opens("/").wants(t, "instant-booking", "false") // pinned to a revision 2 that will never have been
	lost, _ := s.status()

	server.Restore(saved)
	waitFor(t, "the older state", func() bool { status, _ := s.status(); return status.Revision.Number == 1 })
	visitor.opens("/").wants(t, "instant-booking", "true")
	c.does("kill", "search-filters", "--reason", "a test")
	s.reaches(2)
	again, _ := s.status()
	if again.Revision == lost.Revision {
		t.Errorf("two revisions are both called %+v", again.Revision)
	}
	p := visitor.opens("/")
	p.wants(t, "instant-booking", "true")
	p.wants(t, "search-filters", "false")
	if p.reasons["search-filters"] != "KILLED" {
		t.Errorf("the reason is %s", p.reasons["search-filters"])
	}
	if len(p.header["Set-Cookie"]) == 0 && len(visitor.opens("/").header["Set-Cookie"]) > 0 {
		t.Error("the session was not pinned anew")
	}
}

func TestADatabaseThatWasMadeAnewIsFollowed(t *testing.T) {
	t.Parallel()
	url := pgtest.Empty(t)
	c := newCommand(t, "DATABASE_URL="+url)
	s := c.serves()
	visitor := s.guest()
	before := visitor.opens("/")
	lost, _ := s.status()

	execute(t, url, `DROP SCHEMA public CASCADE; CREATE SCHEMA public`)
	s.becomes(service.Stale)
	wantEqual(t, "the values", visitor.opens("/").server, before.server)

	newCommand(t, "DATABASE_URL="+url).serves().ends(syscall.SIGTERM) // makes it anew
	now := s.becomes(service.Live)
	if now.Revision.Number != lost.Revision.Number || now.Revision == lost.Revision {
		t.Errorf("was %+v, is %+v", lost.Revision, now.Revision)
	}
	if cookies := visitor.opens("/").header["Set-Cookie"]; len(cookies) == 0 {
		t.Error("the session was not pinned anew")
	}
}

func TestAServerWaitsForASchemaThatItMayNotMake(t *testing.T) {
	t.Parallel()
	server := pgtest.Server(t)
	execute(t, server.URL(), "CREATE DATABASE late TEMPLATE template0")
	late := strings.Replace(server.URL(), "/migrated?", "/late?", 1)
	roles := newRoles(t, late)
	server.Stop()
	s := newCommand(t, "DATABASE_URL="+roles.running).serves()
	server.Start()
	s.logs("the database is back, but cannot be prepared")
	s.logs("older than this binary needs")
	newCommand(t, "DATABASE_URL="+roles.owner).does("migrate")
	s.logs("the database is back and prepared")
	waitFor(t, "the sample's flags", func() bool { status, _ := s.status(); return status.Revision.Number == 1 })
	// While it is migrated it may lack less and less, which is said anew.
	logged := map[string]bool{}
	for line := range strings.Lines(s.log.String()) {
		if _, trouble, found := strings.Cut(line, "cannot be prepared"); found && logged[trouble] {
			t.Errorf("the same trouble was logged again: %s", line)
		} else if found {
			logged[trouble] = true
		}
	}
}
