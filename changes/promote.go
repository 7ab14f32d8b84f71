package changes

import (
	"context"
	"fmt"
	"maps"
	"reflect"
	"slices"

	"github.com/toprent/flags/models"
	"github.com/toprent/flags/ruleset"
)

// PromotionOptions say what comes along with a flag. Without any, the flag comes alone.
type PromotionOptions struct {
	Bring     func(Need) bool // which of the segments and plans; nil: those that are missing
	Overrides bool            // those of the flag too; those that only the target has stay
}

// Promotion is what it takes to make a flag in one environment what it is in another.
type Promotion struct {
	Edits     []Edit
	From, To  *ruleset.Flag // as it is in the two environments; To is nil if it is not there
	Needs     []Need        // what the flag is decided with, beside itself
	Mistakes  []string      // why it cannot be done, in plain words; there are no edits then
	Notes     []string      // what is to be known of it, in plain words
	Overrides int           // how many the flag has where it comes from
}

// Need is a segment or a plan that a flag is decided with.
type Need struct {
	Item    Item
	Missing bool // the target has none of this key
	Differs bool // it has another
	Was, Is any  // ruleset.Segment or ruleset.Plan, in the target (nil: missing) and where the flag comes from
}

// PromotionEdits gives the edits that make a flag in one environment what it is in another, against the versions that the
// target has now. Killed is never carried over. What the flag requires and the target lacks is named as a mistake. It
// returns ErrNoFlag if the flag is not there where it should come from, a RefusedError if it cannot be read there, and
// service.ErrNoEnvironment.
func (c *Changes) PromotionEdits(ctx context.Context, key, from, to string, options PromotionOptions) (Promotion, error) {
	if from == to {
		return Promotion{}, &RefusedError{[]Problem{{Environment: to, Problem: ruleset.Problem{Flag: key, Message: "is in this environment already: name another one"}}}}
	}
	about, err := readAbout(ctx, c.store)
	if err != nil {
		return Promotion{}, fmt.Errorf("promote: %w", err)
	}
	p := promotion{key: key}
	for _, side := range []struct {
		name string
		into **draft
	}{{from, &p.from}, {to, &p.to}} {
		row, err := c.store.Environment(ctx, side.name)
		if err == nil {
			*side.into, err = c.begin(ctx, c.look(), row, about, "")
		}
		if err != nil {
			return Promotion{}, fmt.Errorf("promote: %w", err)
		}
	}
	row, ok := p.from.flags.live[key]
	if !ok {
		return Promotion{}, fmt.Errorf("promote: %w as %q in %s", ErrNoFlag, key, from)
	}
	flag := row.Flag(about.byKey[key])
	if flag.Malformed != "" {
		return Promotion{}, &RefusedError{[]Problem{{Environment: from, Problem: ruleset.Problem{Flag: key, Message: "cannot be read, so it cannot be promoted: " + flag.Malformed}}}}
	}
	p.From = &flag
	p.run(options)
	return p.Promotion, nil
}

// promotion is one on its way.
type promotion struct {
	Promotion
	key      string
	from, to *draft // only read
}

func (p *promotion) run(options PromotionOptions) {
	p.prerequisites()
	p.needs()
	var edits []Edit
	for _, need := range p.Needs {
		bring := need.Missing
		if options.Bring != nil {
			bring = (need.Missing || need.Differs) && options.Bring(need)
		}
		if bring {
			edits = append(edits, p.bring(need))
		}
	}
	edits = append(edits, p.flag()...)
	edits = append(edits, p.overrides(options.Overrides)...)
	if len(p.Mistakes) == 0 {
		p.Edits = edits
	}
}

// flag is the edit of the flag itself.
func (p *promotion) flag() []Edit {
	flag := *p.From
	flag.Killed = false
	if p.From.Killed {
		p.note("flag %q is killed in %s; that is not carried over", p.key, p.from.environment.Name)
	}
	row, there := p.to.flags.live[p.key]
	if there {
		present := row.Flag(p.to.about.byKey[p.key])
		p.To = &present
		if present.Killed {
			p.note("flag %q is killed in %s and stays so: promoting never lifts a kill", p.key, p.to.environment.Name)
		}
		if settings, err := models.SettingsOf(flag); err == nil && sameButKilled(models.FeatureFlagEnvironment{FlagSettings: settings}, row) {
			return nil
		}
	}
	return []Edit{PutFlag{Flag: &flag, Base: row.FromRevision}}
}

// prerequisites names what the flag requires and the target lacks.
func (p *promotion) prerequisites() {
	for _, required := range p.From.Prerequisites {
		row, there := p.to.flags.live[required.Flag]
		flag := row.Flag(p.to.about.byKey[required.Flag])
		switch {
		case !there:
			p.mistake("it requires flag %q, which %s does not have: promote that one first", required.Flag, p.to.environment.Name)
		case flag.Archived:
			p.mistake("it requires flag %q, which is archived in %s: bring that one back first", required.Flag, p.to.environment.Name)
		case !hasVariant(flag, required.Variant):
			p.mistake("it requires flag %q to be “%s”, a variant that it does not have in %s: promote that one first", required.Flag, required.Variant, p.to.environment.Name)
		}
	}
}

func hasVariant(flag ruleset.Flag, name string) bool {
	return slices.ContainsFunc(flag.AllVariants(), func(v ruleset.Variant) bool { return v.Name == name })
}

// needs finds the segments that rules name, those that segments name, and the plans that include the flag.
func (p *promotion) needs() {
	seen := map[string]bool{}
	for _, rule := range p.From.Rules {
		if rule.When != nil {
			p.segments(*rule.When, seen)
		}
	}
	for _, key := range slices.Sorted(maps.Keys(p.from.plans.live)) {
		row := p.from.plans.live[key]
		if key != p.From.TierRequired && !slices.Contains(row.Features, p.key) {
			continue
		}
		need := Need{Item: Item{Kind: ItemPlan, Key: key}, Is: row.Plan()}
		if theirs, ok := p.to.plans.live[key]; ok {
			need.Was, need.Differs = theirs.Plan(), !theirs.Same(row)
		}
		need.Missing = need.Was == nil
		p.Needs = append(p.Needs, need)
	}
}

func (p *promotion) segments(c ruleset.Condition, seen map[string]bool) {
	eachSegment(c, func(key string) {
		if !seen[key] {
			seen[key] = true
			p.segment(key, seen)
		}
	})
}

// segment needs one segment, behind those that it names.
func (p *promotion) segment(key string, seen map[string]bool) {
	row, ok := p.from.segments.live[key]
	if !ok {
		return // a mistake where it comes from, which is named when it is put
	}
	segment := row.Segment()
	p.segments(segment.When, seen)
	need := Need{Item: Item{Kind: ItemSegment, Key: key}, Is: segment}
	if theirs, ok := p.to.segments.live[key]; ok {
		need.Was = theirs.Segment()
		need.Differs = !theirs.Same(row) && !reflect.DeepEqual(need.Was, need.Is)
	}
	need.Missing = need.Was == nil
	p.Needs = append(p.Needs, need)
}

// eachSegment visits the segments that a condition names, in their order; what those name is not looked at.
func eachSegment(c ruleset.Condition, visit func(key string)) {
	for _, inner := range slices.Concat(c.All, c.Any) {
		eachSegment(inner, visit)
	}
	if c.Not != nil {
		eachSegment(*c.Not, visit)
	}
	if c.Segment != "" {
		visit(c.Segment)
	}
}

// bring is the edit that puts a segment or a plan.
func (p *promotion) bring(need Need) Edit {
	if plan, ok := need.Is.(ruleset.Plan); ok {
		return PutPlan{plan, p.to.plans.live[plan.Key].FromRevision}
	}
	segment := need.Is.(ruleset.Segment) // the only other kind
	return PutSegment{segment, p.to.segments.live[segment.Key].FromRevision}
}

// overrides counts those of the flag, and puts them if they come along.
func (p *promotion) overrides(bring bool) (edits []Edit) {
	for _, key := range slices.SortedFunc(maps.Keys(p.from.overrides.live), compareOverrides) {
		if key.flag != p.key {
			continue
		}
		p.Overrides++
		row, present := p.from.overrides.live[key], p.to.overrides.live[key]
		if bring && !row.Same(present) {
			edits = append(edits, PutOverride{row.Override(key.flag), present.FromRevision})
		}
	}
	return edits
}

func (p *promotion) note(format string, args ...any) {
	p.Notes = append(p.Notes, fmt.Sprintf(format, args...))
}

func (p *promotion) mistake(format string, args ...any) {
	p.Mistakes = append(p.Mistakes, fmt.Sprintf(format, args...))
}
