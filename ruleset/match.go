package ruleset

import (
	"net/netip"
	"regexp"
	"strings"
	"time"

	"github.com/Masterminds/semver/v3"
)

// condition is a compiled Condition.
type condition struct {
	form     form
	children []condition // of all and any; one of not
	segment  *segment

	slot     int // where the evaluation keeps the attribute
	operator Operator
	plans    *plans // of plan.rank

	texts    []string
	set      map[string]struct{} // of in and not_in with many values
	regexes  []*regexp.Regexp
	number   float64
	time     time.Time
	version  *semver.Version
	networks []netip.Prefix

	source *Condition
}

type form uint8

const (
	comparison form = iota
	all
	anyOf
	not
	inSegment
)

// segment is a compiled Segment.
type segment struct {
	source    Segment
	condition condition
	depth     int        // levels of conditions, nested segments included
	size      int        // conditions, nested segments included
	uses      []*segment // those that it names itself
	timed     bool
	broken    bool
}

// matches reports whether the subject satisfies the condition.
func (e *evaluation) matches(c *condition) bool {
	switch c.form {
	case all:
		for i := range c.children {
			if !e.matches(&c.children[i]) {
				return false
			}
		}
		return true
	case anyOf:
		for i := range c.children {
			if e.matches(&c.children[i]) {
				return true
			}
		}
		return false
	case not:
		return !e.matches(&c.children[0])
	case inSegment:
		return e.matches(&c.segment.condition)
	}
	return c.compare(e.attribute(c))
}

// attribute is what the subject has for a comparison.
func (e *evaluation) attribute(c *condition) *value {
	if c.plans == nil {
		return &e.values[c.slot]
	}
	e.rank = value{}
	if plan, ok := c.plans.byKey[e.plan]; ok {
		e.rank = numberOf(float64(plan.Rank))
	}
	return &e.rank
}

// compare applies the operator: true if any element of the attribute satisfies it. not_in is the one that a missing
// attribute satisfies.
func (c *condition) compare(v *value) bool {
	switch c.operator {
	case In:
		return c.in(v)
	case NotIn:
		return !c.in(v)
	case Exists:
		return v.kind != missing
	}
	if v.kind != list {
		return v.kind != missing && c.compareOne(v)
	}
	for i := range v.len() {
		if element := v.at(i); c.compareOne(&element) {
			return true
		}
	}
	return false
}

func (c *condition) in(v *value) bool {
	if v.kind == text {
		return c.has(v.text)
	}
	for i := range v.len() {
		element := v.at(i)
		if element.kind == missing {
			continue
		}
		if c.has(element.String()) {
			return true
		}
	}
	return false
}

// fewValues is up to how many values are compared one by one: below it that is quicker than a map.
const fewValues = 8

func (c *condition) has(s string) bool {
	if c.set != nil {
		_, ok := c.set[s]
		return ok
	}
	for _, t := range c.texts {
		if t == s {
			return true
		}
	}
	return false
}

func (c *condition) compareOne(v *value) bool {
	switch c.operator {
	case Contains:
		return c.anyText(v, strings.Contains)
	case StartsWith:
		return c.anyText(v, strings.HasPrefix)
	case EndsWith:
		return c.anyText(v, strings.HasSuffix)
	case Matches:
		return c.anyRegex(v)
	case Greater, GreaterEqual, Less, LessEqual:
		n, ok := v.asNumber()
		return ok && c.compareNumber(n)
	case Before:
		t, ok := v.asTime()
		return ok && t.Before(c.time)
	case After:
		t, ok := v.asTime()
		return ok && t.After(c.time)
	case SemverEqual, SemverGreater, SemverAtLeast, SemverLess, SemverAtMost:
		return c.compareVersion(v)
	case InCIDR:
		return c.inNetwork(v)
	}
	return false
}

func (c *condition) anyText(v *value, test func(s, part string) bool) bool {
	if v.kind == missing {
		return false
	}
	s := v.String()
	for _, t := range c.texts {
		if test(s, t) {
			return true
		}
	}
	return false
}

func (c *condition) anyRegex(v *value) bool {
	if v.kind == missing {
		return false
	}
	s := v.String()
	for _, r := range c.regexes {
		if r.MatchString(s) {
			return true
		}
	}
	return false
}

func (c *condition) compareNumber(n float64) bool {
	switch c.operator {
	case Greater:
		return n > c.number
	case GreaterEqual:
		return n >= c.number
	case Less:
		return n < c.number
	}
	return n <= c.number
}

func (c *condition) compareVersion(v *value) bool {
	if v.kind != text && v.kind != number {
		return false
	}
	version, err := semver.NewVersion(v.String())
	if err != nil {
		return false
	}
	order := version.Compare(c.version)
	switch c.operator {
	case SemverEqual:
		return order == 0
	case SemverGreater:
		return order > 0
	case SemverAtLeast:
		return order >= 0
	case SemverLess:
		return order < 0
	}
	return order <= 0
}

func (c *condition) inNetwork(v *value) bool {
	if v.kind != text {
		return false
	}
	address, err := netip.ParseAddr(v.text)
	if err != nil {
		return false
	}
	address = address.Unmap().WithZone("")
	for _, network := range c.networks {
		if network.Contains(address) {
			return true
		}
	}
	return false
}
