package flagfile

import (
	"fmt"
	"time"
)

// builder makes the node of a mapping, field by field in the order of writing. What is empty is left out.
type builder struct {
	node *node
	err  *error // the first text that cannot be written
}

func (b builder) sub() builder { return builder{&node{kind: mapping}, b.err} }

func (b builder) set(name string, n *node) {
	b.check(name)
	b.node.entries = append(b.node.entries, entry{key: name, value: n})
}

func (b builder) check(s string) {
	if *b.err == nil && unstorable(s) {
		*b.err = fmt.Errorf("%.40q is not valid Unicode, or has U+0000 in it", s)
	}
}

func (b builder) string(s string) *node {
	b.check(s)
	return &node{kind: text, text: s}
}

func (b builder) strings(values []string) *node {
	out := &node{kind: list}
	for _, s := range values {
		out.items = append(out.items, b.string(s))
	}
	return out
}

func (b builder) text(name, s string) {
	if s != "" {
		b.set(name, b.string(s))
	}
}

func (b builder) yes(name string, value bool) {
	if value {
		b.boolean(name, true)
	}
}

func (b builder) boolean(name string, value bool) {
	b.set(name, &node{kind: boolean, text: fmt.Sprint(value)})
}

func (b builder) number(name string, value fmt.Stringer) {
	b.set(name, &node{kind: number, text: value.String()})
}

func (b builder) list(name string, items []*node) {
	if len(items) > 0 {
		b.set(name, &node{kind: list, items: items})
	}
}

func (b builder) instant(name string, t *time.Time) {
	if t != nil {
		b.text(name, t.UTC().Format(time.RFC3339Nano))
	}
}

func (b builder) date(name string, t *time.Time) {
	if t != nil {
		b.text(name, t.UTC().Format(time.DateOnly))
	}
}
