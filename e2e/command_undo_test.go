package e2e

import (
	"strings"
	"testing"
)

func TestTheCommandLineRollsBackAndPromotes(t *testing.T) {
	t.Parallel()
	databases(t, func(t *testing.T, c *command) {
		c.does("migrate")
		if o := c.runReading(strings.ReplaceAll(reportsFlag, "production", "staging"), "import", "-"); o.code != 0 {
			t.Fatal(o)
		}
		says := func(out string, texts ...string) {
			t.Helper()
			for _, text := range texts {
				if !strings.Contains(out, text) {
					t.Errorf("it says %q, not %q", out, text)
				}
			}
		}
		says(c.does("promote", "reports", "--from", "staging", "--to", "development", "--reason", "to look at it"), "development is now revision 1:", `flag "reports": new`)
		says(c.does("promote", "reports", "--from", "staging", "--to", "development", "--reason", "again"), "development: nothing is different")
		says(c.does("promote", "reports", "--from", "staging", "--to", "production", "--reason", "ready"), "this is change request 1 now, and waits for approval")
		c.does("kill", "reports", "--environment", "development", "--reason", "a test")
		says(c.does("rollback", "1", "--environment", "development", "--reason", "as it was"), `note: flag "reports" is killed and stays so`, "development: nothing is different")
		says(c.does("rollback", "0", "--environment", "staging", "--reason", "as it was"), "staging is now revision 2:", `flag "reports": archived yes, was no`)
		says(c.does("rollback", "2", "--only", "--environment", "staging", "--reason", "not that"), "staging is now revision 3:", `flag "reports": archived no, was yes`)
		c.refuses(1, []string{"not found"}, "rollback", "99", "--environment", "staging", "--reason", "x")
		c.refuses(1, []string{"no such flag"}, "promote", "nope", "--from", "staging", "--to", "development", "--reason", "x")
		c.refuses(2, []string{"--reason"}, "rollback", "1")
	})
}
