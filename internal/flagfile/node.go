package flagfile

import "regexp"

// Position is a place in a file. Line and Column count from 1, Column in characters; the zero Position is no place.
type Position struct{ Line, Column int }

func (p Position) before(q Position) bool {
	return p.Line < q.Line || p.Line == q.Line && p.Column < q.Column
}

// node is one value of a file, the same for YAML and JSON, with its place.
type node struct {
	kind    kind
	text    string  // of a scalar: what a string says, a number or a boolean as it was written
	entries []entry // of a mapping, in file order
	items   []*node // of a list
	pos     Position
	block   bool // written over several lines even if it fits in one

	// What was found wrong while the schema was read, so that nothing that merely follows from it is reported too.
	spoilt bool // the value is unusable
	holed  bool // a field of the mapping is missing or unknown
}

// entry is one key of a mapping and its value.
type entry struct {
	key   string
	pos   Position // of the key
	value *node
}

type kind uint8

const (
	null kind = iota
	boolean
	number
	text
	list
	mapping
)

func (k kind) String() string {
	return [...]string{"nothing", "a boolean", "a number", "text", "a list", "a mapping"}[k]
}

// get is the value of a mapping's first entry with a key, or nil.
func (n *node) get(key string) *node {
	if n == nil {
		return nil
	}
	for i := range n.entries {
		if n.entries[i].key == key {
			return n.entries[i].value
		}
	}
	return nil
}

// faulty reports whether something was found wrong with the node or anything in it.
func (n *node) faulty() bool {
	if n.spoilt || n.holed {
		return true
	}
	for _, e := range n.entries {
		if e.value.faulty() {
			return true
		}
	}
	for _, item := range n.items {
		if item.faulty() {
			return true
		}
	}
	return false
}

var numberPattern = regexp.MustCompile(`^([-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+|[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN))$`)

// kindOf is the kind of an unquoted scalar by the core schema of YAML 1.2.2, section 10.3: on, off, yes and no are
// text there, as names of variants and country codes must be.
func kindOf(plain string) kind {
	switch plain {
	case "", "~", "null", "Null", "NULL":
		return null
	case "true", "True", "TRUE", "false", "False", "FALSE":
		return boolean
	}
	if numberPattern.MatchString(plain) {
		return number
	}
	return text
}
