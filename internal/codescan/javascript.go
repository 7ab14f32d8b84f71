package codescan

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// jsToken is a piece of a script: a name, a text, or a sign.
type jsToken struct {
	kind    jsKind
	text    string // a name, what a literal says, or the sign
	line    int
	dynamic bool // of a text: parts of it come as the code runs
}

type jsKind int

const (
	jsSign jsKind = iota
	jsName
	jsText
	jsOther // numbers and regular expressions
)

// scanJavaScript looks at a script that begins at that line of a file.
func (s *scanner) scanJavaScript(name, text string, line int) {
	tokens := (&jsReader{rest: text, line: line}).tokens(false)
	j := &jsFile{scanner: s, name: name, tokens: tokens}
	j.learn()
	for i := range tokens {
		j.visit(i)
	}
}

// jsReader takes a script apart. Comments are left out, and what stands in texts is never taken for code, but for what
// a template literal evaluates.
type jsReader struct {
	rest string
	line int
	out  []jsToken

	wordEnds int // how much was left when the last word ended
	depth    int // of template literals within template literals
}

// deepest is how deep template literals are looked into; deeper ones are made by those who attack scanners.
const deepest = 50

// tokens reads to the end, or, within a template literal, to the brace that ends what it evaluates.
func (r *jsReader) tokens(within bool) []jsToken {
	depth := 0
	for r.rest != "" {
		c := r.rest[0]
		switch {
		case c == '\n':
			r.line++
			r.rest = r.rest[1:]
		case c == ' ' || c == '\t' || c == '\r':
			r.rest = r.rest[1:]
		case strings.HasPrefix(r.rest, "//"):
			r.until("\n", 0)
		case strings.HasPrefix(r.rest, "/*"):
			r.until("*/", 2)
		case (c == '"' || c == '\'') && !r.withinWord():
			r.quoted(c)
		case c == '`':
			r.template()
		case c == '/' && r.beginsExpression():
			r.regexp()
		case c == '{':
			depth++
			r.sign(1)
		case c == '}':
			if depth == 0 && within {
				r.rest = r.rest[1:]
				return r.out
			}
			depth--
			r.sign(1)
		case strings.HasPrefix(r.rest, "?."):
			r.sign(2)
		case c >= '0' && c <= '9':
			r.word(jsOther)
		default:
			r.nameOrSign()
		}
	}
	return r.out
}

// until skips to the end of a text, which is skipped too as far as end says.
func (r *jsReader) until(text string, end int) {
	at := strings.Index(r.rest[min(end, len(r.rest)):], text)
	if at < 0 {
		at = len(r.rest)
	} else {
		at += 2 * end
	}
	r.line += strings.Count(r.rest[:at], "\n")
	r.rest = r.rest[at:]
}

func (r *jsReader) sign(n int) {
	r.out = append(r.out, jsToken{kind: jsSign, text: r.rest[:n], line: r.line})
	r.rest = r.rest[n:]
}

func (r *jsReader) nameOrSign() {
	first, size := utf8.DecodeRuneInString(r.rest)
	if unicode.IsLetter(first) || first == '_' || first == '$' || first == '#' {
		r.word(jsName)
		return
	}
	r.sign(size)
}

func (r *jsReader) word(kind jsKind) {
	end := strings.IndexFunc(r.rest[1:], func(c rune) bool { return !unicode.IsLetter(c) && !unicode.IsDigit(c) && c != '_' && c != '$' })
	if end < 0 {
		end = len(r.rest) - 1
	}
	r.out = append(r.out, jsToken{kind: kind, text: r.rest[:end+1], line: r.line})
	r.rest = r.rest[end+1:]
	r.wordEnds = len(r.rest)
}

// withinWord reports whether a quote stands at a word, as the apostrophe of don't does between tags: no text begins there.
func (r *jsReader) withinWord() bool {
	if len(r.out) == 0 || r.wordEnds != len(r.rest) {
		return false
	}
	last := r.out[len(r.out)-1]
	return last.kind == jsName && !beforeExpression(last.text)
}

// beforeExpression reports whether a name is a word of the language that an expression may follow at once.
func beforeExpression(name string) bool {
	return slices.Contains([]string{"return", "typeof", "case", "in", "of", "from", "import", "default", "await", "yield", "else", "throw", "void", "delete", "export"}, name)
}

// quoted reads a text. A quote without its other half, as in words between tags, is a sign.
func (r *jsReader) quoted(quote byte) {
	text, i, line := strings.Builder{}, 1, r.line
	for i < len(r.rest) && r.rest[i] != quote && r.rest[i] != '\n' {
		if r.rest[i] == '\\' && i+1 < len(r.rest) {
			i++
			if r.rest[i] == '\n' {
				line++
				i++
				continue
			}
		}
		text.WriteByte(r.rest[i])
		i++
	}
	if i >= len(r.rest) || r.rest[i] != quote {
		r.sign(1)
		return
	}
	r.out = append(r.out, jsToken{kind: jsText, text: text.String(), line: r.line})
	r.rest, r.line = r.rest[i+1:], line
}

// template reads a template literal, and the code in it.
func (r *jsReader) template() {
	token := jsToken{kind: jsText, line: r.line}
	var text strings.Builder
	var inner []jsToken
	r.rest = r.rest[1:]
	for r.rest != "" && r.rest[0] != '`' {
		switch {
		case r.rest[0] == '\\' && len(r.rest) > 1:
			r.rest = r.rest[1:]
		case strings.HasPrefix(r.rest, "${") && r.depth < deepest:
			token.dynamic = true
			code := &jsReader{rest: r.rest[2:], line: r.line, depth: r.depth + 1}
			inner = append(inner, code.tokens(true)...)
			inner = append(inner, jsToken{kind: jsSign, text: ";", line: code.line})
			r.rest, r.line = code.rest, code.line
			continue
		}
		if r.rest[0] == '\n' {
			r.line++
		}
		text.WriteByte(r.rest[0])
		r.rest = r.rest[1:]
	}
	if r.rest != "" {
		r.rest = r.rest[1:]
	}
	token.text = text.String()
	// What the literal evaluates is looked at after what the literal stands in.
	r.out = append(r.out, token)
	r.later(inner)
}

// later keeps the code of a template literal apart from what follows it.
func (r *jsReader) later(inner []jsToken) {
	if len(inner) > 0 {
		r.out = append(r.out, jsToken{kind: jsOther, text: "${", line: r.line})
		r.out = append(r.out, inner...)
		r.out = append(r.out, jsToken{kind: jsOther, text: "}", line: r.line})
	}
}

// beginsExpression reports whether a slash begins a regular expression, not a division.
func (r *jsReader) beginsExpression() bool {
	if len(r.out) == 0 {
		return true
	}
	switch last := r.out[len(r.out)-1]; last.kind {
	case jsSign:
		return last.text != ")" && last.text != "]" && last.text != "}" && last.text != "<"
	case jsName:
		return beforeExpression(last.text)
	}
	return false
}

func (r *jsReader) regexp() {
	class := false
	for i := 1; i < len(r.rest) && r.rest[i] != '\n'; i++ {
		switch c := r.rest[i]; {
		case c == '\\':
			i++
		case c == '[':
			class = true
		case c == ']':
			class = false
		case c == '/' && !class:
			r.out = append(r.out, jsToken{kind: jsOther, text: "/", line: r.line})
			r.rest = r.rest[i+1:]
			return
		}
	}
	r.sign(1)
}

// jsFile is one script being looked at.
type jsFile struct {
	*scanner
	name      string
	tokens    []jsToken
	constants map[string]string // const NAME = "text"; those of which there are two are left out
	bare      map[string]bool   // const { isEnabled } = window.flags
}

func (j *jsFile) at(i int) jsToken {
	if i < 0 || i >= len(j.tokens) {
		return jsToken{kind: jsSign}
	}
	return j.tokens[i]
}

func (j *jsFile) is(i int, text string) bool {
	return j.at(i).text == text && j.at(i).kind != jsText
}

// learn notes constants, and functions that were taken out of flags.
func (j *jsFile) learn() {
	j.constants, j.bare = map[string]string{}, map[string]bool{}
	twice := map[string]bool{}
	for i := range j.tokens {
		switch name := j.at(i + 1); {
		case !j.is(i, "const") && !j.is(i, "let") && !j.is(i, "var"):
		case j.is(i+1, "{"):
			j.destructured(i + 2)
		case name.kind == jsName:
			value := i + 2
			if j.is(value, ":") { // const KEY: string = "…"
				value += 2
			}
			_, known := j.constants[name.text]
			if known || twice[name.text] || !j.is(i, "const") || !j.is(value, "=") || !j.literal(value+1) {
				twice[name.text] = true
				delete(j.constants, name.text)
				continue
			}
			j.constants[name.text] = j.at(value + 1).text
		}
	}
}

// literal reports whether the token is a text and nothing is added to it.
func (j *jsFile) literal(i int) bool {
	next := j.at(i + 1)
	return j.at(i).kind == jsText && !j.at(i).dynamic && !(next.kind == jsSign && (next.text == "+" || next.text == "." || next.text == "["))
}

func (j *jsFile) destructured(i int) {
	var names []string
	for ; i < len(j.tokens) && !j.is(i, "}") && len(names) < 20; i++ {
		if j.at(i).kind == jsName && !j.is(i-1, ":") {
			names = append(names, j.at(i).text)
		}
	}
	if j.is(i+1, "=") && (isFlags(j.at(i+2)) || j.is(i+3, ".") && isFlags(j.at(i+4))) {
		for _, name := range names {
			j.bare[name] = true
		}
	}
}

func isFlags(t jsToken) bool { return t.kind == jsName && strings.EqualFold(t.text, "flags") }

// visit looks whether a call begins with the token: flags.isEnabled("key"), flags.value("key", fallback).
func (j *jsFile) visit(i int) {
	method := j.at(i)
	if method.kind != jsName || method.text != "isEnabled" && method.text != "value" {
		return
	}
	dotted := j.is(i-1, ".") || j.is(i-1, "?.")
	if dotted && !isFlags(j.receiver(i-2)) || !dotted && (!j.bare[method.text] || j.is(i-1, "function")) {
		return
	}
	open := j.pastTypes(i + 1)
	if j.is(open, "?.") {
		open++
	}
	if !j.is(open, "(") || j.is(open+1, ")") {
		return
	}
	arg := j.at(open + 1)
	u := Use{Path: j.name, Line: arg.line, Language: JavaScript, Call: "flags." + method.text}
	ends := j.ends(open + 2)
	switch {
	case arg.kind == jsText && !arg.dynamic && ends:
		u.Key = arg.text
	case arg.kind == jsName && ends:
		u.Key = j.constants[arg.text]
	}
	j.found(u)
}

// receiver is what a method is called on: flags, or flags! as TypeScript has it.
func (j *jsFile) receiver(i int) jsToken {
	if j.is(i, "!") {
		i--
	}
	return j.at(i)
}

// ends reports whether an argument ends before the token; a type that is asserted is no part of its value.
func (j *jsFile) ends(i int) bool { return j.is(i, ",") || j.is(i, ")") || j.is(i, "as") }

// pastTypes skips type arguments: value<string>("key").
func (j *jsFile) pastTypes(i int) int {
	if !j.is(i, "<") {
		return i
	}
	depth := 0
	for k := i; k < min(i+40, len(j.tokens)); k++ {
		if j.is(k, "<") {
			depth++
		}
		if j.is(k, ">") {
			if depth--; depth == 0 {
				return k + 1
			}
		}
	}
	return i
}
