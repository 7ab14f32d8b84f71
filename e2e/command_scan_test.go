package e2e

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// shopFlags are the flags of a shop whose code uses one of them, and one more that is not there.
const shopFlags = `version: 1
flags:
  - {key: new-home, title: a, kind: release, type: boolean, lifecycle: deprecated, environments: {production: {enabled: true}}}
  - {key: old-home, title: b, kind: release, type: boolean, environments: {production: {enabled: true}}}
  - {key: gone, title: c, kind: release, type: boolean, environments: {production: {archived: true}}}
`

func TestScanTellsTyposAndFlagsWithoutAUse(t *testing.T) {
	databases(t, func(t *testing.T, c *command) {
		dir := t.TempDir()
		code := func(text string) {
			t.Helper()
			if err := os.WriteFile(filepath.Join(dir, "a.ts"), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		c.does("migrate")
		if o := c.runReading(shopFlags, "import", "-"); o.code != 0 {
			t.Fatal(o)
		}
		code("// a page\nflags.isEnabled(\"new-home\");\n")
		clean := c.does("scan", dir)
		for _, line := range []string{`a.ts:2: flags.isEnabled "new-home"`, `a.ts:2: warning: flag "new-home" is deprecated`, `no use of flag "old-home"`, "1 flags without a use"} {
			if !strings.Contains(clean, line) {
				t.Errorf("scan does not say %q:\n%s", line, clean)
			}
		}
		c.refuses(1, []string{"1 flags have no use"}, "scan", "--strict", dir)
		code("flags.isEnabled(\"new-hom\");\n")
		if o := c.run("scan", dir); o.code != 1 || !strings.Contains(o.out, `a.ts:1: error: there is no flag "new-hom"; did you mean "new-home"?`) {
			t.Errorf("a typo: %+v", o)
		}
		file := filepath.Join(t.TempDir(), "flags.yaml")
		c.does("export", "--output", file)
		o := c.run("scan", "--json", "--flags", file, dir)
		var out struct {
			Uses    []struct{ Key, Path string }
			Unknown []struct{ Key, Nearest string }
			Unused  []string
		}
		if err := json.Unmarshal([]byte(o.out), &out); err != nil || o.code != 1 || len(out.Unknown) != 1 || out.Unknown[0].Nearest != "new-home" || len(out.Unused) != 2 {
			t.Errorf("against a file: %d, %v\n%s", o.code, err, o.out)
		}
		c.refuses(2, nil, "scan", filepath.Join(dir, "missing"))
		c.refuses(2, []string{"FLAGS_TOKEN"}, "scan", "--upload", "https://www.toprent.example/settings", dir)
		c.with("FLAGS_TOKEN=tfl_x").refuses(2, []string{"https alone"}, "scan", "--upload", "http://www.toprent.example/settings", "--repository", "shop", "--commit", "0123abc", dir)
		c.with("FLAGS_TOKEN=tfl_x").refuses(2, []string{"not allowed"}, "scan", "--upload", "https://www.toprent.example/settings", "--repository", "shop", "--commit", "0123abc", "--link", "javascript:{path}", dir)
	})
}
