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
		if !t.after.sound(t.key) {
			d.checkUnsound(t)
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

// checkUnsound refuses what would move tenants while nobody can tell from where to where: instances go on by the last
// settings that they could read, and whoever mends those would make the step without its being looked at. A change that
// spoils a flag is refused for its mistakes; but of those in an archived one, which its entity follows still, nobody says
// anything.
func (d *draft) checkUnsound(t transition) {
	live := d.flags.live[t.key].FlagSettings
	next, _ := d.flags.get(t.key)
	if !next.Archived && stagesOf(only(d.before.Definition(d.about.byID), []string{t.key})).sound(t.key) {
		return
	}
	refuse := func(message string) {
		d.refuse(ruleset.Problem{Flag: t.key, Message: message})
	}
	for key := range d.overrides.next {
		if key.flag == t.key {
			refuse("instances cannot follow its settings, so nobody can tell where its overrides lead: mend the settings first")
			return
		}
	}
	used, flag := map[string]bool{}, ruleset.Flag{}
	if !t.unknown {
		flag, _ = t.before.flag(t.key)
	}
	for _, rule := range flag.Rules {
		if rule.When != nil {
			d.segmentsUsed(*rule.When, used)
		}
	}
	for key := range d.segments.next {
		if _, old := d.segments.live[key]; old && (used[key] || t.unknown) { // a new one moves nobody
			refuse(fmt.Sprintf("instances cannot follow its settings, so nobody can tell whom the segment %q moves: mend the settings first", key))
			return
		}
	}
	if live.Killed, live.Archived = next.Killed, true; next.Archived && live != next.FlagSettings {
		refuse("instances could not follow these settings, and they follow those of an archived migration too: bring it back, and mend them")
	}
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
			if flag := d.about.byKey[key]; strings.Contains(row.RolloutStrategy, `"segment"`) || staged(flag.Kind, flag.Type) && row.Flag(flag).Malformed != "" {
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
