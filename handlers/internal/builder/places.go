package builder

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/toprent/flags/ruleset"
)

// Places tells for the path of each condition, as package ruleset writes it, the path of its fields.
func (b *Builder) places() map[string]string {
	places := map[string]string{}
	for i, r := range b.Rules {
		r.When.places(fmt.Sprintf("rules[%d].when", i), places, true)
	}
	if b.When != nil {
		b.When.places("when", places, true)
	}
	return places
}

func (n *Node) places(path string, places map[string]string, root bool) {
	if root && n.standsForChild() {
		n.Children[0].places(path, places, false)
		return
	}
	places[path] = n.Path
	switch {
	case n.Form == Not && len(n.Children) == 1:
		n.Children[0].places(path+".not", places, false)
		return
	case n.Form == Not:
		path += ".not.any"
	default:
		path += "." + n.Form
	}
	for i, child := range n.Children {
		child.places(fmt.Sprintf("%s[%d]", path, i), places, false)
	}
}

var (
	ruleProblem      = regexp.MustCompile(`^rules\[(\d+)\](?:\.(.*))?$`)
	conditionProblem = regexp.MustCompile(`^(.*?)(?:\.(attribute|operator|segment|values(?:\[(\d+)\])?))?$`)
)

// Place names the field beside which a mistake is to be shown; empty: above the form.
func (b *Builder) Place(problem ruleset.Problem) string {
	if problem.Path == "otherwise" {
		return "otherwise"
	}
	if field := b.conditionPlace(problem.Path); field != "" {
		return field
	}
	parts := ruleProblem.FindStringSubmatch(problem.Path)
	if parts == nil {
		return ""
	}
	rule := "rules." + parts[1] + "."
	switch field := strings.TrimPrefix(strings.TrimPrefix(parts[2], "percent."), "split."); {
	case field == "" || strings.HasPrefix(field, "when"):
		return rule + "serve"
	case strings.HasPrefix(field, "calibrated"):
		return rule + "exact"
	case field == "percent":
		return rule + "start"
	default:
		return rule + field
	}
}

func (b *Builder) conditionPlace(path string) string {
	parts := conditionProblem.FindStringSubmatch(path)
	if parts == nil {
		return ""
	}
	place, ok := b.places()[parts[1]]
	if !ok {
		return ""
	}
	switch field := parts[2]; {
	case field == "":
		return place + ".form"
	case strings.HasPrefix(field, "values"):
		return place + ".values"
	default:
		return place + "." + field
	}
}
