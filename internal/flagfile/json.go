package flagfile

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"
)

// parseJSON reads JSON into nodes. The tokens come from encoding/json, which knows escapes and surrogate pairs; the
// places are worked out from its offsets.
func parseJSON(data []byte) (*node, *fault) { return parseJSONAt(data, 1) }

// parseJSONAt reads JSON that is to stand at a level of a file.
func parseJSONAt(data []byte, depth int) (*node, *fault) {
	if err := json.Unmarshal(data, new(json.RawMessage)); err != nil {
		return nil, jsonFault(data, err)
	}
	p := &jsonParser{data: data, dec: json.NewDecoder(bytes.NewReader(data)), pos: Position{1, 1}}
	p.dec.UseNumber()
	return p.value(depth)
}

func jsonFault(data []byte, err error) *fault {
	at := len(data)
	var syntax *json.SyntaxError
	if errors.As(err, &syntax) && !strings.HasPrefix(syntax.Error(), "unexpected end") {
		at = max(0, int(syntax.Offset)-1)
	}
	return &fault{positionAt(data, at), "not JSON: " + err.Error()}
}

// positionAt is the place of a byte.
func positionAt(data []byte, offset int) Position {
	return Position{1, 1}.after(data[:offset])
}

// after is the position behind some text that begins at p.
func (p Position) after(passed []byte) Position {
	if lines := bytes.Count(passed, []byte("\n")); lines > 0 {
		p.Line += lines
		p.Column = 1
		passed = passed[bytes.LastIndexByte(passed, '\n')+1:]
	}
	p.Column += utf8.RuneCount(passed)
	return p
}

type jsonParser struct {
	data   []byte
	dec    *json.Decoder
	offset int      // how far the file was read
	pos    Position // of that offset
}

// next reads one token and says where it begins.
func (p *jsonParser) next() (json.Token, Position, *fault) {
	start := p.offset + len(p.data[p.offset:]) - len(bytes.TrimLeft(p.data[p.offset:], " \t\r\n,:"))
	token, err := p.dec.Token()
	if err != nil {
		return nil, p.pos, jsonFault(p.data, err)
	}
	begin := p.pos.after(p.data[p.offset:start])
	end := int(p.dec.InputOffset())
	p.pos = begin.after(p.data[start:end])
	p.offset = end
	return token, begin, nil
}

func (p *jsonParser) value(depth int) (*node, *fault) {
	token, pos, f := p.next()
	if f != nil {
		return nil, f
	}
	n := &node{pos: pos}
	switch t := token.(type) {
	case nil:
	case bool:
		n.kind, n.text = boolean, fmt.Sprint(t)
	case json.Number:
		n.kind, n.text = number, t.String()
	case string:
		n.kind, n.text = text, t
	case json.Delim:
		if depth > maxDepth {
			return nil, tooDeep(pos)
		}
		if t == '{' {
			return n, p.mapping(n, depth)
		}
		return n, p.list(n, depth)
	}
	return n, nil
}

func (p *jsonParser) mapping(n *node, depth int) *fault {
	n.kind = mapping
	for p.dec.More() {
		key, pos, f := p.next()
		if f != nil {
			return f
		}
		value, f := p.value(depth + 1)
		if f != nil {
			return f
		}
		n.entries = append(n.entries, entry{key.(string), pos, value})
	}
	_, _, f := p.next()
	return f
}

func (p *jsonParser) list(n *node, depth int) *fault {
	n.kind = list
	for p.dec.More() {
		item, f := p.value(depth + 1)
		if f != nil {
			return f
		}
		n.items = append(n.items, item)
	}
	_, _, f := p.next()
	return f
}
