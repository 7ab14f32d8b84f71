package flagfile

import (
	"errors"
	"fmt"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/lexer"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

// parseYAML reads one document of YAML 1.2 into nodes. Anchors, aliases, tags, merge keys and directives are refused:
// a flags file says what it says, and cannot grow when it is read.
func parseYAML(data []byte) (n *node, f *fault) {
	// A file from outside must not end the process, whatever the parser makes of it.
	defer func() {
		if r := recover(); r != nil {
			n, f = nil, &fault{Position{1, 1}, fmt.Sprintf("not YAML: %v", r)}
		}
	}()
	tokens := lexer.Tokenize(string(data))
	if f := checkShape(tokens); f != nil {
		return nil, f
	}
	// Duplicate keys are reported by the schema, all of them at once; the parser would stop at the first.
	file, err := parser.Parse(tokens, 0, parser.AllowDuplicateMapKey())
	if err != nil {
		return nil, yamlFault(err)
	}
	body, f := onlyDocument(file)
	if body == nil || f != nil {
		return &node{pos: Position{1, 1}}, f
	}
	return convert(body, 1, indent{})
}

func yamlFault(err error) *fault {
	var located yaml.Error
	if !errors.As(err, &located) || located.GetToken() == nil {
		return &fault{Position{1, 1}, "not YAML: " + err.Error()}
	}
	message := located.GetMessage()
	if strings.Contains(message, `character '	'`) {
		message = "a tab cannot indent YAML; use spaces"
	}
	return &fault{tokenPosition(located.GetToken()), "not YAML: " + message}
}

func tokenPosition(t *token.Token) Position {
	if t == nil || t.Position == nil {
		return Position{1, 1}
	}
	return Position{t.Position.Line, t.Position.Column}
}

func onlyDocument(file *ast.File) (body ast.Node, f *fault) {
	for _, doc := range file.Docs {
		if doc.Body == nil {
			continue
		}
		if body != nil {
			return nil, &fault{tokenPosition(doc.Body.GetToken()), "a flags file is one YAML document, but a second one begins here"}
		}
		body = doc.Body
	}
	return body, nil
}

// indent is what a value in block style has to be indented by: below is the place of the key or dash that it belongs
// to. The parser takes a key below an empty "-" for the list's, though it stands further left; that must not pass.
type indent struct {
	below Position
	flow  bool // within [] or {}, where indentation means nothing
	key   bool // a list may stand right below its key
}

func (in indent) check(pos Position, isList bool) *fault {
	if in.flow || in.below.Line == 0 || pos.Line == in.below.Line {
		return nil
	}
	if pos.Column > in.below.Column || pos.Column == in.below.Column && in.key && isList {
		return nil
	}
	return &fault{pos, fmt.Sprintf("not YAML: what belongs to line %d must be indented further than it; write null there if nothing belongs to it", in.below.Line)}
}

func convert(n ast.Node, depth int, in indent) (*node, *fault) {
	if depth > maxDepth {
		return nil, tooDeep(tokenPosition(n.GetToken()))
	}
	switch n := n.(type) {
	case *ast.MappingNode:
		return convertMapping(n, depth, in)
	case *ast.SequenceNode:
		return convertList(n, depth, in)
	}
	return convertScalar(n, in)
}

func convertScalar(n ast.Node, in indent) (*node, *fault) {
	t := n.GetToken()
	out := &node{pos: tokenPosition(t), text: t.Value}
	switch {
	case t.Type == token.ImplicitNullType:
		return out, nil
	case t.Type == token.SingleQuoteType, t.Type == token.DoubleQuoteType:
		out.kind = text
	case t.Type == token.LiteralType, t.Type == token.FoldedType:
		literal, ok := n.(*ast.LiteralNode)
		if !ok {
			return nil, &fault{out.pos, "not YAML: unexpected block of text"}
		}
		out.kind, out.text = text, literal.Value.Value
	default:
		if _, ok := n.(ast.ScalarNode); !ok {
			return nil, &fault{out.pos, fmt.Sprintf("%s cannot stand in a flags file", t.Value)}
		}
		out.kind = kindOf(t.Value)
	}
	return out, in.check(out.pos, false)
}

func convertMapping(n *ast.MappingNode, depth int, in indent) (*node, *fault) {
	out := &node{kind: mapping, pos: tokenPosition(n.Start)}
	in.flow = in.flow || n.IsFlowStyle
	for i, pair := range n.Values {
		key := pair.Key.GetToken()
		if key.Type == token.ImplicitNullType || key.Type == token.MappingValueType {
			return nil, &fault{tokenPosition(key), "not YAML: a key is missing"}
		}
		pos := tokenPosition(key)
		if i == 0 && !n.IsFlowStyle {
			out.pos = pos
			if f := in.check(pos, false); f != nil {
				return nil, f
			}
		}
		if !in.flow && pos.Column != out.pos.Column {
			return nil, &fault{pos, fmt.Sprintf("not YAML: this key must be indented like the one in line %d", out.pos.Line)}
		}
		value, f := convert(pair.Value, depth+1, indent{below: pos, flow: in.flow, key: true})
		if f != nil {
			return nil, f
		}
		out.entries = append(out.entries, entry{key.Value, pos, value})
	}
	return out, nil
}

func convertList(n *ast.SequenceNode, depth int, in indent) (*node, *fault) {
	out := &node{kind: list, pos: tokenPosition(n.Start)}
	if f := in.check(out.pos, true); f != nil && !n.IsFlowStyle {
		return nil, f
	}
	in.flow = in.flow || n.IsFlowStyle
	for i, item := range n.Values {
		below := indent{flow: in.flow}
		if !in.flow && i < len(n.Entries) {
			below.below = tokenPosition(n.Entries[i].Start)
		}
		value, f := convert(item, depth+1, below)
		if f != nil {
			return nil, f
		}
		out.items = append(out.items, value)
	}
	return out, nil
}
