package flagfile

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/big"
	"strings"
)

// toJSON is a value as compact JSON; the keys of objects keep their order.
func (p place) toJSON(n *node) json.RawMessage {
	var b bytes.Buffer
	p.appendJSON(&b, n)
	return b.Bytes()
}

func (p place) appendJSON(b *bytes.Buffer, n *node) {
	switch n.kind {
	case null:
		b.WriteString("null")
	case boolean:
		b.WriteString(strings.ToLower(n.text))
	case number:
		s, ok := jsonNumber(n.text)
		if !ok {
			p.spoil(n, "%s is no number that JSON knows", n.text)
		}
		b.WriteString(s)
	case text:
		b.Write(jsonString(n.text))
	case list:
		p.appendList(b, n)
	case mapping:
		p.appendObject(b, n)
	}
}

func (p place) appendList(b *bytes.Buffer, n *node) {
	b.WriteByte('[')
	for i, item := range n.items {
		if i > 0 {
			b.WriteByte(',')
		}
		p.appendJSON(b, item)
	}
	b.WriteByte(']')
}

func (p place) appendObject(b *bytes.Buffer, n *node) {
	p.mapping(n, "the value")
	b.WriteByte('{')
	for i, e := range n.entries {
		if i > 0 {
			b.WriteByte(',')
		}
		b.Write(jsonString(e.key))
		b.WriteByte(':')
		p.appendJSON(b, e.value)
	}
	b.WriteByte('}')
}

// jsonString quotes text for JSON. What would end a script element is escaped where pages are written, not here.
func jsonString(s string) []byte {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(s); err != nil {
		panic(fmt.Sprintf("encode a string as JSON: %v", err)) // no string fails
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}

// jsonNumber writes a number of YAML as JSON does. All digits are kept; infinities and NaN have no JSON.
func jsonNumber(s string) (string, bool) {
	lower := strings.ToLower(s)
	switch {
	case strings.HasPrefix(lower, "0x"), strings.HasPrefix(lower, "0o"):
		i, ok := new(big.Int).SetString(lower, 0)
		if !ok {
			return "null", false
		}
		return i.String(), true
	case strings.HasSuffix(lower, "inf"), strings.HasSuffix(lower, "nan"):
		return "null", false
	}
	s = strings.TrimPrefix(s, "+")
	digits, negative := strings.CutPrefix(s, "-")
	end := strings.IndexAny(digits, ".eE")
	if end < 0 {
		end = len(digits)
	}
	whole, rest := strings.TrimLeft(digits[:end], "0"), digits[end:]
	if whole == "" {
		whole = "0"
	}
	if strings.HasPrefix(rest, ".") && (len(rest) == 1 || rest[1] < '0' || rest[1] > '9') {
		rest = ".0" + rest[1:]
	}
	if negative {
		whole = "-" + whole
	}
	return whole + rest, true
}
