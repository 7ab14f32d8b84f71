package changes

import (
	"context"
	"fmt"
	"slices"

	"github.com/toprent/flags/models"
	"github.com/toprent/flags/ruleset"
)

// checkTransition refuses a step that is not safe, and tells of one that is.
func (d *draft) checkTransition(ctx context.Context, from source, t transition) error {
	d.checkReturn(t)
	moves := t.moves()
	if len(moves) == 0 {
		return nil
	}
	if _, there := t.before.flag(t.key); !there {
		d.refuseCutover(CutoverError{Flag: t.key, Rule: CutoverNew, From: ruleset.StageOff, To: t.after.reach(t.key).Max(),
			Message: "a migration begins with off, the original behaviour, for everybody: create it so, then go one stage at a time"})
		return nil
	}
	d.tellMoves(t, moves)
	d.checkSteps(t, moves)
	if d.cutover.later {
		return nil
	}
	d.checkAuthority(t, moves)
	return d.checkBehind(ctx, from, t)
}

// checkSteps refuses to go more than one stage at once, unless that is forced.
func (d *draft) checkSteps(t transition, moves []move) {
	i := slices.IndexFunc(moves, move.far)
	switch {
	case i < 0:
	case d.cutover.forced[t.key]:
		d.cutover.lines[t.key] = append(d.cutover.lines[t.key], fmt.Sprintf("forced, although %s from %s to %s, which is more than one stage at once", moves[i].goes(), moves[i].from, moves[i].to))
	default:
		m := moves[i]
		d.refuseCutover(CutoverError{Flag: t.key, Rule: CutoverSteps, Tenant: m.who, From: m.from, To: m.to,
			Message: fmt.Sprintf("%s from %s to %s: only neighbouring stages are safe beside each other, so go to %s first; to go further at once, force it and say why", m.goes(), m.from, m.to, m.next())})
	}
}

// checkAuthority refuses to read from a side that does not have all rows. Nothing lifts this.
func (d *draft) checkAuthority(t transition, moves []move) {
	for _, m := range moves {
		var message string
		switch {
		case !m.from.New() && m.to.New() && !t.progress.Synced():
			message = fmt.Sprintf("%s from %s to %s, so that the new database answers, and it does not have all rows yet: %s. Wait until everything was copied and compared; this cannot be forced", m.goes(), m.from, m.to, stillCopying(t.progress))
		case m.from.New() && !m.to.New() && !t.progress.OldKept():
			message = fmt.Sprintf("%s from %s to %s, so that the old database answers, and it does not have all rows: %s. Step back to rampdown, and wait until everything was copied back and compared; this cannot be forced", m.goes(), m.from, m.to, stillCopying(t.progress))
		default:
			continue
		}
		d.refuseCutover(CutoverError{Flag: t.key, Rule: CutoverNotSynced, Tenant: m.who, From: m.from, To: m.to, Progress: t.progress, Message: message})
		return
	}
}

// checkBehind refuses a step while an instance may be at the one before the last.
func (d *draft) checkBehind(ctx context.Context, from source, t transition) error {
	since, err := d.lastChanged(ctx, from, t.key)
	if err != nil {
		return err
	}
	behind, err := from.CutoverBehind(ctx, d.environment.Name, t.key, since)
	if err != nil || len(behind) == 0 {
		return err
	}
	d.refuseCutover(CutoverError{Flag: t.key, Rule: CutoverBehind, Instances: behind, Progress: t.progress, Message: waitsFor(behind, since)})
	return nil
}

// lastChanged is the revision in which something that decides the flag's stages changed last.
func (d *draft) lastChanged(ctx context.Context, from source, key string) (int64, error) {
	row := d.flags.live[key]
	since, err := from.OverridesChanged(ctx, d.environment.Name, row.FeatureID)
	if err != nil {
		return 0, err
	}
	since = max(since, row.FromRevision)
	used := map[string]bool{}
	for _, rule := range row.Flag(d.about.byKey[key]).Rules {
		if rule.When != nil {
			d.segmentsUsed(*rule.When, used)
		}
	}
	for segment := range used {
		since = max(since, d.segments.live[segment].FromRevision)
	}
	return since, nil
}

// segmentsUsed collects the segments that a condition names, and those that they name.
func (d *draft) segmentsUsed(c ruleset.Condition, used map[string]bool) {
	for _, inner := range slices.Concat(c.All, c.Any) {
		d.segmentsUsed(inner, used)
	}
	if c.Not != nil {
		d.segmentsUsed(*c.Not, used)
	}
	if c.Segment == "" || used[c.Segment] {
		return
	}
	used[c.Segment] = true
	if row, ok := d.segments.live[c.Segment]; ok {
		d.segmentsUsed(row.Segment().When, used)
	}
}

// checkReturn refuses to kill or disable where that cannot lead back: in complete, and while the old side does not have
// all rows.
func (d *draft) checkReturn(t transition) {
	if !t.after.capped(t.key) {
		return
	}
	free := t.after.free(t.key)
	if t.before.capped(t.key) && (t.before.free(t.key).Has(ruleset.StageComplete) || !free.Has(ruleset.StageComplete)) {
		return
	}
	if d.cutover.later && !free.Has(ruleset.StageComplete) {
		return
	}
	message := noReturn(free, t.progress)
	if message != "" && t.before.capped(t.key) {
		message = "nobody can go to complete while it is killed or disabled, since nothing leads back from there: lift the kill or enable it first"
	}
	if message != "" {
		d.refuseCutover(CutoverError{Flag: t.key, Rule: CutoverNoReturn, From: free.Max(), To: free.Max().Capped(), Progress: t.progress, Message: message})
	}
}

// noReturn says why a kill cannot lead back from these stages; empty: it can.
func noReturn(free ruleset.StageSet, progress models.CutoverProgress) string {
	_, fresh := authorities(free)
	const then = "Step back to rampdown, wait until everything was copied back and compared, then kill or disable it"
	switch {
	case free.Has(ruleset.StageComplete):
		return "it cannot be killed or disabled in complete: the old database is not written any more, so there is nothing to go back to. " + then
	case fresh && !progress.OldKept():
		return "it cannot be killed or disabled yet: the old database does not have all rows (" + stillCopying(progress) + "). " + then
	}
	return ""
}
