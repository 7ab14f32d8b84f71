package builder

import (
	"fmt"
	"net/url"
	"strings"

	"github.com/toprent/flags/handlers/internal/shell"
	"github.com/toprent/flags/ruleset"
)

// ReadRules takes what was posted about a flag's rules.
func (b *Builder) ReadRules(form url.Values) {
	b.Zone = shell.ZoneOf(form, b.Zone)
	b.Otherwise = clean(form.Get("otherwise"))
	for i := 0; form.Has(fmt.Sprintf("rules.%d.action", i)); i++ {
		if i == ruleset.MaxRules {
			b.over = true
			break
		}
		b.Rules = append(b.Rules, b.readRule(form, fmt.Sprintf("rules.%d", i)))
	}
	b.number()
}

// ReadWhen takes what was posted about a segment's condition.
func (b *Builder) ReadWhen(form url.Values) {
	b.Zone = shell.ZoneOf(form, b.Zone)
	b.When = b.readRoot(form, "when")
	b.number()
}

func (b *Builder) readRule(form url.Values, path string) *Rule {
	get := func(field string) string { return strings.TrimSpace(clean(form.Get(path + "." + field))) }
	r := b.newRule()
	r.Name, r.Serve, r.Unit, r.Seed = clean(form.Get(path+".name")), get("serve"), get("unit"), clean(form.Get(path+".seed"))
	r.Share, r.From, r.To, r.Start, r.End = get("share"), get("from"), get("to"), get("start"), get("end")
	r.Exact = get("exact") != ""
	switch action := get("action"); action {
	case Percent, Moving, Split:
		r.Action = action
	}
	r.When = b.readRoot(form, path+".when")
	for _, variant := range form[path+".gone"] { // variants that a split still names although the flag has them no more
		if ruleset.ValidVariant(variant) && len(r.Weights) < ruleset.MaxVariants {
			r.Weights = append(r.Weights, &Weight{Variant: variant, gone: true})
		}
	}
	for _, w := range r.Weights {
		w.Text = get("weights." + w.Variant)
	}
	r.StartWas, r.EndWas = get("start.was"), get("end.was")
	return r
}

func (b *Builder) readRoot(form url.Values, path string) *Node {
	n := &Node{Form: form.Get(path + ".form"), Bare: form.Get(path+".bare") != "", builder: b}
	if !n.Group() {
		n.Form = All
	}
	n.Children = b.readChildren(form, path, 1)
	return n
}

func (b *Builder) readChildren(form url.Values, path string, depth int) []*Node {
	var nodes []*Node
	for i := 0; form.Has(fmt.Sprintf("%s.%d.form", path, i)); i++ {
		b.nodes++
		if b.nodes > ruleset.MaxConditions || depth > ruleset.MaxDepth {
			b.over = true
			break
		}
		nodes = append(nodes, b.readNode(form, fmt.Sprintf("%s.%d", path, i), depth))
	}
	return nodes
}

func (b *Builder) readNode(form url.Values, path string, depth int) *Node {
	get := func(field string) string { return clean(form.Get(path + "." + field)) }
	n := &Node{Form: get("form"), builder: b}
	switch n.Form {
	case All, Any, Not:
		n.Children = b.readChildren(form, path, depth+1)
	case Segment:
		n.Segment = get("segment")
	default:
		n.Form = Is
		n.Attribute, n.Operator = strings.TrimSpace(get("attribute")), get("operator")
		n.Values = strings.ReplaceAll(get("values"), "\r\n", "\n")
	}
	return n
}
