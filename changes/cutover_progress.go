package changes

import (
	"context"
	"encoding/json"

	"github.com/toprent/flags/models"
	"github.com/toprent/flags/ruleset"
)

// setProgress notes what the change does to the copy: who leaves off or complete begins one, and with off or complete for
// everybody the other side is abandoned.
func (d *draft) setProgress(t transition, fills bool) {
	is := t.after.reach(t.key)
	was := ruleset.StagesOf(ruleset.StageOff)
	if !fills {
		was = t.before.reach(t.key)
	}
	_, fresh := authorities(was)
	if fills {
		_, fresh = authorities(is)
	}
	row := models.CutoverProgress{Environment: d.environment.Name, Flag: t.key, Direction: models.CutoverForward, State: models.CutoverWaiting, UpdatedAt: models.At(d.now)}
	switch {
	case !moving(is):
		if !t.begun && is.Is(ruleset.StageOff) || t.begun && t.progress.State == models.CutoverAbandoned && was == is {
			return
		}
		row.State = models.CutoverAbandoned
		fresh = is.Is(ruleset.StageComplete)
	case moving(was) && t.begun && t.progress.State != models.CutoverAbandoned:
		return
	}
	if fresh {
		row.Direction = models.CutoverBackward
	}
	d.cutover.progress = append(d.cutover.progress, row)
}

// storeCutover stores what the revision begins or abandons.
func (d *draft) storeCutover(ctx context.Context, tx *models.Tx, revision int64) error {
	for _, row := range d.cutover.progress {
		row.SinceRevision = revision
		if err := tx.BeginCutoverProgress(ctx, row); err != nil {
			return err
		}
	}
	return nil
}

func overridesOf(def ruleset.Definition, key string) (own []ruleset.Override) {
	for _, o := range def.Overrides {
		if o.Flag == key {
			o.Reason = ""
			own = append(own, o)
		}
	}
	return own
}

// textsOf tells contents apart.
func textsOf(content any) string {
	text, _ := json.Marshal(content) // rules, segments and overrides always can be
	return string(text)
}
