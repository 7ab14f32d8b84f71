package flagfile

import (
	"fmt"

	"github.com/goccy/go-yaml/token"
)

// checkShape refuses, before the parser sees them, the YAML that a flags file has no use for, and shapes that would
// cost the parser far more than their size: its stack grows with depth, its time with the square of a mapping.
func checkShape(tokens token.Tokens) *fault {
	var s shape
	for i, t := range tokens {
		pos := tokenPosition(t)
		if message := refusedToken(t); message != "" {
			return &fault{pos, message}
		}
		s.add(tokens, i, pos)
		if len(s.open) > maxDepth {
			return tooDeep(pos)
		}
		if n := len(s.open); n > 0 && s.open[n-1].entries > s.open[n-1].limit() {
			return &fault{pos, fmt.Sprintf("too many entries in one list or mapping: at most %d", s.open[n-1].limit())}
		}
		if s.cost > maxCost {
			return &fault{pos, "too many large mappings; as JSON, the file would be read"}
		}
	}
	return nil
}

func refusedToken(t *token.Token) string {
	switch t.Type {
	case token.AnchorType, token.AliasType:
		return "anchors and aliases cannot stand in a flags file; write the value out, or quote it if it is text"
	case token.TagType:
		return "tags cannot stand in a flags file; quote the value if it is text"
	case token.MergeKeyType:
		return "merge keys cannot stand in a flags file; write the fields out"
	case token.MappingKeyType:
		return `keys that begin with "?" cannot stand in a flags file; quote the key if it is text`
	case token.DirectiveType:
		return "directives cannot stand in a flags file"
	}
	return ""
}

// shape follows which lists and mappings are open.
type shape struct {
	open []collection
	cost int
}

type collection struct {
	style   style
	column  int // of its keys or dashes, in block style
	entries int
}

type style uint8

const (
	blockList style = iota
	blockMapping
	flowList
	flowMapping
)

func (c collection) limit() int {
	if c.style == blockMapping || c.style == flowMapping {
		return maxEntries
	}
	return maxItems
}

func (s *shape) add(tokens token.Tokens, i int, pos Position) {
	switch tokens[i].Type {
	case token.SequenceStartType:
		s.open = append(s.open, collection{style: flowList})
	case token.MappingStartType:
		s.open = append(s.open, collection{style: flowMapping})
	case token.SequenceEndType, token.MappingEndType:
		s.closeFlow()
	case token.CollectEntryType:
		if s.inFlow() {
			s.count(&s.open[len(s.open)-1])
		}
	case token.SequenceEntryType:
		s.block(blockList, pos.Column)
	case token.MappingValueType:
		if i > 0 {
			s.block(blockMapping, tokenPosition(tokens[i-1]).Column)
		}
	}
}

func (s *shape) count(c *collection) {
	if c.style == blockMapping || c.style == flowMapping {
		s.cost += c.entries
	}
	c.entries++
}

func (s *shape) inFlow() bool {
	return len(s.open) > 0 && s.open[len(s.open)-1].style >= flowList
}

func (s *shape) closeFlow() {
	if s.inFlow() {
		s.open = s.open[:len(s.open)-1]
	}
}

// block notes an entry of the block collection at a column; those further right are closed by it.
func (s *shape) block(style style, column int) {
	if s.inFlow() {
		return
	}
	for n := len(s.open); n > 0 && !s.inFlow(); n = len(s.open) {
		top := &s.open[n-1]
		if top.column == column && top.style == style {
			s.count(top)
			return
		}
		if top.column < column || top.column == column && style == blockList {
			break
		}
		s.open = s.open[:n-1]
	}
	s.open = append(s.open, collection{style: style, column: column, entries: 1})
}
