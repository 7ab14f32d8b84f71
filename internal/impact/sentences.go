package impact

import (
	"fmt"
	"strconv"
	"strings"
)

const (
	told      = 5 // flags that are told of one by one
	toldMoves = 4 // of each
)

// Sentences tells the impact in plain words, the most important first. There is always at least one.
func (i *Impact) Sentences() []string {
	var out []string
	switch {
	case i.State == StillReading:
		out = append(out, "Who was seen is still being read, so it cannot be said yet whom this reaches.")
	case i.State == NobodySeen:
		out = append(out, "Nobody was seen in this environment yet, so it cannot be said whom this reaches.")
	case i.Changed.None():
		out = append(out, "Nobody who was seen gets anything else.")
	default:
		out = i.changes()
	}
	if len(i.ByVisitor) > 0 {
		out = append(out, i.byVisitor())
	}
	for _, m := range i.Malformed {
		out = append(out, fmt.Sprintf("“%s” could no longer be evaluated, and would serve its default: %s.", m.Key, strings.TrimSuffix(m.Why, ".")))
	}
	if i.MoreMalformed > 0 {
		out = append(out, fmt.Sprintf("%s more could no longer be evaluated.", counted(i.MoreMalformed, "flag", "flags")))
	}
	return out
}

// byVisitor says what is not counted: who was seen is known without their browsers.
func (i *Impact) byVisitor() string {
	names := "“" + strings.Join(i.ByVisitor, "”, “") + "”"
	if i.MoreByVisitor > 0 {
		names += " and " + counted(i.MoreByVisitor, "more flag", "more flags")
	}
	return names + " can depend on the browser. Everybody is counted as if without one, so what changes in their browsers, and for visitors who are not signed in, is not told here."
}

// changes tells what changes, flag by flag.
func (i *Impact) changes() []string {
	if len(i.Flags) == 1 && i.Rest.Count == 0 {
		lead := ""
		if i.Compared > 1 {
			lead = "“" + i.Flags[0].Key + "” "
		}
		return []string{sentence(lead + i.Flags[0].Words())}
	}
	flags := len(i.Flags) + i.Rest.Count
	out := []string{sentence(fmt.Sprintf("%s something else, in %s flags", i.Changed.gets(), grouped(flags)))}
	for _, f := range i.Flags[:min(len(i.Flags), told)] {
		out = append(out, sentence("“"+f.Key+"” "+f.Words()))
	}
	if more := flags - told; more > 0 {
		out = append(out, counted(more, "more flag changes.", "more flags change."))
	}
	return out
}

// Words tells what changes of the flag, to be put behind its name: "turns on for 1,204 people in 37 tenants, off for 3;
// variant a → b for 80".
func (f Flag) Words() string {
	var turns, moves []string
	switch {
	case !f.On.None() && !f.Off.None():
		turns = append(turns, "turns on for "+f.On.words(false), "off for "+f.Off.words(true))
	case !f.On.None():
		turns = append(turns, "turns on for "+f.On.words(false))
	case !f.Off.None():
		turns = append(turns, "turns off for "+f.Off.words(false))
	}
	rest := f.Rest
	for _, m := range f.Moves {
		switch {
		case f.Boolean && m.Turns() != "": // told above
		case len(moves) < toldMoves:
			moves = append(moves, m.words(len(moves) > 0, len(turns)+len(moves) > 0))
		default:
			rest.Count++
			rest.Changes += m.People
		}
	}
	if rest.Count > 0 {
		moves = append(moves, "otherwise for "+grouped(rest.Changes))
	}
	if len(turns) > 0 && len(moves) > 0 {
		return strings.Join(turns, ", ") + "; " + strings.Join(moves, ", ")
	}
	return strings.Join(append(turns, moves...), ", ")
}

// words tell a move. One that follows another leaves out that it is about variants; short leaves out the units.
func (m Move) words(follows, short bool) string {
	what := fmt.Sprintf("%s → %s", m.From, m.To)
	if m.From.Variant == m.To.Variant {
		what = m.From.String() + " with another value"
	}
	if !follows {
		what = "variant " + what
	}
	return what + " for " + m.Reach.words(short)
}

// String is the variant's name.
func (s Side) String() string {
	if s.Variant == "" {
		return "the code’s fallback"
	}
	return s.Variant
}

// words are how many are concerned: 1,204 people in 37 tenants. The short form leaves out what was said before.
func (r Reach) words(short bool) string {
	switch {
	case r.People == 0:
		return counted(r.Tenants, "tenant", "tenants") + " asked for alone"
	case short:
		return grouped(r.People)
	case r.InTenants == 0:
		return counted(r.People, "person", "people")
	}
	return counted(r.People, "person", "people") + " in " + counted(r.InTenants, "tenant", "tenants")
}

func (r Reach) gets() string {
	if r.People == 1 || r.People == 0 && r.Tenants == 1 {
		return r.words(false) + " gets"
	}
	return r.words(false) + " get"
}

func sentence(text string) string {
	for at, first := range text {
		return strings.ToUpper(string(first)) + text[at+len(string(first)):] + "."
	}
	return ""
}

func verb(n int, one, many string) string {
	if n == 1 {
		return one
	}
	return many
}

func counted(n int, one, many string) string { return grouped(n) + " " + verb(n, one, many) }

// grouped writes a number for people: 1,204.
func grouped(n int) string {
	text := strconv.Itoa(n)
	for at := len(text) - 3; at > 0; at -= 3 {
		text = text[:at] + "," + text[at:]
	}
	return text
}
