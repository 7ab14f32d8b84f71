package settings

import (
	"fmt"
	"testing"

	"github.com/toprent/flags/changes"
	"github.com/toprent/flags/internal/settingstest"
	"github.com/toprent/flags/ruleset"
)

// BenchmarkPagesAboutAFlag opens the pages about one of 1,000 flags, which has 10,000 overrides.
func BenchmarkPagesAboutAFlag(b *testing.B) {
	site := settingstest.New(b)
	site.Sample()
	var edits []changes.Edit
	for i := range 1000 {
		key := fmt.Sprintf("flag-%04d", i)
		edits = append(edits, changes.PutFlag{About: &changes.FlagDocument{Key: key, Title: key, Kind: ruleset.Release, Type: ruleset.Boolean},
			Flag: &ruleset.Flag{Key: key, Enabled: true, Rules: []ruleset.Rule{{When: &ruleset.Condition{Segment: "germany"}, Percent: &ruleset.Percent{Serve: "on", Share: 25_000}}}}})
	}
	for i := range 10_000 {
		edits = append(edits, changes.PutOverride{Override: ruleset.Override{Flag: "flag-0500", User: fmt.Sprintf("u-%05d", i), Variant: "on"}})
	}
	if _, err := site.Changes.Publish(b.Context(), changes.Change{Environment: "development", Author: "test", Edits: edits}); err != nil {
		b.Fatal(err)
	}
	eve := site.As("editor")
	for _, path := range []string{"/new-flag", "/flags/flag-0500", "/flags/flag-0500/development", "/flags/flag-0500/development?why=1&user=u-1",
		"/flags/flag-0500/development/settings", "/flags/flag-0500/development/disable"} {
		eve.Opens(path) // the first one reads what all later ones find in memory
		b.Run(path, func(b *testing.B) {
			for b.Loop() {
				eve.Opens(path)
			}
		})
	}
}
