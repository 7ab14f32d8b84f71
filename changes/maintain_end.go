package changes

import (
	"cmp"
	"context"

	"github.com/toprent/flags/models"
	"github.com/toprent/flags/ruleset"
)

// EndMaintenance ends what Maintain has turned on: its rule goes, and nothing else of the flag changes. Like turning it on
// it needs no approval, since whoever may close a site in a hurry must be able to open it again. What was approved is
// another matter: where the flag was last changed by an ordinary change of a protected environment, ending is one too, and
// the answer a ProtectedError. (A kill of the flag opens the site at once in any case.) If maintenance is not on, nothing
// is published. An empty key is ruleset.MaintenanceKey. It returns ErrNoFlag, service.ErrNoEnvironment or ErrUnavailable.
func (c *Changes) EndMaintenance(ctx context.Context, environment, key string, by Actor, reason string) (published Published, err error) {
	if err := checkNamesAndReason(by.Name, reason); err != nil {
		return Published{}, err
	}
	key = cmp.Or(key, ruleset.MaintenanceKey)
	err = c.write(ctx, kindMaintenanceEnd, func(tx *models.Tx) error {
		d, err := c.openFlag(ctx, tx, environment, key, by.Name)
		if err != nil {
			return err
		}
		d.authorID = by.ID
		kind, err := d.endMaintenance(ctx, tx, key)
		if err != nil {
			return err
		}
		if len(d.problems) > 0 {
			return &RefusedError{Problems: d.problems}
		}
		published, err = d.publish(ctx, tx, kind, reason)
		return err
	})
	if err != nil {
		return Published{}, err
	}
	return published, nil
}

// endMaintenance takes the rule away, and says as what kind of revision.
func (d *draft) endMaintenance(ctx context.Context, tx *models.Tx, key string) (kind string, err error) {
	row, _ := d.flags.get(key)
	flag := row.Flag(d.about.byKey[key])
	if _, on := MaintenanceOn(flag); !on {
		return KindPublish, nil
	}
	since, err := tx.Revision(ctx, d.environment.Name, row.FromRevision)
	if err != nil {
		return "", err
	}
	flag.Rules = WithoutMaintenance(flag.Rules)
	d.putFlag(flag, flag.Killed)
	if since.Kind == kindMaintenance || !d.environment.TakesRequests() {
		return kindMaintenanceEnd, nil
	}
	return KindPublish, nil
}
