package ruleset

// Most flags ask one simple question: is the unit within a share, in which part of a split is it, is an attribute one
// of some values, does one condition hold? A revision keeps those apart in dense tables, so that a hundred of them cost little more than
// their draws. The tables say nothing that evaluation.decide does not say; they say it sooner.
type simpleFlags struct {
	percents   []unitPercents
	splits     []unitSplits
	members    []members
	conditions []simpleCondition
}

// unitPercents are the flags that are a percentage of one unit.
type unitPercents struct {
	unit  int // slot
	flags []simplePercent
}

type simplePercent struct {
	seed, threshold uint64
	node            int32
	cells           [2]cell // out and in: picked without a branch, which no processor could predict
}

// unitSplits are the flags that are a split of one unit.
type unitSplits struct {
	unit  int // slot
	flags []simpleSplit
}

type simpleSplit struct {
	seed  uint64
	node  int32
	parts []cellPart // as in split
}

type cellPart struct {
	end  uint64
	cell cell
}

// members are the flags that serve a variant where one attribute is in a list: by value, what each turns to. A
// thousand such flags cost one look-up.
type members struct {
	slot    int
	byValue map[string][]member
}

type member struct {
	node int32
	cell cell
}

// simpleCondition is a flag that serves a variant where any other condition holds.
type simpleCondition struct {
	when *condition
	node int32
	cell cell
}

// add takes a node into the tables if its question is simple, and gives the value that it has otherwise.
func (s *simpleFlags) add(i int32, n *node) (otherwise cell, ok bool) {
	f := n.flag
	if n.capped != FlagNotFound || f.gate != nil || n.guard != nil || len(f.users)+len(f.tenants) > 0 || len(n.requires) > 0 || len(f.rules) != 1 {
		return cell{}, false
	}
	otherwise = f.cell(f.otherwise, NothingMatched, 0)
	switch r := &f.rules[0]; {
	case r.percent != nil && r.when == nil && !r.percent.moving && r.percent.share < Everyone:
		s.addPercent(i, f, r, otherwise)
	case r.split != nil && r.when == nil:
		s.addSplit(i, f, r)
	case r.percent != nil || r.split != nil:
		return cell{}, false
	case r.when.form == comparison && r.when.operator == In && r.when.plans == nil:
		s.addMember(i, f, r)
	default:
		s.conditions = append(s.conditions, simpleCondition{r.when, i, f.cell(r.serve, TargetingMatch, 1)})
	}
	return otherwise, true
}

func (s *simpleFlags) addPercent(i int32, f *flag, r *rule, otherwise cell) {
	at := 0
	for at < len(s.percents) && s.percents[at].unit != r.percent.unit {
		at++
	}
	if at == len(s.percents) {
		s.percents = append(s.percents, unitPercents{unit: r.percent.unit})
	}
	group := &s.percents[at]
	group.flags = append(group.flags, simplePercent{r.percent.seed, r.percent.threshold, i, [2]cell{otherwise, f.cell(r.serve, TargetingMatch, 1)}})
}

func (s *simpleFlags) addSplit(i int32, f *flag, r *rule) {
	at := 0
	for at < len(s.splits) && s.splits[at].unit != r.split.unit {
		at++
	}
	if at == len(s.splits) {
		s.splits = append(s.splits, unitSplits{unit: r.split.unit})
	}
	parts := make([]cellPart, len(r.split.ranges))
	for j, part := range r.split.ranges {
		parts[j] = cellPart{part.end, f.cell(part.variant, SplitMatch, 1)}
	}
	group := &s.splits[at]
	group.flags = append(group.flags, simpleSplit{r.split.seed, i, parts})
}

func (s *simpleFlags) addMember(i int32, f *flag, r *rule) {
	at := 0
	for at < len(s.members) && s.members[at].slot != r.when.slot {
		at++
	}
	if at == len(s.members) {
		s.members = append(s.members, members{r.when.slot, map[string][]member{}})
	}
	for _, text := range r.when.texts {
		byValue := s.members[at].byValue
		byValue[text] = append(byValue[text], member{i, f.cell(r.serve, TargetingMatch, 1)})
	}
}

// decideSimple decides the flags of the tables.
func (e *evaluation) decideSimple(s *simpleFlags) {
	for i := range s.percents {
		if unit, ok := e.unit(s.percents[i].unit); ok {
			decidePercents(e.cells, s.percents[i].flags, unit)
		}
	}
	for i := range s.splits {
		if unit, ok := e.unit(s.splits[i].unit); ok {
			decideSplits(e.cells, s.splits[i].flags, unit)
		}
	}
	for i := range s.members {
		decideMembers(e.cells, &s.members[i], &e.values[s.members[i].slot])
	}
	for i := range s.conditions {
		if c := &s.conditions[i]; e.matches(c.when) {
			e.cells[c.node] = c.cell
		}
	}
}

func decidePercents(cells []cell, flags []simplePercent, unit uint64) {
	for i := range flags {
		f, in := &flags[i], 0
		if draw(f.seed, unit) < f.threshold {
			in = 1
		}
		cells[f.node] = f.cells[in]
	}
}

func decideSplits(cells []cell, flags []simpleSplit, unit uint64) {
	for i := range flags {
		f := &flags[i]
		draw, part := draw(f.seed, unit), 0
		for j := range f.parts[:len(f.parts)-1] {
			if draw >= f.parts[j].end {
				part++
			}
		}
		cells[f.node] = f.parts[part].cell
	}
}

func decideMembers(cells []cell, m *members, v *value) {
	if v.kind == text {
		for _, f := range m.byValue[v.text] {
			cells[f.node] = f.cell
		}
		return
	}
	for i := range v.len() {
		element := v.at(i)
		if element.kind == missing {
			continue
		}
		for _, f := range m.byValue[element.String()] {
			cells[f.node] = f.cell
		}
	}
}
