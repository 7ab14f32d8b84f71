package e2e

import (
	"strings"
	"testing"
)

func TestAnImportAsksWhereChangesAreApproved(t *testing.T) {
	t.Parallel()
	databases(t, func(t *testing.T, c *command) {
		c.does("migrate")
		if o := c.runReading(reportsFlag, "import", "-"); o.code != 0 {
			t.Fatal(o) // nothing was ever published there, so that one import may fill it
		}
		changed := strings.Replace(reportsFlag, "enabled: true", "enabled: false", 1)
		if changed == reportsFlag {
			t.Fatal("the file is as it was")
		}
		before := c.does("export")
		if o := c.runReading(changed, "import", "-", "--dry-run"); o.code != 0 || !strings.Contains(o.out, "one would be sent for review") {
			t.Errorf("a dry run says %+v", o)
		}
		if out := c.does("requests"); !strings.Contains(out, "No change request is open") {
			t.Errorf("a dry run has asked: %s", out)
		}
		if o := c.runReading(changed, "import", "-"); o.code != 0 || !strings.Contains(o.out, "change request 1 now, and waits for approval") {
			t.Errorf("an import says %+v", o)
		}
		wantEqual(t, "before anybody has approved", c.does("export"), before)
		if out := c.does("requests"); !strings.Contains(out, "Import into Production") {
			t.Errorf("the request is not listed: %s", out)
		}
	})
}
