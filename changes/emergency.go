package changes

import (
	"context"

	"github.com/toprent/flags/internal/audit"
	"github.com/toprent/flags/models"
)

// EmergencyError says why somebody's look at an emergency does not count. Nothing was changed.
type EmergencyError struct{ Message string }

func (e *EmergencyError) Error() string { return "not reviewed: " + e.Message }

// ReviewEmergency notes that somebody has looked at a kill, or at maintenance, that nobody approved before. Who did it does
// not review it.
func (c *Changes) ReviewEmergency(ctx context.Context, environment string, revision int64, by Actor, note string) error {
	if err := checkNamesAndReason(by.Name, note); err != nil {
		return err
	}
	return c.write(ctx, "review an emergency", func(tx *models.Tx) error {
		locked, err := tx.Lock(ctx, environment)
		if err != nil {
			return err
		}
		row, err := tx.Emergency(ctx, environment, revision)
		if err != nil {
			return err
		}
		own := row.AuthorID != "" && row.AuthorID == by.ID || row.Author == by.Name
		switch {
		case row.ReviewedAt != nil:
			return &EmergencyError{row.ReviewedBy + " has looked at it already"}
		case own && locked.TakesRequests():
			return &EmergencyError{"you did it, so somebody else has to look at it"}
		}
		now, err := tx.Now(ctx)
		if err != nil {
			return err
		}
		at := models.At(now)
		row.ReviewedAt, row.ReviewedBy, row.ReviewedByID, row.Note = &at, by.Name, by.ID, note
		if err := tx.ReviewEmergency(ctx, row); err != nil {
			return err
		}
		return c.record(ctx, tx, audit.Entry{Action: "emergency-reviewed", Actor: by.Name, ActorID: by.ID, Environment: environment, Revision: revision, Reason: note})
	})
}

// emergency notes what nobody approved in a protected environment.
func (d *draft) emergency(ctx context.Context, tx *models.Tx, key string, by Actor, published Published) error {
	if !d.environment.Protected || !published.New {
		return nil
	}
	return tx.AddEmergency(ctx, models.Emergency{Environment: d.environment.Name, Revision: published.Number, Flag: key,
		Author: by.Name, AuthorID: by.ID, At: models.At(d.now)})
}
