package flagfile

import (
	"bytes"
	"fmt"
	"regexp"
	"strings"
	"unicode"
)

const yamlHeader = `# Feature flags, as they were exported. The file can be edited and imported again: see docs/flags-file.md.
# Times are in UTC. A flag without an entry for an environment is off there.
`

// maxWidth is the width in bytes up to which a value is written in one line.
const maxWidth = 120

// yamlBytes writes nodes as YAML 1.2: what fits in one line in flow style, the rest in block style.
func yamlBytes(root *node) []byte {
	var b bytes.Buffer
	b.WriteString(yamlHeader)
	writeBlock(&b, root, 0)
	return b.Bytes()
}

// writeBlock writes the lines of a mapping or a list; the first begins where the buffer stands.
func writeBlock(b *bytes.Buffer, n *node, indent int) {
	lead := strings.Repeat(" ", indent)
	for i, e := range n.entries {
		if i > 0 {
			b.WriteString(lead)
		}
		writeKey(b, e.key)
		b.WriteByte(':')
		writeBelow(b, e.value, indent, len(e.key)+2)
	}
	for i, item := range n.items {
		if i > 0 {
			b.WriteString(lead)
		}
		if flow, ok := inline(item, indent+2); ok {
			b.WriteString("- " + flow + "\n")
			continue
		}
		b.WriteString("- ")
		writeBlock(b, item, indent+2)
	}
}

// writeBelow writes the value of a key: behind it if it fits, else below.
func writeBelow(b *bytes.Buffer, n *node, indent, taken int) {
	if flow, ok := inline(n, indent+taken); ok {
		b.WriteString(" " + flow + "\n")
		return
	}
	b.WriteByte('\n')
	b.WriteString(strings.Repeat(" ", indent+2))
	writeBlock(b, n, indent+2)
}

// inline is a value in one line, if it is a scalar or fits.
func inline(n *node, indent int) (string, bool) {
	if n.kind != mapping && n.kind != list {
		return scalar(n), true
	}
	empty := len(n.entries)+len(n.items) == 0
	if n.block && !empty {
		return "", false
	}
	var b strings.Builder
	fits := writeFlow(&b, n, maxWidth-indent)
	return b.String(), fits || empty
}

// writeFlow writes a value in flow style; it gives up when there is no room.
func writeFlow(b *strings.Builder, n *node, room int) bool {
	switch n.kind {
	case mapping:
		b.WriteByte('{')
		for i, e := range n.entries {
			if i > 0 {
				b.WriteString(", ")
			}
			b.WriteString(quoted(e.key) + ": ")
			if !writeFlow(b, e.value, room) {
				return false
			}
		}
		b.WriteByte('}')
	case list:
		b.WriteByte('[')
		for i, item := range n.items {
			if i > 0 {
				b.WriteString(", ")
			}
			if !writeFlow(b, item, room) {
				return false
			}
		}
		b.WriteByte(']')
	default:
		b.WriteString(scalar(n))
	}
	return b.Len() <= room
}

func writeKey(b *bytes.Buffer, key string) { b.WriteString(quoted(key)) }

func scalar(n *node) string {
	switch n.kind {
	case null:
		return "null"
	case text:
		return quoted(n.text)
	}
	return n.text
}

var plainPattern = regexp.MustCompile(`^([A-Za-z]([A-Za-z0-9_./+ -]*[A-Za-z0-9_./+-])?|[0-9]{4}-[0-9]{2}-[0-9]{2}(T[0-9:.]+Z)?)$`)

// quoted is text, in quotes unless nobody could take it for anything else. Yes and no, which older YAML takes for
// booleans, are quoted; on and off are not, being the names of variants.
func quoted(s string) string {
	switch strings.ToLower(s) {
	case "yes", "no", "y", "n":
		return `"` + s + `"`
	}
	if plainPattern.MatchString(s) && kindOf(s) == text {
		return s
	}
	var b strings.Builder
	b.WriteByte('"')
	for _, r := range s {
		writeQuotedRune(&b, r)
	}
	b.WriteByte('"')
	return b.String()
}

func writeQuotedRune(b *strings.Builder, r rune) {
	switch {
	case r == '"' || r == '\\':
		b.WriteByte('\\')
		b.WriteRune(r)
	case r == '\n':
		b.WriteString(`\n`)
	case r == '\t':
		b.WriteString(`\t`)
	case unicode.IsPrint(r):
		b.WriteRune(r)
	case r > 0xffff:
		fmt.Fprintf(b, `\U%08X`, r)
	default:
		fmt.Fprintf(b, `\u%04X`, r)
	}
}
