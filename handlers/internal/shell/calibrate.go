package shell

import (
	"time"

	"github.com/toprent/flags/changes"
)

// Calibrated freezes the exact shares that a change asks for, counted over who was seen in its environment. What it returns
// is what is shown, approved and published. A change that asks for none comes back as it is. Errors are those of
// changes.Calibrate, and the database's.
func (c *Context) Calibrated(change changes.Change) (changes.Change, error) {
	if !change.AsksToCalibrate() {
		return change, nil
	}
	ctx, cancel := c.Ctx()
	defer cancel()
	environment, err := c.App.Catalog.Environment(ctx, change.Environment)
	if err != nil {
		return change, err
	}
	snapshot, err := c.App.Directory.Snapshot(ctx, change.Environment)
	if err != nil {
		return change, err
	}
	var seen changes.Seen
	if !snapshot.Counting {
		seen = snapshot
	}
	return changes.Calibrate(change, environment.Definition(), seen, time.Now())
}
