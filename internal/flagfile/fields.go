package flagfile

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/toprent/flags/ruleset"
)

// place is where the schema is being read, for messages: `flag "x", rule "y"`.
type place struct {
	mistakes *Mistakes
	warnings *Mistakes
	file     string
	where    string
}

// in is a place within this one.
func (p place) in(format string, args ...any) place {
	if p.where != "" {
		p.where += ", "
	}
	p.where += fmt.Sprintf(format, args...)
	return p
}

// named is the place of something that has a key, if it is known.
func (p place) named(what, key string) place {
	if key == "" {
		return p.in("%s", what)
	}
	return p.in("%s %q", what, key)
}

func (p place) report(at Position, format string, args ...any) {
	*p.mistakes = append(*p.mistakes, p.mistake(at, format, args...))
}

func (p place) mistake(at Position, format string, args ...any) Mistake {
	message := fmt.Sprintf(format, args...)
	if p.where != "" {
		message = p.where + ": " + message
	}
	return Mistake{p.file, at, message}
}

// spoil reports a value that cannot be used.
func (p place) spoil(n *node, format string, args ...any) {
	n.spoilt = true
	p.report(n.pos, format, args...)
}

// mapping checks that a value is a mapping whose keys differ; of repeated keys the first is kept.
func (p place) mapping(n *node, what string) bool {
	if n.kind != mapping {
		p.spoil(n, "%s must be a mapping (field: value), but is %s", what, n.kind)
		return false
	}
	lines := map[string]int{}
	n.entries = slices.DeleteFunc(n.entries, func(e entry) bool {
		line, twice := lines[e.key]
		if twice {
			n.holed = true
			p.report(e.pos, "%q stands twice in %s; the first is in line %d", e.key, what, line)
		} else {
			lines[e.key] = e.pos.Line
		}
		return twice
	})
	return true
}

// fields is a mapping with a known set of fields.
type fields struct {
	place
	*node
}

// fields reads a mapping with these fields and no others.
func (p place) fields(n *node, what string, known ...string) (fields, bool) {
	if !p.mapping(n, what) {
		return fields{}, false
	}
	for _, e := range n.entries {
		if slices.Contains(known, e.key) {
			continue
		}
		n.holed = true
		help := suggestion(e.key, known)
		if what == aFlag && slices.Contains(entryFields, e.key) {
			help = "; it belongs to an environment, as in environments: {production: {enabled: true}}"
		}
		p.report(e.pos, "unknown field %q in %s%s", e.key, what, help)
	}
	return fields{p, n}, true
}

// value is a field's value, or nil if the field is left out; a field with nothing behind it is left out too.
func (f fields) value(name string) *node {
	n := f.get(name)
	if n == nil || n.kind == null {
		return nil
	}
	return n
}

// missing reports a required field that is left out.
func (f fields) missing(name, help string) {
	f.holed = true
	f.report(f.pos, "%s is missing: %s", name, help)
}

// wanting warns of a field that every flag should have, but that an older file may lack.
func (f fields) wanting(name, help string) {
	*f.warnings = append(*f.warnings, f.mistake(f.pos, "%s is missing: %s", name, help))
}

// text is a field that holds text, or "" if it is left out.
func (f fields) text(name string) string {
	n := f.value(name)
	if n == nil {
		return ""
	}
	s, problem := n.asText()
	if problem != "" {
		f.spoil(n, "%s %s", name, problem)
	}
	return s
}

// asText is what a scalar says as text. A number is taken as its text only where there is no other way to write it:
// 1.10 could mean the number 1.1 or a version, and 007 the number 7.
func (n *node) asText() (s, problem string) {
	switch {
	case n.kind == text:
		return n.text, ""
	case n.kind == boolean:
		return "", fmt.Sprintf("must be text, but %s is a boolean; quote it if it is text", n.text)
	case n.kind != number:
		return "", fmt.Sprintf("must be text, but is %s", n.kind)
	case !plainNumber(n.text):
		return "", fmt.Sprintf("could be the number %s or the text %q: quote it if it is text, or write the number plainly", n.text, n.text)
	}
	return n.text, ""
}

// plainNumber reports whether a number is written in its only plain form: 5, -0.25, but not 5.0, 1e3, +5 or 0x1F.
func plainNumber(s string) bool {
	digits := strings.TrimPrefix(s, "-")
	whole, fraction, dotted := strings.Cut(digits, ".")
	if whole == "" || strings.Trim(digits, "0123456789.") != "" || whole[0] == '0' && len(whole) > 1 {
		return false
	}
	if dotted && (fraction == "" || strings.HasSuffix(fraction, "0")) {
		return false
	}
	return s != "-0"
}

// variant is a field that holds a variant's name.
func (f fields) variant(name string) string {
	n := f.value(name)
	if n != nil && n.kind == boolean {
		f.spoil(n, "%s must name a variant, but %s is a boolean; the variants of a boolean flag are on and off", name, n.text)
		return ""
	}
	return f.text(name)
}

// word is a field that holds one of a few known words.
func (f fields) word(name string, known []string) string {
	word := f.text(name)
	n := f.value(name)
	if n == nil || n.spoilt || slices.Contains(known, word) {
		return word
	}
	f.spoil(n, "%s %q must be one of %s%s", name, word, strings.Join(known, ", "), suggestion(word, known))
	return ""
}

// words are the texts of a list of named strings.
func words[S ~string](known []S) []string {
	out := make([]string, len(known))
	for i, word := range known {
		out[i] = string(word)
	}
	return out
}

// boolean is a field that holds a boolean; given is false if it is left out.
func (f fields) boolean(name string) (value, given bool) {
	n := f.value(name)
	if n == nil {
		return false, false
	}
	if n.kind != boolean {
		f.spoil(n, "%s must be true or false, but is %s", name, n.kind)
		return false, true
	}
	return strings.EqualFold(n.text, "true"), true
}

// whole is a field that holds a whole number of 32 bits; 0 if it is left out.
func (f fields) whole(name string) int {
	n := f.value(name)
	if n == nil {
		return 0
	}
	i, err := strconv.ParseInt(n.text, 10, 32)
	if n.kind != number || err != nil {
		f.spoil(n, "%s must be a whole number between -2147483648 and 2147483647", name)
	}
	return int(i)
}

// list is a field that holds a list; nil if it is left out, not nil if it is empty.
func (f fields) list(name string) []*node {
	n := f.value(name)
	if n == nil {
		return nil
	}
	if n.kind != list {
		f.spoil(n, "%s must be a list, but is %s", name, n.kind)
		return nil
	}
	return append([]*node{}, n.items...)
}

// instant is a field that holds a time in RFC 3339; nil if it is left out.
func (f fields) instant(name string) *time.Time {
	return f.time(name, time.RFC3339Nano, "a time in RFC 3339, such as 2027-01-31T12:00:00Z")
}

// date is a field that holds a date; nil if it is left out.
func (f fields) date(name string) *time.Time {
	return f.time(name, time.DateOnly, "a date such as 2027-01-31")
}

func (f fields) time(name, layout, what string) *time.Time {
	s, n := f.text(name), f.value(name)
	if n == nil || n.spoilt {
		return nil
	}
	t, err := time.Parse(layout, s)
	if err != nil || t.UTC().Year() < 1 || t.UTC().Year() > 9999 {
		f.spoil(n, "%s %q must be %s", name, s, what)
		return nil
	}
	t = t.UTC()
	return &t
}

// share is a field that holds a number of percent; given is false if it is left out.
func (f fields) share(name string) (s ruleset.Share, given bool) {
	n := f.value(name)
	if n == nil {
		return 0, false
	}
	if n.kind != number {
		f.spoil(n, "%s must be a number of percent, but is %s", name, n.kind)
		return 0, true
	}
	s, err := ruleset.ParseShare(n.text)
	if err != nil {
		f.spoil(n, "%v", err)
	}
	return s, true
}
