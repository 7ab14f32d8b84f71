package ruleset

import (
	"fmt"
	"strings"
)

// ArchivedPrerequisite is what is said of a prerequisite that is archived.
func ArchivedPrerequisite(key string) string {
	return fmt.Sprintf("flag %q is archived: it is never served", key)
}

// checkPrerequisites refuses prerequisites that cannot be met or that go in a circle. A flag with such a mistake is
// set aside in this revision; the compiled flag itself may be shared with others.
func (c *compiler) checkPrerequisites(nodes []node) {
	p := &prerequisites{compiler: c, nodes: nodes, index: map[string]int{}, depth: make([]int, len(nodes))}
	for i := range nodes {
		p.index[nodes[i].flag.source.Key] = i
	}
	for i := range nodes {
		p.check(i)
	}
	for i := range nodes {
		p.measure(i, nil)
	}
}

type prerequisites struct {
	*compiler
	nodes []node
	index map[string]int
	depth []int // length of the longest chain from a node; 0: not yet known
}

func (p *prerequisites) refuse(i int, path, format string, args ...any) {
	n := &p.nodes[i]
	p.report(Problem{Flag: n.flag.source.Key, Path: path}, format, args...)
	if n.malformed == "" {
		n.malformed = fmt.Sprintf(format, args...)
	}
}

// check looks at the prerequisites of one flag by themselves.
func (p *prerequisites) check(i int) {
	source := &p.nodes[i].flag.source
	if len(source.Prerequisites) > MaxPrerequisites {
		p.refuse(i, "prerequisites", "%d prerequisites: at most %d are allowed", len(source.Prerequisites), MaxPrerequisites)
		return
	}
	for j, required := range source.Prerequisites {
		path := fmt.Sprintf("prerequisites[%d]", j)
		target, live := p.index[required.Flag]
		switch {
		case !live && p.byKey[required.Flag] != nil:
			p.refuse(i, path+".flag", "%s", ArchivedPrerequisite(required.Flag))
		case !live:
			p.refuse(i, path+".flag", "there is no flag %q in this environment", required.Flag)
		case p.nodes[target].flag.malformed == "" && p.nodes[target].flag.variantNamed(required.Variant) == noVariant:
			p.refuse(i, path+".variant", "flag %q has no variant %q", required.Flag, required.Variant)
		}
	}
}

// inProgress marks a flag whose chain is being measured.
const inProgress = -1

// measure follows the prerequisites and refuses circles and chains that are too long. It returns the length of the
// longest chain that begins with the flag.
func (p *prerequisites) measure(i int, path []int) int {
	switch {
	case p.depth[i] == inProgress:
		p.refuseCircle(i, path)
		return 0
	case p.depth[i] > 0:
		return p.depth[i]
	}
	p.depth[i] = inProgress
	path = append(path, i)
	longest := 0
	if p.nodes[i].malformed == "" {
		for _, required := range p.nodes[i].flag.source.Prerequisites {
			longest = max(longest, p.measure(p.index[required.Flag], path))
		}
	}
	if longest == MaxPrerequisiteChain {
		p.refuse(i, "prerequisites", "more than %d flags follow one another as prerequisites", MaxPrerequisiteChain)
		longest = 0
	}
	p.depth[i] = longest + 1
	return p.depth[i]
}

// refuseCircle sets every flag of the circle aside that ends the path.
func (p *prerequisites) refuseCircle(i int, path []int) {
	start := len(path) - 1
	for path[start] != i {
		start--
	}
	var keys []string
	for _, j := range path[start:] {
		keys = append(keys, p.nodes[j].flag.source.Key)
	}
	circle := strings.Join(append(keys, p.nodes[i].flag.source.Key), " -> ")
	for _, j := range path[start:] {
		p.refuse(j, "prerequisites", "the prerequisites go in a circle: %s", circle)
	}
}

// variantNamed gives the index of a variant, or noVariant.
func (f *flag) variantNamed(name string) variantIndex {
	for i := range f.variants {
		if f.variants[i].name == name {
			return variantIndex(i)
		}
	}
	return noVariant
}
