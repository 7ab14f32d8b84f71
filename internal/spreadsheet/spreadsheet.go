// Package spreadsheet writes texts that spreadsheets take for texts.
package spreadsheet

import (
	"strings"
	"unicode"
)

// Plain keeps a spreadsheet from taking a text for a formula: an apostrophe before it says that it is a text. Within the
// text too, since where commas separate decimals, spreadsheets begin a new cell after each semicolon.
func Plain(text string) string {
	if harmless(text) {
		return text
	}
	var out strings.Builder
	begins := true // a cell may begin here
	for _, r := range text {
		if begins && strings.ContainsRune(formulas, r) {
			out.WriteByte('\'')
		}
		out.WriteRune(r)
		begins = strings.ContainsRune(separators, r) || begins && (unicode.IsSpace(r) || r == '"' || !unicode.IsPrint(r))
	}
	return out.String()
}

// harmless reports whether a text is one of letters, digits and a few more signs, as nearly all are.
func harmless(text string) bool {
	for i := range len(text) {
		switch b := text[i]; {
		case 'a' <= b && b <= 'z', 'A' <= b && b <= 'Z', '0' <= b && b <= '9', b == '_', b == '.':
		case i > 0 && (b == '-' || b == '@' || b == ' '):
		default:
			return false
		}
	}
	return true
}

const (
	formulas   = "=+-@|%\t\r\n\uFF1D\uFF0B\uFF0D\uFF20" // with those of full width
	separators = ";\t\r\n"
)
