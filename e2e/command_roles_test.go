package e2e

import (
	"fmt"
	"strings"
	"syscall"
	"testing"

	"github.com/toprent/flags/internal/pgtest"
	"github.com/toprent/flags/service"
)

// roles are the two roles of a deployment: one owns the schema, the other serves.
type roles struct{ owner, running string } // URLs

// newRoles makes them in an empty database. Like all of the server, they go with the tests.
func newRoles(t *testing.T, url string) roles {
	t.Helper()
	_, name, _ := strings.Cut(url, "@/")
	name, _, _ = strings.Cut(name, "?")
	owner, running := name+"_owner", name+"_running"
	execute(t, url, fmt.Sprintf(`
		CREATE ROLE %[1]s LOGIN;
		CREATE ROLE %[2]s LOGIN;
		REVOKE ALL ON SCHEMA public FROM PUBLIC;
		GRANT CREATE, USAGE ON SCHEMA public TO %[1]s;
		GRANT USAGE ON SCHEMA public TO %[2]s;
		ALTER DEFAULT PRIVILEGES FOR ROLE %[1]s IN SCHEMA public GRANT SELECT, INSERT, UPDATE ON TABLES TO %[2]s;
		ALTER DEFAULT PRIVILEGES FOR ROLE %[1]s IN SCHEMA public GRANT USAGE ON SEQUENCES TO %[2]s`, owner, running))
	return roles{strings.Replace(url, "postgres@/", owner+"@/", 1), strings.Replace(url, "postgres@/", running+"@/", 1)}
}

func TestTheRoleThatServesNeedNotOwnTheSchema(t *testing.T) {
	t.Parallel()
	roles := newRoles(t, pgtest.Empty(t))
	owner, running := newCommand(t, "DATABASE_URL="+roles.owner), newCommand(t, "DATABASE_URL="+roles.running)

	older := []string{"older than this binary needs", "migrate command with a role that owns the schema"}
	running.refuses(1, older, "serve")
	running.refuses(1, older, "export")
	running.refuses(1, []string{"permission denied"}, "migrate")

	if out := owner.does("migrate"); !strings.Contains(out, "the schema is up to date") {
		t.Errorf("migrate says %q", out)
	}
	if out := owner.does("migrate"); out != "The schema is up to date.\n" {
		t.Errorf("a second time, migrate says %q", out)
	}
	s := running.serves()
	if status, code := s.status(); code != 200 || status.State != service.Live || status.Revision.Number != 1 {
		t.Errorf("%d, %+v", code, status)
	}
	running.does("kill", "instant-booking", "--reason", "a test")
	s.reaches(2)
	s.guest().opens("/").wants(t, "instant-booking", "false")
	s.ends(syscall.SIGTERM)

	execute(t, roles.owner, `DELETE FROM goose_db_version WHERE version_id = (SELECT max(version_id) FROM goose_db_version)`)
	running.refuses(1, older, "serve")
	execute(t, roles.owner, `INSERT INTO goose_db_version (version_id, is_applied) VALUES (9999, true)`)
	newer := []string{"newer than this binary knows", "9999", "deploy the newer binary"}
	running.refuses(1, newer, "serve")
	owner.refuses(1, newer, "serve")
	owner.refuses(1, newer, "migrate")
	owner.refuses(1, newer, "kill", "new-home", "--reason", "a test")
}

func TestTheOwnerMigratesByServing(t *testing.T) {
	t.Parallel()
	roles := newRoles(t, pgtest.Empty(t))
	newCommand(t, "DATABASE_URL="+roles.owner).serves()
	newCommand(t, "DATABASE_URL="+roles.running).serves().guest().opens("/").wants(t, "instant-booking", "true")
}
