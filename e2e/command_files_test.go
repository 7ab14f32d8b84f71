package e2e

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// reportsFlag is what the example of the documentation requires to be there.
const reportsFlag = `version: 1
flags:
  - key: reports
    title: Reports
    kind: release
    type: boolean
    environments:
      production: {enabled: true, otherwise: on}
`

func example(t *testing.T) string {
	t.Helper()
	path, err := filepath.Abs("../internal/flagfile/testdata/example.yaml")
	if err != nil {
		t.Fatal(err)
	}
	return path
}

func TestAFlagsFileGoesInAndComesOut(t *testing.T) {
	databases(t, func(t *testing.T, c *command) {
		c.does("migrate")
		c.refuses(1, []string{example(t) + ":", `"reports"`}, "import", example(t)) // its prerequisite is not there yet
		if o := c.runReading(reportsFlag, "import", "-"); o.code != 0 || !strings.Contains(o.out, "production is now revision 1") {
			t.Fatal(o)
		}
		asksForNothing(t, c)
		dry := c.does("import", "--dry-run", example(t))
		for _, line := range []string{"production would become revision 2", `flag "advanced-reports": new`, `plan "pro": new`, "Nothing was changed"} {
			if !strings.Contains(dry, line) {
				t.Errorf("a dry run does not say %q:\n%s", line, dry)
			}
		}
		if got := c.does("import", example(t)); !strings.Contains(got, "production is now revision 2") {
			t.Errorf("after a dry run: %s", got)
		}

		written := filepath.Join(c.dir, "written.yaml")
		c.does("export", "-o", written)
		asJSON := c.does("export", "--format", "json")
		if !json.Valid([]byte(asJSON)) {
			t.Errorf("no JSON: %s", asJSON)
		}
		for _, text := range []string{read(t, written), c.does("export"), asJSON} {
			o := c.runReading(text, "import", "-")
			if o.code != 0 || o.out != "production: nothing is different\n" {
				t.Errorf("what was exported is different: %s", o)
			}
		}

		// The same in a database of its own.
		other := newCommand(t)
		other.does("migrate")
		other.does("import", written)
		wantEqual(t, "exported again", other.does("export"), read(t, written))
	})
}

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestAFileWithMistakesChangesNothing(t *testing.T) {
	databases(t, func(t *testing.T, c *command) {
		c.does("migrate")
		before := c.does("export")
		bad := c.write("bad.yaml", `version: 1
colour: red
flags:
  - key: Good Morning
    title: A key with spaces
    kind: release
    type: boolean
  - key: fine
    title: Fine
    kind: release
    type: boolean
    environments:
      production:
        enabled: true
        rules:
          - {name: too many, percent: {unit: user, share: 101, serve: on}}
          - {name: broken, when: {attribute: email, operator: matches, values: ["("]}, serve: on}
          - {name: nobody, serve: purple}
`)
		c.refuses(1, []string{bad + ":2:", bad + ":4:", bad + ":16:", bad + ":17:", bad + ":18:"}, "import", bad)
		c.refuses(1, []string{bad + ":2:"}, "import", "--dry-run", bad)
		c.refuses(1, []string{"no-such-file"}, "import", filepath.Join(c.dir, "no-such-file"))
		if o := c.runReading("flags: [", "import", "-"); o.code != 1 || o.err == "" {
			t.Errorf("broken YAML: %s", o)
		}
		if o := c.runReading(strings.Repeat("# a long file\n", 3<<20), "import", "-"); o.code != 1 || !strings.Contains(o.err, "10 MB") {
			t.Errorf("a file that is too large: exit code %d, %s", o.code, o.err)
		}
		wantEqual(t, "after all that", c.does("export"), before)
	})
}
