package changes

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/toprent/flags/models"
	"github.com/toprent/flags/ruleset"
)

// What a change does to migrations in stages is looked at inside its transaction, whichever way it comes: nobody goes more
// than one stage at once, no step is made while an instance may still follow the one before the last, and nobody comes to
// read from a side that does not have all rows.

// cutover is what a change does to the migrations of an environment.
type cutover struct {
	forced   map[string]bool     // flags whose stages may go further than to the next
	later    bool                // what is planned for another time: what has to be so then is not looked at now
	since    *ruleset.Definition // what the change before this one leaves, of several in a row; nil: what is live
	lines    map[string][]string // what becomes of stages, in plain words, by flag
	progress []models.CutoverProgress
}

// transition is a change of one staged flag's stages.
type transition struct {
	key                   string
	before, after, former *stages // former: before, without caps and overrides
	unknown               bool    // what was before cannot be read
	progress              models.CutoverProgress
	begun                 bool // there is progress
}

// checkCutover refuses changes of stages that are not safe. An environment that is filled may begin anywhere.
func (d *draft) checkCutover(ctx context.Context, from source, fills bool) error {
	d.cutover.lines, d.cutover.progress = map[string][]string{}, nil
	keys := d.stagedTouched()
	if len(keys) == 0 {
		return nil
	}
	progress, err := from.CutoverProgressOf(ctx, d.environment.Name)
	if err != nil {
		return err
	}
	transitions, err := d.transitions(ctx, from, keys)
	if err != nil {
		return err
	}
	for _, t := range transitions {
		t.progress, t.begun = progress[t.key]
		if !t.after.sound(t.key) { // which is refused, if it is this change that spoils it
			continue
		}
		if !fills {
			if err := d.checkTransition(ctx, from, t); err != nil {
				return err
			}
		}
		d.setProgress(t, fills)
	}
	return nil
}

// stagedTouched are the staged flags that the change may make different.
func (d *draft) stagedTouched() []string {
	touched := map[string]bool{}
	add := func(key string) {
		if flag, ok := d.about.flag(key); ok && staged(flag.Kind, flag.Type) {
			touched[key] = true
		}
	}
	for key := range d.flags.next {
		add(key)
	}
	for key := range d.overrides.next {
		add(key.flag)
	}
	if len(d.segments.next) > 0 {
		for key, row := range d.flags.live {
			if strings.Contains(row.RolloutStrategy, `"segment"`) {
				add(key)
			}
		}
	}
	keys := make([]string, 0, len(touched))
	for key := range touched {
		if _, ok := d.flags.get(key); ok {
			keys = append(keys, key)
		}
	}
	slices.Sort(keys)
	return keys
}

// transitions are those of the flags whose stages are decided by something else than before.
func (d *draft) transitions(ctx context.Context, from source, keys []string) ([]transition, error) {
	was := d.before.Definition(d.about.byID)
	if d.cutover.since != nil {
		was = *d.cutover.since
	}
	is := d.definition()
	was, is = only(was, keys), only(is, keys)
	unread, err := d.readAgain(ctx, from, &was)
	if err != nil {
		return nil, err
	}
	free := was
	free.Overrides, free.Flags = nil, slices.Clone(was.Flags)
	for i := range free.Flags {
		free.Flags[i].Killed, free.Flags[i].Enabled = false, true
	}
	before, after, former := stagesOf(was), stagesOf(is), stagesOf(free)
	all := make([]transition, len(keys))
	for i, key := range keys {
		all[i] = transition{key: key, before: before, after: after, former: former, unknown: slices.Contains(unread, key)}
	}
	return all, nil
}

// only is a definition of these flags alone, and what they are decided with.
func only(def ruleset.Definition, keys []string) ruleset.Definition {
	wanted := make(map[string]bool, len(keys))
	for _, key := range keys {
		wanted[key] = true
	}
	small := ruleset.Definition{Segments: def.Segments}
	for _, plan := range def.Plans {
		plan.Features = nil
		small.Plans = append(small.Plans, plan)
	}
	for _, flag := range def.Flags {
		if wanted[flag.Key] {
			small.Flags = append(small.Flags, flag)
		}
	}
	for _, o := range def.Overrides {
		if wanted[o.Flag] {
			small.Overrides = append(small.Overrides, o)
		}
	}
	return small
}

// readAgain puts the last settings that can be read in the place of those that cannot, since instances follow them, and
// gives the flags for which there are none.
func (d *draft) readAgain(ctx context.Context, from source, def *ruleset.Definition) (unread []string, err error) {
	read := stagesOf(*def)
	for i, flag := range def.Flags {
		if read.sound(flag.Key) {
			continue
		}
		alone := *def
		alone.Flags = []ruleset.Flag{flag}
		spans, err := spansOf(ctx, from, d.environment.Name, d.about.byKey[flag.Key])
		if err != nil {
			return nil, err
		}
		found := false
		for _, span := range spans {
			alone.Flags[0] = span.Flag
			if found = stagesOf(alone).sound(flag.Key); found {
				def.Flags[i] = span.Flag
				break
			}
		}
		if !found {
			unread = append(unread, flag.Key)
		}
	}
	return unread, nil
}

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
	if t.before.capped(t.key) && (t.before.free(t.key) == free || !free.Has(ruleset.StageComplete)) {
		return
	}
	if d.cutover.later && !free.Has(ruleset.StageComplete) {
		return
	}
	if message := noReturn(free, t.progress); message != "" {
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
