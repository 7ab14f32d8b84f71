package settings

import (
	"encoding/json"
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

// fillEntities lets ten instances tell of every entity, which goes well for most tenants.
func (h *largeHost) fillEntities(t testing.TB) error {
	stats := settingstest.Busy()
	text, err := json.Marshal(stats)
	if err != nil {
		return err
	}
	at := models.At(time.Now())
	for n := range largeEntities {
		for i := range 10 {
			row := models.CutoverInstance{Instance: fmt.Sprint("instance-", i), Environment: "production", Flag: largeEntity(n), Host: fmt.Sprint("web-", i), Revision: largeHistory, HeardAt: at, Stats: string(text)}
			if err := h.Store.TellCutover(t.Context(), row); err != nil {
				return err
			}
		}
	}
	return nil
}
