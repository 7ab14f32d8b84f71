package codescan

import (
	"regexp"
	"slices"
	"strings"
	"text/template/parse"
)

// scanTemplate looks at an HTML template and at the scripts in it.
func (s *scanner) scanTemplate(name, text string) {
	if strings.Contains(text, "{{") {
		tree := parse.New(name)
		tree.Mode = parse.SkipFuncCheck // what functions there are, only the program knows
		trees := map[string]*parse.Tree{}
		if _, err := tree.Parse(text, "{{", "}}", trees); err != nil {
			s.leave(name, "it is no template that can be read")
		}
		trees[" "] = tree
		t := &templateFile{scanner: s, name: name, text: text, values: map[string]bool{}}
		seen := map[*parse.ListNode]bool{}
		for _, tree := range trees {
			if tree != nil && tree.Root != nil && !seen[tree.Root] {
				seen[tree.Root] = true
				t.walk(tree.Root, false)
			}
		}
	}
	s.scanScripts(name, text)
	s.scanMarkup(name, text)
}

var scripts = regexp.MustCompile(`(?is)<script\b[^>]*>(.*?)</script\s*>`)

// scanScripts looks at the scripts that stand in a page.
func (s *scanner) scanScripts(name, text string) {
	for _, at := range scripts.FindAllStringSubmatchIndex(text, -1) {
		s.scanJavaScript(name, text[at[2]:at[3]], 1+strings.Count(text[:at[2]], "\n"))
	}
}

var (
	marks    = regexp.MustCompile(`\s(data-flag(?:-off)?)=(?:"([^"]*)"|'([^']*)')`)
	comments = regexp.MustCompile(`(?s)<!--.*?-->|\{\{-?\s*/\*.*?\*/\s*-?\}\}`)
)

// scanMarkup looks at elements that are shown by a flag: data-flag="key" and data-flag-off="key".
func (s *scanner) scanMarkup(name, text string) {
	hidden := comments.FindAllStringIndex(text, -1)
	for _, at := range marks.FindAllStringSubmatchIndex(text, -1) {
		if slices.ContainsFunc(hidden, func(h []int) bool { return h[0] <= at[0] && at[0] < h[1] }) {
			continue
		}
		from, to := max(at[4], at[6]), max(at[5], at[7])
		u := Use{Key: text[from:to], Path: name, Line: 1 + strings.Count(text[:from], "\n"), Language: Template, Call: text[at[2]:at[3]]}
		if strings.Contains(u.Key, "{{") {
			u.Key = ""
		}
		s.found(u)
	}
}

// templateFile is one template being looked at.
type templateFile struct {
	*scanner
	name, text string
	values     map[string]bool // variables that hold a request's values
}

// walk looks at a node; within says that the dot is a request's values.
func (t *templateFile) walk(node parse.Node, within bool) {
	switch n := node.(type) {
	case *parse.ListNode:
		if n != nil {
			for _, child := range n.Nodes {
				t.walk(child, within)
			}
		}
	case *parse.ActionNode:
		t.walk(n.Pipe, within)
	case *parse.TemplateNode:
		t.walk(n.Pipe, within)
	case *parse.IfNode:
		t.branch(&n.BranchNode, within, within)
	case *parse.WithNode:
		t.branch(&n.BranchNode, within, t.isValues(n.Pipe))
	case *parse.RangeNode:
		t.branch(&n.BranchNode, within, false)
	case *parse.PipeNode:
		t.pipe(n, within)
	case *parse.CommandNode:
		t.command(n, within)
		for _, arg := range n.Args {
			t.walk(arg, within)
		}
	}
}

func (t *templateFile) branch(n *parse.BranchNode, outside, inside bool) {
	t.walk(n.Pipe, outside)
	t.walk(n.List, inside)
	t.walk(n.ElseList, outside)
}

func (t *templateFile) pipe(n *parse.PipeNode, within bool) {
	if n == nil {
		return
	}
	for _, variable := range n.Decl {
		t.values[variable.Ident[0]] = t.isValues(n)
	}
	for i, command := range n.Cmds {
		t.walk(command, within)
		if i > 0 && len(command.Args) == 1 { // "key" | .Flags.On
			t.piped(n.Cmds[i-1], command, within)
		}
	}
}

// isValues reports whether a pipeline is a request's values: .Flags, $.Page.Flags, $flags.
func (t *templateFile) isValues(n *parse.PipeNode) bool {
	if n == nil || len(n.Cmds) != 1 || len(n.Cmds[0].Args) != 1 {
		return false
	}
	parts, variable := pathOf(n.Cmds[0].Args[0])
	return len(parts) > 0 && parts[len(parts)-1] == "Flags" || len(parts) == 0 && t.values[variable]
}

// pathOf are the fields that a node names, and the variable on which they are; empty: the dot.
func pathOf(node parse.Node) (parts []string, variable string) {
	switch n := node.(type) {
	case *parse.FieldNode:
		return n.Ident, ""
	case *parse.VariableNode:
		return n.Ident[1:], n.Ident[0]
	case *parse.ChainNode:
		if inner, ok := n.Node.(*parse.PipeNode); ok && len(inner.Cmds) == 1 && len(inner.Cmds[0].Args) == 1 {
			parts, variable = pathOf(inner.Cmds[0].Args[0])
		}
		return append(append([]string{}, parts...), n.Field...), variable
	}
	return nil, ""
}

// asking names the call if a node asks a request's values for a flag; empty: it does not.
func (t *templateFile) asking(node parse.Node, within bool) string {
	parts, variable := pathOf(node)
	if len(parts) == 0 || !asks(parts[len(parts)-1]) {
		return ""
	}
	method, on := parts[len(parts)-1], parts[:len(parts)-1]
	switch {
	case len(on) > 0 && on[len(on)-1] == "Flags", len(on) == 0 && variable != "" && t.values[variable], len(on) == 0 && variable == "" && within:
		return ".Flags." + method
	}
	return ""
}

func (t *templateFile) command(n *parse.CommandNode, within bool) {
	if len(n.Args) < 2 {
		return
	}
	if call := t.asking(n.Args[0], within); call != "" {
		t.uses(n.Args[1], call)
	}
}

func (t *templateFile) piped(from, to *parse.CommandNode, within bool) {
	if call := t.asking(to.Args[0], within); call != "" && len(from.Args) == 1 {
		t.uses(from.Args[0], call)
	}
}

func (t *templateFile) uses(arg parse.Node, call string) {
	u := Use{Path: t.name, Line: 1 + strings.Count(t.text[:min(int(arg.Position()), len(t.text))], "\n"), Language: Template, Call: call}
	if literal, ok := arg.(*parse.StringNode); ok {
		u.Key = literal.Text
	}
	t.found(u)
}
