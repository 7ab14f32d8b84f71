package ruleset

import "time"

// Evaluate decides all flags for one subject at one time. It cannot fail.
func (r *Revision) Evaluate(subject Subject, at time.Time) Values {
	set := newValueSet(r)
	if len(r.hidden) > 0 {
		set.denied = r.denied(&subject)
	}
	e := r.begin(&subject, at, set.cells)
	e.decideSimple(&r.simple)
	for _, i := range r.dynamic {
		e.cells[i] = e.decide(&r.nodes[i])
	}
	set.lane = e.lane
	e.end()
	return Values{set: set}
}

// evaluation is one subject's turn through a revision. Finished ones are used again, since what a rule reads may
// escape to the heap and they would be allocated for each subject.
type evaluation struct {
	revision *Revision
	lane     uint8 // each processor mostly has an evaluation of its own, and each of those a lane
	addOns   []string
	plan     string // the subject's, but while asking what an upgrade would give
	now      time.Time
	cells    []cell     // decided so far
	values   []value    // of attributes, by slot
	units    []unitDraw // of attributes as units, by slot
	rank     value      // of the plan, when last asked for

	upgraded      bool           // while asking what an upgrade would give
	upgradedTo    string         // the plan last asked about
	upgradedCells map[int32]cell // prerequisites decided with it
}

// Slots: where an evaluation keeps what rules read. Attributes follow the reserved ones.
const (
	slotUser = iota
	slotVisitor
	slotTenant
	slotPlan
	slotNow
	unitUser // as a unit: the user, before sign-in the visitor
	reservedSlots
)

// unitDraw is a slot's hash as a unit, made when first asked for.
type unitDraw struct {
	hash  uint64
	state uint8
}

const (
	unitUnknown uint8 = iota
	unitMissing
	unitHashed
)

// begin reads once whatever rules may ask for.
func (r *Revision) begin(s *Subject, at time.Time, cells []cell) *evaluation {
	e, ok := r.finished.Get().(*evaluation)
	if !ok {
		slots := reservedSlots + len(r.attributes)
		e = &evaluation{revision: r, lane: uint8(r.begun.Add(1)), values: make([]value, slots), units: make([]unitDraw, slots)}
	}
	e.addOns, e.plan, e.now, e.cells = s.AddOns, s.Plan, at, cells
	e.readReserved(s, at)
	for i, name := range r.attributes {
		e.values[reservedSlots+i].read(s.Attributes[name])
	}
	clear(e.units[reservedSlots:])
	return e
}

// readReserved reads what every subject has.
func (e *evaluation) readReserved(s *Subject, at time.Time) {
	user := s.User
	if user == "" {
		user = s.Visitor
	}
	e.setID(slotUser, s.User)
	e.setID(slotVisitor, s.Visitor)
	e.setID(slotTenant, s.Tenant)
	e.setID(slotPlan, s.Plan)
	e.setID(unitUser, user)
	if e.revision.timed {
		e.values[slotNow] = value{kind: instant, raw: at}
	}
	clear(e.units[:reservedSlots])
}

// end hands the evaluation back.
func (e *evaluation) end() {
	e.cells, e.upgradedTo, e.upgradedCells = nil, "", nil
	e.revision.finished.Put(e)
}

func (e *evaluation) setID(slot int, id string) {
	v := &e.values[slot]
	v.text, v.kind = id, text
	if id == "" {
		v.kind = missing
	}
}

// decide goes through the cases in the order of the reasons.
func (e *evaluation) decide(n *node) cell {
	f := n.flag
	if n.killed || n.capped != FlagNotFound {
		return e.decideStopped(n)
	}
	if f.gate == nil && n.guard == nil && !n.previewed { // most flags
		return e.decideAdmitted(n)
	}
	reason := e.admits(n)
	switch {
	case reason == NothingMatched && n.previewed && !e.upgraded: // what an upgrade would give is what it gives without a preview
		return f.cell(n.preview, Previewed, 0)
	case reason == NothingMatched:
		return e.decideAdmitted(n)
	}
	c := f.cell(f.off, reason, 0)
	if reason == PlanExcluded && !e.upgraded && n.guard == nil && e.upgradable(n) {
		c.bits |= bitUpgradable
	}
	return c
}

// decideStopped decides a flag that is killed, or a staged one that is disabled.
func (e *evaluation) decideStopped(n *node) cell {
	if n.capped != FlagNotFound {
		return n.flag.steppedBack(e.decideAdmitted(n), n.capped)
	}
	return n.flag.killed(n.malformed)
}

// killed is what a flag serves that is killed. A staged one comes here only if it is malformed: then nothing that it
// serves can be trusted, which is said before all else.
func (f *flag) killed(malformed string) cell {
	if f.staged && malformed != "" {
		return f.cell(f.fallback, Error, 0)
	}
	return f.cell(f.off, Killed, 0)
}

// admits reports whether the plan and the add-ons include a flag: NothingMatched if so, or if it needs none. Of a draft,
// those of the newest revision have to include it too.
func (e *evaluation) admits(n *node) Reason {
	if g := n.flag.gate; g != nil {
		if reason := g.admits(e.plan, e.addOns); reason != NothingMatched {
			return reason
		}
	}
	if n.guard != nil {
		return n.guard.admits(e.plan, e.addOns)
	}
	return NothingMatched
}

// decideAdmitted decides a flag that no plan forbids.
func (e *evaluation) decideAdmitted(n *node) cell {
	f := n.flag
	switch {
	case n.malformed != "" && f.gate != nil:
		return f.cell(f.off, Error, 0)
	case n.malformed != "":
		return f.cell(f.fallback, Error, 0)
	}
	if len(f.users)+len(f.tenants) > 0 {
		if v, ok := e.overridden(f); ok {
			return f.cell(v, Overridden, 0)
		}
	}
	if !f.source.Enabled && n.capped == FlagNotFound { // else its stage is capped
		return f.cell(f.off, Disabled, 0)
	}
	for i := range n.requires {
		if !e.meets(n.requires[i]) {
			return f.cell(f.off, PrerequisiteFailed, uint8(i+1))
		}
	}
	for i := range f.rules {
		if v, ok := e.serves(&f.rules[i]); ok {
			reason := TargetingMatch
			if f.rules[i].split != nil {
				reason = SplitMatch
			}
			return f.cell(v, reason, uint8(i+1))
		}
	}
	return f.cell(f.otherwise, NothingMatched, 0)
}

// overridden finds the override for the user, then the one for the tenant.
func (e *evaluation) overridden(f *flag) (variantIndex, bool) {
	if o, ok := f.users[e.values[slotUser].text]; ok && o.holds(e.now) {
		return o.variant, true
	}
	if o, ok := f.tenants[e.values[slotTenant].text]; ok && o.holds(e.now) {
		return o.variant, true
	}
	return 0, false
}

func (o override) holds(now time.Time) bool { return o.expires == nil || now.Before(*o.expires) }

// meets reports whether a prerequisite is served as required.
func (e *evaluation) meets(required requirement) bool {
	if required.node < 0 {
		return false
	}
	c := e.cells[required.node]
	if e.upgraded {
		c = e.decideUpgraded(required.node)
	}
	return c.variant == required.variant && c.variant != noVariant
}

// serves reports what a rule serves, if it matches.
func (e *evaluation) serves(r *rule) (variantIndex, bool) {
	if r.when != nil && !e.matches(r.when) {
		return 0, false
	}
	switch {
	case r.percent != nil:
		unit, ok := e.unit(r.percent.unit)
		return r.serve, ok && r.percent.includes(draw(r.percent.seed, unit), e.now)
	case r.split != nil:
		unit, ok := e.unit(r.split.unit)
		if !ok {
			return 0, false
		}
		return r.split.pick(draw(r.split.seed, unit)), true
	}
	return r.serve, true
}

// unit gives the hash of a unit; false if the subject has none.
func (e *evaluation) unit(slot int) (uint64, bool) {
	u := &e.units[slot]
	if u.state == unitUnknown {
		u.state = unitMissing
		if s, ok := e.values[slot].unit(); ok {
			u.hash, u.state = unitHash(s), unitHashed
		}
	}
	return u.hash, u.state == unitHashed
}

// denied gives the keys without a flag here that the subject's plan excludes.
func (r *Revision) denied(s *Subject) []string {
	var keys []string
	for _, g := range r.hidden {
		if g.admits(s.Plan, s.AddOns) != NothingMatched {
			keys = append(keys, g.key)
		}
	}
	return keys
}
