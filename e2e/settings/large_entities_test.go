package settings

import (
	"fmt"
	"testing"
	"time"

	"github.com/toprent/flags/changes"
	"github.com/toprent/flags/internal/settingstest"
	"github.com/toprent/flags/models"
	"github.com/toprent/flags/ruleset"
)

// largeEntities is how many entities are moved at once: more than the fifty that are wanted.
const largeEntities = 60

func largeEntity(n int) string { return fmt.Sprintf("entity-%02d", n) }

// addLargeEntities adds a migration flag for each entity: in live for everybody, or in two stages for a share of tenants.
func addLargeEntities(doc *changes.Document) {
	for n := range largeEntities {
		doc.Flags = append(doc.Flags, changes.FlagDocument{Key: largeEntity(n), Title: fmt.Sprintf("Entity %02d", n), Description: "Moves to another database", Owner: "platform", Category: "migrations", Kind: ruleset.Migration, Type: ruleset.String})
		for i := range doc.Environments {
			at := ruleset.Stages[1+(n+i)%4]
			flag := ruleset.Flag{Key: largeEntity(n), Enabled: true, Otherwise: at.String()}
			if n%2 == 1 {
				flag.Rules = []ruleset.Rule{{Percent: &ruleset.Percent{Unit: ruleset.AttributeTenant, Serve: (at + 1).String(), Share: 30_000}}}
			}
			doc.Environments[i].Definition.Flags = append(doc.Environments[i].Definition.Flags, flag)
		}
	}
}

// fillEntities lets ten instances tell of every entity as much as they can: of two hundred tenants each.
func (h *largeHost) fillEntities(t testing.TB) error {
	stats := settingstest.Busy()
	for n := range 200 {
		stats.Tenants = append(stats.Tenants, models.CutoverTenant{Tenant: fmt.Sprintf("a-tenant-by-the-number-%05d", n), Compared: 100_000, Different: int64(n), Errors: int64(n % 7)})
	}
	for len(stats.Samples) < 20 {
		stats.Samples = append(stats.Samples, stats.Samples[0])
	}
	at := models.At(time.Now())
	var rows []models.CutoverInstance
	for n := range largeEntities {
		for i := range 10 {
			row := models.CutoverInstance{Instance: fmt.Sprint("instance-", i), Environment: "production", Flag: largeEntity(n), Host: fmt.Sprint("web-", i), Revision: largeHistory, HeardAt: at}
			if err := row.Tell(stats); err != nil {
				return err
			}
			rows = append(rows, row)
		}
	}
	return h.Store.TellCutover(t.Context(), rows...)
}
