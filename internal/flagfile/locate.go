package flagfile

import (
	"strconv"
	"strings"

	"github.com/toprent/flags/changes"
	"github.com/toprent/flags/ruleset"
)

// sources say where the parts of an environment's definition stand in the file.
type sources struct {
	pos       Position // where the file first mentions the environment
	flags     map[string]flagSource
	segments  map[string]*node
	plans     map[string]*node
	overrides []*node // in the definition's order
}

type flagSource struct {
	entry *node // for the environment; nil if the flag has none
	flag  *node
}

// Locate is the place of a problem that an environment's definition has (environment "": the part of a flag that all
// share), as precise as can be told: a value, else the rule, else the flag that it is in. A problem of an override
// counts the overrides of this file's definition. Of what does not stand in the file it is the zero Position.
func (f *File) Locate(environment string, p ruleset.Problem) Position {
	from := f.environments[environment]
	if from == nil {
		return Position{}
	}
	return from.find(p).pos
}

// Explain turns problems that were found when the file was imported into mistakes of the file, in its order.
func (f *File) Explain(problems []changes.Problem) Mistakes {
	var out Mistakes
	for _, p := range problems {
		at := f.Locate(p.Environment, p.Problem)
		if at == (Position{}) {
			out = append(out, Mistake{f.name, at, p.Error()}) // with the environment, as no line tells it
			continue
		}
		out = append(out, Mistake{f.name, at, p.Problem.Error()})
	}
	return out.tidy()
}

// find follows a problem to the value that it is about.
func (from *sources) find(p ruleset.Problem) trail {
	switch {
	case p.Override > 0:
		if p.Override > len(from.overrides) {
			return trail{}
		}
		return follow(from.overrides[p.Override-1], p.Path)
	case p.Flag != "":
		return from.findInFlag(from.flags[p.Flag], p.Path)
	case p.Segment != "":
		return follow(from.segments[p.Segment], p.Path)
	case p.Plan != "":
		return follow(from.plans[p.Plan], p.Path)
	}
	return trail{pos: from.pos}
}

// findInFlag looks in the environment's entry first, since what stands there replaces what the flag gives.
func (from *sources) findInFlag(source flagSource, path string) trail {
	inEntry := follow(source.entry, path)
	if inEntry.whole && path != "" {
		return inEntry
	}
	inFlag := follow(source.flag, path)
	if inFlag.whole || len(inFlag.nodes) > len(inEntry.nodes) {
		return inFlag
	}
	return inEntry
}

// trail is the way to a value.
type trail struct {
	nodes []*node // from the outermost to the last that there is
	pos   Position
	whole bool // the way was followed to its end
}

// doubtful reports whether a mistake of the file stands on the way or at its end, so that a problem there may only
// follow from it.
func (t trail) doubtful() bool {
	for _, n := range t.nodes {
		if n.spoilt {
			return true
		}
	}
	return len(t.nodes) > 0 && t.nodes[len(t.nodes)-1].faulty()
}

// follow walks a path such as rules[0].when.all[1].values[0] as far as the file has it.
func follow(n *node, path string) trail {
	if n == nil {
		return trail{}
	}
	t := trail{pos: n.pos}
	for {
		t.nodes, t.pos = append(t.nodes, n), n.pos
		if path == "" {
			t.whole = true
			return t
		}
		if n.kind == mapping && path[0] == '[' {
			return t.nth(n, path)
		}
		next, rest := n.step(path)
		if next == nil {
			return t
		}
		n, path = next, rest
	}
}

// nth goes on to an entry of a mapping that is a list in the definition, as variants are: [1].name is the key,
// [1].value the value.
func (t trail) nth(n *node, path string) trail {
	i, rest, ok := index(path)
	if !ok || i >= len(n.entries) {
		return t
	}
	e := n.entries[i]
	t.nodes, t.pos = append(t.nodes, e.value), e.value.pos
	t.whole = true
	if rest == "name" {
		t.pos = e.pos
	}
	return t
}

// step goes one step along a path. Keys may have dots in them: the longest that fits is taken.
func (n *node) step(path string) (next *node, rest string) {
	if i, rest, ok := index(path); ok && n.kind == list && i < len(n.items) {
		return n.items[i], rest
	}
	longest := -1
	for _, e := range n.entries {
		after, ok := strings.CutPrefix(path, e.key)
		if !ok || len(e.key) <= longest || after != "" && after[0] != '.' && after[0] != '[' {
			continue
		}
		longest = len(e.key)
		next, rest = e.value, strings.TrimPrefix(after, ".")
	}
	return next, rest
}

// index reads the [3] that a path begins with.
func index(path string) (i int, rest string, ok bool) {
	inner, after, ok := strings.Cut(strings.TrimPrefix(path, "["), "]")
	if !ok || path[0] != '[' {
		return 0, "", false
	}
	i, err := strconv.Atoi(inner)
	return i, strings.TrimPrefix(after, "."), err == nil && i >= 0
}
