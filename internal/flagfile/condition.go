package flagfile

import (
	"strings"

	"github.com/toprent/flags/ruleset"
)

func (p place) readCondition(n *node) ruleset.Condition {
	f, ok := p.fields(n, "a condition", "all", "any", "not", "segment", "attribute", "operator", "values")
	if !ok {
		return ruleset.Condition{}
	}
	c := ruleset.Condition{
		All:       f.readConditions("all"),
		Any:       f.readConditions("any"),
		Segment:   f.text("segment"),
		Attribute: f.text("attribute"),
		Operator:  ruleset.Operator(f.word("operator", words(ruleset.Operators))),
		Values:    f.readValues(),
	}
	if not := f.value("not"); not != nil {
		inner := p.readCondition(not)
		c.Not = &inner
	}
	return c
}

func (f fields) readConditions(name string) []ruleset.Condition {
	items := f.list(name)
	if items == nil {
		return nil
	}
	out := make([]ruleset.Condition, len(items))
	for i, item := range items {
		out[i] = f.readCondition(item)
	}
	return out
}

func (f fields) readValues() ruleset.Texts {
	var out ruleset.Texts
	for _, item := range f.list("values") {
		if item.kind == boolean {
			out = append(out, strings.ToLower(item.text))
			continue
		}
		value, problem := item.asText()
		if problem != "" {
			f.spoil(item, "a value %s", problem)
		}
		out = append(out, value)
	}
	return out
}
