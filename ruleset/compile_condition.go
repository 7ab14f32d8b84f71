package ruleset

import (
	"fmt"
	"net/netip"
	"reflect"
	"regexp"
	"regexp/syntax"
	"slices"
	"time"

	"github.com/Masterminds/semver/v3"
)

// conditionCompiler compiles the conditions of one rule or one segment.
type conditionCompiler struct {
	*compiler
	at     func(path string, args ...any) Problem
	budget *int        // conditions still allowed
	used   *[]*segment // segments met
	depth  int         // deepest level met
	timed  bool        // reads the time
}

func (c *conditionCompiler) compile(source *Condition, path string, depth int) condition {
	out := condition{source: source}
	if !c.spend(1, path) {
		return out
	}
	c.depth = max(c.depth, depth)
	if depth > MaxDepth {
		c.report(c.at("%s", path), "conditions are nested more than %d levels deep", MaxDepth)
		return out
	}
	if forms := source.forms(); forms != 1 {
		c.report(c.at("%s", path), "a condition is exactly one of all, any, not, segment and attribute; this one has %d of them", forms)
		return out
	}
	switch {
	case source.All != nil:
		out.form = all
		out.children = c.compileList(source.All, path+".all", depth)
	case source.Any != nil:
		out.form = anyOf
		out.children = c.compileList(source.Any, path+".any", depth)
	case source.Not != nil:
		out.form = not
		out.children = []condition{c.compile(source.Not, path+".not", depth+1)}
	case source.Segment != "":
		c.compileSegment(&out, source.Segment, path, depth)
	default:
		c.compileComparison(&out, path)
	}
	return out
}

// spend takes conditions from the budget, and reports the first time that it does not suffice.
func (c *conditionCompiler) spend(n int, path string) bool {
	if *c.budget < 0 {
		return false
	}
	*c.budget -= n
	if *c.budget < 0 {
		c.report(c.at("%s", path), "more than %d conditions, those of segments and regular expressions included: use lists of values", MaxConditions)
	}
	return *c.budget >= 0
}

// forms counts what the condition is at once.
func (c *Condition) forms() int {
	n := 0
	for _, given := range []bool{c.All != nil, c.Any != nil, c.Not != nil, c.Segment != "", c.Attribute != "" || c.Operator != "" || c.Values != nil} {
		if given {
			n++
		}
	}
	return n
}

func (c *conditionCompiler) compileList(list []Condition, path string, depth int) []condition {
	if len(list) == 0 {
		c.report(c.at("%s", path), "needs at least one condition")
	}
	out := make([]condition, len(list))
	for i := range list {
		out[i] = c.compile(&list[i], fmt.Sprintf("%s[%d]", path, i), depth+1)
	}
	return out
}

func (c *conditionCompiler) compileSegment(out *condition, key, path string, depth int) {
	s := c.segments[key]
	switch {
	case s == nil:
		c.report(c.at("%s.segment", path), "there is no segment %q: define it or name another", key)
		return
	case s.broken:
		c.report(c.at("%s.segment", path), "segment %q cannot be used: mend its mistakes first", key)
		return
	case depth+s.depth > MaxDepth:
		c.report(c.at("%s.segment", path), "with segment %q, conditions are nested more than %d levels deep", key, MaxDepth)
		return
	}
	if !c.spend(s.size, path) {
		return
	}
	c.depth = max(c.depth, depth+s.depth)
	c.timed = c.timed || s.timed
	out.form, out.segment = inSegment, s
	if !slices.Contains(*c.used, s) {
		*c.used = append(*c.used, s)
	}
}

func (c *conditionCompiler) compileComparison(out *condition, path string) {
	source := out.source
	out.operator = source.Operator
	if source.Attribute == "" {
		c.report(c.at("%s.attribute", path), "is missing: name the attribute to compare")
	}
	if !slices.Contains(Operators, source.Operator) {
		c.report(c.at("%s.operator", path), "%q is no operator: use one of %v", source.Operator, Operators)
		return
	}
	switch n := len(source.Values); {
	case source.Operator == Exists && n != 0:
		c.report(c.at("%s.values", path), "exists takes no values; put it in a not to ask for what is missing")
		return
	case source.Operator != Exists && n == 0:
		c.report(c.at("%s.values", path), "%s needs at least one value", source.Operator)
		return
	case source.Operator.single() && n != 1:
		c.report(c.at("%s.values", path), "%s takes exactly one value; this has %d", source.Operator, n)
		return
	case n > MaxConditionValues:
		c.report(c.at("%s.values", path), "%d values: at most %d are allowed", n, MaxConditionValues)
		return
	}
	if source.Operator == Matches && !c.spend(len(source.Values)-1, path) {
		return
	}
	c.place(out)
	for i, value := range source.Values {
		if err := out.addValue(value); err != nil {
			c.report(c.at("%s.values[%d]", path, i), "%v", err)
		}
	}
}

// single reports whether the operator compares with exactly one value.
func (o Operator) single() bool {
	switch o {
	case Greater, GreaterEqual, Less, LessEqual, Before, After, SemverEqual, SemverGreater, SemverAtLeast, SemverLess, SemverAtMost:
		return true
	}
	return false
}

// place finds where the evaluation keeps the attribute.
func (c *conditionCompiler) place(out *condition) {
	switch out.source.Attribute {
	case AttributeUser:
		out.slot = slotUser
	case AttributeVisitor:
		out.slot = slotVisitor
	case AttributeTenant:
		out.slot = slotTenant
	case AttributePlan:
		out.slot = slotPlan
	case AttributeNow:
		out.slot = slotNow
		c.timed = true
	case AttributePlanRank:
		out.plans = c.plans
	default:
		out.slot = c.slot(out.source.Attribute)
	}
}

// addValue reads one value as the operator needs it.
func (c *condition) addValue(value string) (err error) {
	switch c.operator {
	case In, NotIn:
		c.addMember(value)
	case Contains, StartsWith, EndsWith:
		if value == "" {
			return fmt.Errorf("is empty: everything would satisfy it")
		}
		c.texts = append(c.texts, value)
	case Matches:
		return c.addRegex(value)
	case Greater, GreaterEqual, Less, LessEqual:
		n, ok := parseNumber(value)
		if !ok {
			return fmt.Errorf("%q is no number", value)
		}
		c.number = n
	case Before, After:
		if c.time, err = time.Parse(time.RFC3339, value); err != nil {
			return fmt.Errorf("%q is no time in RFC 3339, such as 2027-01-31T12:00:00Z", value)
		}
	case InCIDR:
		return c.addNetwork(value)
	default:
		if c.version, err = semver.NewVersion(value); err != nil {
			return fmt.Errorf("%q is no semantic version, such as 1.2.3", value)
		}
	}
	return nil
}

func (c *condition) addMember(value string) {
	c.texts = append(c.texts, value)
	if len(c.source.Values) > fewValues {
		if c.set == nil {
			c.set = make(map[string]struct{}, len(c.source.Values))
		}
		c.set[value] = struct{}{}
	}
}

func (c *condition) addRegex(value string) error {
	if len(value) > MaxRegex {
		return fmt.Errorf("the regular expression is %d bytes long: at most %d are allowed", len(value), MaxRegex)
	}
	parsed, err := syntax.Parse(value, syntax.Perl)
	if err == nil && regexSize(parsed) > MaxRegexSize {
		return fmt.Errorf("the regular expression repeats too much: written out, its size is above %d", MaxRegexSize)
	}
	r, err := regexp.Compile(value)
	if err != nil {
		return fmt.Errorf("%q is no regular expression (RE2): %v", value, err)
	}
	c.regexes = append(c.regexes, r)
	return nil
}

// regexSize is about how large a regular expression is with its repetitions written out, as the matcher keeps it.
func regexSize(r *syntax.Regexp) int {
	size := 1
	if r.Op == syntax.OpLiteral {
		size = len(r.Rune)
	}
	for _, sub := range r.Sub {
		size += regexSize(sub)
	}
	if r.Op == syntax.OpRepeat {
		size *= max(r.Min, r.Max, 1)
	}
	return size
}

func (c *condition) addNetwork(value string) error {
	network, err := netip.ParsePrefix(value)
	if err != nil {
		address, addressErr := netip.ParseAddr(value)
		if addressErr != nil {
			return fmt.Errorf("%q is no network or address, such as 10.0.0.0/8 or 2001:db8::1", value)
		}
		network = netip.PrefixFrom(address, address.BitLen())
	}
	if a := network.Addr(); a.Is4In6() && network.Bits() >= 96 { // addresses are compared without their IPv6 wrapping
		network = netip.PrefixFrom(a.Unmap(), network.Bits()-96)
	}
	c.networks = append(c.networks, network.Masked())
	return nil
}

// compileSegments compiles all segments, those that others use first.
func (c *compiler) compileSegments() {
	byKey := map[string]*Segment{}
	for i := range c.definition.Segments {
		s := &c.definition.Segments[i]
		switch {
		case !ValidKey(s.Key):
			c.report(Problem{Segment: s.Key}, "%s", keyHelp)
		case byKey[s.Key] != nil:
			c.report(Problem{Segment: s.Key}, "is defined twice: remove one")
		}
		if byKey[s.Key] == nil {
			byKey[s.Key] = s
		}
	}
	for i := range c.definition.Segments {
		if s := &c.definition.Segments[i]; byKey[s.Key] == s {
			c.compileSegmentOf(s, byKey, nil)
		}
	}
}

func (c *compiler) compileSegmentOf(source *Segment, byKey map[string]*Segment, path []string) {
	if c.segments[source.Key] != nil {
		return
	}
	if slices.Contains(path, source.Key) {
		s := &segment{source: *source, broken: true}
		c.segments[source.Key] = s
		c.report(Problem{Segment: source.Key}, "uses itself, by way of %v: take one of them out", path)
		return
	}
	for _, key := range source.When.segments(nil, MaxDepth) {
		if used := byKey[key]; used != nil {
			c.compileSegmentOf(used, byKey, append(path, source.Key))
		}
	}
	if c.segments[source.Key] == nil {
		c.segments[source.Key] = c.newSegment(source)
	}
}

// segments appends the keys of the segments that a condition names.
func (c *Condition) segments(keys []string, depth int) []string {
	if depth == 0 {
		return keys
	}
	if c.Segment != "" {
		keys = append(keys, c.Segment)
	}
	if c.Not != nil {
		keys = c.Not.segments(keys, depth-1)
	}
	for _, list := range [][]Condition{c.All, c.Any} {
		for i := range list {
			keys = list[i].segments(keys, depth-1)
		}
	}
	return keys
}

func (c *compiler) newSegment(source *Segment) *segment {
	if s := c.sharedSegment(source); s != nil {
		return s
	}
	s := &segment{source: *source}
	before, budget := len(c.problems), MaxConditions
	cc := &conditionCompiler{compiler: c, budget: &budget, used: &s.uses, at: func(path string, args ...any) Problem {
		return Problem{Segment: source.Key, Path: fmt.Sprintf(path, args...)}
	}}
	s.condition = cc.compile(&s.source.When, "when", 1)
	s.depth, s.size, s.timed = cc.depth, MaxConditions-budget, cc.timed
	s.broken = len(c.problems) > before
	return s
}

func (c *compiler) sharedSegment(source *Segment) *segment {
	if c.previous == nil || c.previous.plans != c.plans { // plan.rank reads the table of plans
		return nil
	}
	s := c.previous.segments[source.Key]
	if s == nil || s.broken || !reflect.DeepEqual(s.source, *source) {
		return nil
	}
	for _, used := range s.uses {
		if c.segments[used.source.Key] != used {
			return nil
		}
	}
	return s
}
