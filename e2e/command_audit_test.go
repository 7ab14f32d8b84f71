package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/toprent/flags/internal/pgtest"
)

func TestTheRoleThatServesCannotRewriteHistory(t *testing.T) {
	t.Parallel()
	url := pgtest.Empty(t)
	_, name, _ := strings.Cut(url, "@/")
	name, _, _ = strings.Cut(name, "?")
	owner, running := name+"_owns", name+"_serves"
	execute(t, url, fmt.Sprintf(`CREATE ROLE %[1]s LOGIN; CREATE ROLE %[2]s LOGIN; REVOKE ALL ON SCHEMA public FROM PUBLIC; ALTER SCHEMA public OWNER TO %[1]s`, owner, running))
	as := func(role string) string { return strings.Replace(url, "postgres@/", role+"@/", 1) }
	const key = "AUDIT_KEY=00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
	command := newCommand(t, "DATABASE_URL="+as(running), "MIGRATE_URL="+as(owner), key)
	if out := command.does("migrate", "--grant", running); !strings.Contains(out, running+" may serve") {
		t.Errorf("migrate says %q", out)
	}
	command.refuses(1, []string{"owns the schema"}, "migrate", "--grant", owner)
	command.refuses(1, []string{"there is no role"}, "migrate", "--grant", "nobody_of_that_name")

	s := command.serves()
	command.does("kill", "instant-booking", "--reason", "a test")
	s.reaches(2)
	command.does("lift", "instant-booking", "--reason", "a test")
	command.does("forget", "u-nobody")
	if out := command.does("audit", "verify"); strings.Count(out, "whole") != 2 {
		t.Errorf("audit verify says %q", out)
	}

	conn, err := pgx.Connect(t.Context(), as(running))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	for _, statement := range []string{
		"UPDATE audit_entries SET action = 'x'", "DELETE FROM audit_entries", "TRUNCATE audit_entries CASCADE", "UPDATE audit_topics SET topic = 'x'",
		"DELETE FROM audit_topics", "UPDATE audit_personal SET value = 'x'", "TRUNCATE audit_personal", "DELETE FROM audit_heads", "INSERT INTO audit_heads (chain) VALUES ('x')",
		"UPDATE revisions SET author = 'x'", "DELETE FROM revisions", "TRUNCATE revisions CASCADE", "ALTER TABLE audit_entries DISABLE TRIGGER ALL",
		"DROP TABLE audit_entries CASCADE", "SET session_replication_role = replica", "UPDATE goose_db_version SET version_id = 1",
		"CREATE TABLE mine (id int)", "UPDATE audit_heads SET number = 1 WHERE chain = 'configuration'",
	} {
		if _, err := conn.Exec(t.Context(), statement); err == nil {
			t.Errorf("the role that serves may do this: %s", statement)
		}
	}
}

func TestTheAuditOnTheCommandLine(t *testing.T) {
	t.Parallel()
	url := pgtest.URL(t)
	const key = "AUDIT_KEY=00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
	command := newCommand(t, "DATABASE_URL="+url, key)
	file := filepath.Join(t.TempDir(), "flags.yaml")
	if err := os.WriteFile(file, []byte("version: 1\nflags:\n  - {key: search, type: boolean, kind: release, environments: {development: {enabled: true}}}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	command.does("import", file, "--author", "ann", "--reason", "to begin with")
	for range 3 {
		command.does("kill", "search", "--reason", "a test")
		command.does("lift", "search", "--reason", "=1+1")
	}
	heads := filepath.Join(t.TempDir(), "heads")
	if err := os.WriteFile(heads, []byte(command.does("audit", "head")), 0o600); err != nil {
		t.Fatal(err)
	}
	if out := command.does("audit", "verify", "--head", heads); !strings.Contains(out, "configuration: 8 entries, whole") {
		t.Errorf("audit verify says %q", out)
	}
	if out := command.does("audit", "export", "--format", "csv"); strings.Count(out, "kill") < 3 || strings.Contains(out, ",=1+1") || !strings.Contains(out, "command") {
		t.Errorf("audit export says %q", out)
	}
	newCommand(t, "DATABASE_URL="+url).refuses(1, []string{"set AUDIT_KEY"}, "kill", "search", "--reason", "without the key")

	execute(t, url, `SET session_replication_role = replica;
		DELETE FROM audit_personal WHERE chain = 'configuration' AND number > 5; DELETE FROM audit_topics WHERE chain = 'configuration' AND number > 5;
		DELETE FROM audit_entries WHERE chain = 'configuration' AND number > 5;
		UPDATE audit_heads h SET number = 5, mac = e.mac, at = e.at FROM audit_entries e WHERE e.chain = h.chain AND e.number = 5`)
	command.does("audit", "verify") // nobody can tell
	command.refuses(1, []string{"the audit is not what was written"}, "audit", "verify", "--head", heads)
}
