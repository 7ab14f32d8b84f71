package changes

import (
	"context"
	"fmt"

	"github.com/toprent/flags/internal/audit"
	"github.com/toprent/flags/models"
	"github.com/toprent/flags/ruleset"
)

// VerifyAgain asks for another verification of an entity whose rows were compared before: all of them are compared once
// more, and what differs is copied from the side whose answer counts. Until that is done, no tenant comes to read from the
// other side; the way back stays open. It needs no approval; the audit tells of it. It returns a RefusedError while there is
// nothing to verify or rows are compared already, ErrNoFlag, service.ErrNoEnvironment or ErrUnavailable.
func (c *Changes) VerifyAgain(ctx context.Context, environment, flag string, by Actor, reason string) error {
	if err := checkNames(by.Name, reason); err != nil {
		return err
	}
	return c.write(ctx, "verify a migration again", func(tx *models.Tx) error {
		d, err := c.openFlag(ctx, tx, environment, flag, by.Name)
		if err != nil {
			return err
		}
		if err := d.hasStages(flag); err != nil {
			return err
		}
		progress, err := tx.CutoverProgressOf(ctx, environment)
		if err != nil {
			return err
		}
		row := progress[flag]
		if message := noVerification(row); message != "" {
			return &RefusedError{[]Problem{{Environment: environment, Problem: ruleset.Problem{Flag: flag, Message: message}}}}
		}
		before := row
		row.State, row.Compared, row.Different, row.Error, row.UpdatedAt = models.CutoverVerifying, 0, 0, "", models.At(d.now)
		row.Again++
		if err := tx.BeginCutoverProgress(ctx, row); err != nil {
			return err
		}
		return c.record(ctx, tx, audit.Entry{Action: "cutover-verify", Actor: by.Name, ActorID: by.ID, Environment: environment, Reason: reason,
			Items: []audit.Item{{Kind: string(ItemFlag), Key: flag, Before: map[string]any{"verified_at": before.VerifiedAt, "compared": before.Compared, "different": before.Different}}}})
	})
}

// noVerification says why an entity cannot be verified again now; empty: it can.
func noVerification(p models.CutoverProgress) string {
	switch p.State {
	case models.CutoverDone:
		return ""
	case "", models.CutoverAbandoned:
		return "only one database is written, so there is nothing to compare: all rows are compared by themselves after they were copied"
	}
	return fmt.Sprintf("all rows are being copied and compared already: %s", stillCopying(p))
}
