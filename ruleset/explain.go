package ruleset

import (
	"fmt"
	"strings"
	"time"
)

// Explanation is the whole chain that led to a value.
type Explanation struct {
	Detail
	Revision ID        `json:"revision"`
	At       time.Time `json:"at"` // the pinned time
	Steps    []Step    `json:"steps"`
}

// Step is one case that was tried. The last step is the one that decided.
type Step struct {
	Case      string           `json:"case"` // not_found, kill, plan, preview, error, override, enabled, prerequisite, rule, otherwise
	Text      string           `json:"text"` // for people
	Decides   bool             `json:"decides"`
	Condition *ConditionResult `json:"condition,omitempty"` // of a rule
	Draw      *DrawResult      `json:"draw,omitempty"`      // of a rule with a percentage or a split
}

// ConditionResult is what one condition said, with those inside it.
type ConditionResult struct {
	Text     string            `json:"text"`
	Actual   string            `json:"actual,omitempty"` // what the subject has; of comparisons
	Matched  bool              `json:"matched"`
	Children []ConditionResult `json:"children,omitempty"`
}

// DrawResult is where a unit's draw fell.
type DrawResult struct {
	Unit    string  `json:"unit"`              // user, visitor, tenant or an attribute
	Value   string  `json:"value"`             // the subject's; empty: it has none, so it is out
	Percent float64 `json:"percent"`           // the draw, from 0 to 100
	Share   string  `json:"share"`             // what it was compared with, in percent; of a split, all weights
	Below   float64 `json:"below,omitempty"`   // of a calibrated share: the frozen threshold, from 0 to 100; draws below it are in
	In      bool    `json:"in"`                // within the share; of a split, that there is a unit
	Variant string  `json:"variant,omitempty"` // what it led to
}

// Split reports whether it was compared with the weights of a split, not with one share.
func (d DrawResult) Split() bool { return strings.Contains(d.Share, ":") }

// Explain evaluates like [Revision.Evaluate] and says for one flag how its value came about.
func (r *Revision) Explain(key string, subject Subject, at time.Time) Explanation {
	values := r.Evaluate(subject, at)
	out := Explanation{Revision: r.id, At: at}
	i, ok := r.index[key]
	if !ok {
		out.Detail = Detail{Key: key, RuleIndex: -1}
		out.Steps = []Step{{Case: "not_found", Text: "there is no such flag in this environment, or it is archived: the fallback of the code is served", Decides: true}}
		return out
	}
	n := &r.nodes[i]
	out.Detail = n.detail(values.set.cells[i])
	e := r.begin(&subject, at, values.set.cells)
	defer e.end()
	x := explainer{evaluation: e, node: n, cell: values.set.cells[i]}
	x.explain()
	out.Steps = x.steps
	return out
}

// explainer tells of the cases up to the one that decided. It asks the evaluation's own functions, so that it cannot
// tell another story.
type explainer struct {
	*evaluation
	node  *node
	cell  cell
	steps []Step
}

func (x *explainer) say(name, format string, args ...any) {
	x.steps = append(x.steps, Step{Case: name, Text: fmt.Sprintf(format, args...)})
}

func (x *explainer) explain() {
	if x.node.capped != FlagNotFound {
		x.explainCapped()
		return
	}
	x.explainKill()
	for _, tell := range []func() bool{x.explainPlan, x.explainPreview, x.explainError, x.explainOverride, x.explainEnabled, x.explainPrerequisites, x.explainRules} {
		if x.cell.reason == Killed || tell() {
			break
		}
	}
	x.steps[len(x.steps)-1].Decides = true
}

func (x *explainer) explainKill() {
	if x.cell.reason == Killed {
		x.say("kill", "killed in the newest revision: %s", x.serving())
		return
	}
	if x.node.killed {
		x.say("kill", "killed in the newest revision, but its stage cannot be told")
		return
	}
	x.say("kill", "not killed")
}

// explainCapped tells of a staged flag that is killed or disabled: what it would serve, and how far that steps back.
func (x *explainer) explainCapped() {
	served := x.cell
	x.cell = x.decideRules(x.node)
	if !x.explainOverride() {
		x.explainRules()
	}
	back := steppingBack(Stage(x.cell.variant))
	x.cell = served
	if served.reason == Killed {
		x.say("kill", "killed in the newest revision: %s", back)
	} else {
		x.say("enabled", "disabled in this environment: %s", back)
	}
	x.steps[len(x.steps)-1].Decides = true
}

// steppingBack says what a kill makes of a stage.
func steppingBack(from Stage) string {
	switch to := from.Capped(); {
	case to != from:
		return fmt.Sprintf("steps back from %q to %q, where the original counts and both are written", from, to)
	case to.New():
		return fmt.Sprintf("stays %q, since the original is no longer written", to)
	default:
		return fmt.Sprintf("stays %q, where the original counts", to)
	}
}

func (x *explainer) serving() string {
	if x.cell.variant == noVariant {
		return "it has no variant to serve, so the fallback of the code is served"
	}
	return fmt.Sprintf("serves %q", x.node.flag.name(x.cell.variant))
}

// explainPlan reports whether the plan decided; so do the others for their cases.
func (x *explainer) explainPlan() bool {
	g := x.node.flag.gate
	if guard := x.node.guard; guard != nil && (g == nil || g.admits(x.plan, x.addOns) == NothingMatched) {
		g = guard // of the two that which may decide
	}
	if g == nil {
		return false
	}
	included := "no plan includes it"
	if len(g.included) > 0 {
		included = "included in " + strings.Join(g.included, ", ")
	}
	switch x.cell.reason {
	case PlanUnknown:
		x.say("plan", "needs a plan (%s), and the subject's plan %q is unknown: %s", included, x.plan, x.serving())
		return true
	case PlanExcluded:
		hint := "an upgrade alone would not turn it on"
		if x.cell.bits&bitUpgradable != 0 {
			hint = "an upgrade would turn it on"
		}
		x.say("plan", "plan %q excludes it (%s): %s; %s", x.plan, included, x.serving(), hint)
		return true
	}
	if g.includes(x.plan) {
		x.say("plan", "plan %q includes it", x.plan)
	} else {
		x.say("plan", "plan %q excludes it (%s), but an add-on includes it", x.plan, included)
	}
	return false
}

func (x *explainer) explainPreview() bool {
	if x.cell.reason != Previewed {
		return false
	}
	x.say("preview", "previewed in this session alone: %s", x.serving())
	return true
}

func (x *explainer) explainError() bool {
	if x.cell.reason != Error {
		return false
	}
	x.say("error", "cannot be evaluated: %s; %s", x.node.malformed, x.serving())
	return true
}

func (x *explainer) explainOverride() bool {
	f := x.node.flag
	for _, holder := range []struct {
		name, id  string
		overrides map[string]override
	}{{"user", x.values[slotUser].text, f.users}, {"tenant", x.values[slotTenant].text, f.tenants}} {
		o, ok := holder.overrides[holder.id]
		if !ok {
			continue
		}
		until := "that never expires"
		if o.expires != nil {
			until = "until " + o.expires.UTC().Format(time.RFC3339)
		}
		if o.holds(x.now) {
			x.say("override", "override for %s %q %s%s: %s", holder.name, holder.id, until, f.overrideReason(holder.name, holder.id), x.serving())
			return true
		}
		x.say("override", "override for %s %q has expired (%s)", holder.name, holder.id, until)
	}
	return false
}

func (f *flag) overrideReason(holder, id string) string {
	for _, o := range f.overrides {
		if o.Reason != "" && (holder == "user" && o.User == id || holder == "tenant" && o.Tenant == id) {
			return fmt.Sprintf(" (%s)", o.Reason)
		}
	}
	return ""
}

func (x *explainer) explainEnabled() bool {
	if x.cell.reason == Disabled {
		x.say("enabled", "disabled in this environment: %s", x.serving())
		return true
	}
	x.say("enabled", "enabled in this environment")
	return false
}

func (x *explainer) explainPrerequisites() bool {
	for i, required := range x.node.requires {
		source := x.node.flag.source.Prerequisites[i]
		served := "nothing"
		if required.node >= 0 {
			served = fmt.Sprintf("%q", x.revision.nodes[required.node].flag.name(x.cells[required.node].variant))
		}
		if !x.meets(required) {
			x.say("prerequisite", "requires %q of flag %q, which serves %s: %s", source.Variant, source.Flag, served, x.serving())
			return true
		}
		x.say("prerequisite", "requires %q of flag %q, which serves it", source.Variant, source.Flag)
	}
	return false
}

func (x *explainer) explainRules() bool {
	f := x.node.flag
	for i := range f.rules {
		r := &f.rules[i]
		step := Step{Case: "rule"}
		if r.when != nil {
			result := x.condition(r.when)
			step.Condition = &result
		}
		matched := step.Condition == nil || step.Condition.Matched
		v, served := x.serves(r)
		if matched {
			step.Draw = x.drawOf(r, f.source.Rules[i])
		}
		name := fmt.Sprintf("rule %d", i+1)
		if r.name != "" {
			name += fmt.Sprintf(" (%s)", r.name)
		}
		switch {
		case served:
			step.Text = fmt.Sprintf("%s matches: serves %q", name, f.name(v))
		case matched:
			step.Text = name + " matches, but the unit is out: on to the next"
		default:
			step.Text = name + " does not match"
		}
		x.steps = append(x.steps, step)
		if served {
			return true
		}
	}
	x.say("otherwise", "nothing matched: %s", x.serving())
	return true
}

// condition tells what a condition and all inside it say.
func (x *explainer) condition(c *condition) ConditionResult {
	out := ConditionResult{Matched: x.matches(c)}
	switch c.form {
	case all, anyOf, not:
		out.Text = [...]string{all: "all of", anyOf: "any of", not: "not"}[c.form]
		for i := range c.children {
			out.Children = append(out.Children, x.condition(&c.children[i]))
		}
	case inSegment:
		out.Text = fmt.Sprintf("in segment %q", c.segment.source.Key)
		out.Children = []ConditionResult{x.condition(&c.segment.condition)}
	default:
		out.Text = c.source.String()
		out.Actual = x.attribute(c).display()
	}
	return out
}

// String is the condition for people.
func (c *Condition) String() string {
	switch {
	case c.All != nil:
		return fmt.Sprintf("all of %d conditions", len(c.All))
	case c.Any != nil:
		return fmt.Sprintf("any of %d conditions", len(c.Any))
	case c.Not != nil:
		return "not (" + c.Not.String() + ")"
	case c.Segment != "":
		return fmt.Sprintf("in segment %q", c.Segment)
	case c.Operator == Exists:
		return c.Attribute + " exists"
	}
	const shown = 5
	values, more := c.Values, ""
	if len(values) > shown {
		more = fmt.Sprintf(" and %d more", len(values)-shown)
		values = values[:shown]
	}
	return fmt.Sprintf("%s %s %q%s", c.Attribute, c.Operator, []string(values), more)
}

func (v *value) display() string {
	switch v.kind {
	case missing:
		return "missing"
	case list:
		parts := make([]string, v.len())
		for i := range parts {
			e := v.at(i)
			parts[i] = e.display()
		}
		return "[" + strings.Join(parts, ", ") + "]"
	case text:
		return fmt.Sprintf("%q", v.text)
	}
	return v.String()
}

// drawOf tells where the unit's draw fell; nil for a rule that needs none.
func (x *explainer) drawOf(r *rule, source Rule) *DrawResult {
	var out DrawResult
	var slot int
	var seed uint64
	switch {
	case r.percent != nil:
		out.Unit, slot, seed = source.Percent.Unit, r.percent.unit, r.percent.seed
		out.Share = r.percent.at(x.now).String()
		if r.percent.calibrated {
			out.Below = percentOf(r.percent.threshold)
		}
	case r.split != nil:
		out.Unit, slot, seed = source.Split.Unit, r.split.unit, r.split.seed
		out.Share = r.split.weights(x.node.flag)
	default:
		return nil
	}
	if out.Unit == "" {
		out.Unit = AttributeUser
	}
	hash, ok := x.unit(slot)
	if !ok {
		return &out
	}
	out.Value, _ = x.values[slot].unit()
	d := draw(seed, hash)
	out.Percent = percentOf(d)
	if v, served := x.serves(r); served {
		out.In, out.Variant = true, x.node.flag.name(v)
	}
	return &out
}

func (s *split) weights(f *flag) string {
	parts := make([]string, len(s.ranges))
	for i, r := range s.ranges {
		parts[i] = fmt.Sprintf("%s: %s", f.name(r.variant), r.weight)
	}
	return strings.Join(parts, ", ")
}
