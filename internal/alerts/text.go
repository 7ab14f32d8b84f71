package alerts

import (
	"fmt"
	"strings"
	"unicode"
)

// Bounds on what an alert says; the page about the change says all.
const (
	mostChanges = 10
	longestText = 600 // of one author or reason, in characters
)

// headline is who did what, where and why, in one line.
func (e Event) headline() string {
	var what string
	switch e.Kind {
	case "test":
		return "TEST: " + clean(e.Author) + " asked for this message, to see whether alerts arrive here. They do."
	case reviewEvent:
		return e.reviewHeadline()
	case requestSent, requestApproved, requestRejected, requestApplied, requestFailed, requestComment:
		return e.requestHeadline()
	case "kill":
		what = "KILLED " + e.flagList() + " in " + e.Environment
	case "lift":
		what = "LIFTED the kill of " + e.flagList() + " in " + e.Environment
	case "step-back":
		what = "STEPPED BACK " + e.flagList() + " in " + e.Environment + ": its old database answers again"
	case "recall":
		what = "RECALLED " + e.Environment + ": what is published applies now"
	case "import":
		what = fmt.Sprintf("IMPORTED a file into %s as revision %d", e.Environment, e.Revision)
	case "rollback":
		what = fmt.Sprintf("ROLLED BACK %s as revision %d", e.Environment, e.Revision)
	case "promote":
		what = fmt.Sprintf("PROMOTED to %s as revision %d", e.Environment, e.Revision)
	case "copy":
		what = fmt.Sprintf("COPIED into %s as revision %d", e.Environment, e.Revision)
	default:
		what = fmt.Sprintf("PUBLISHED revision %d of %s", e.Revision, e.Environment)
	}
	what += ", by " + clean(e.Author)
	if reason := clean(e.Reason); reason != "" {
		what += ": " + reason
	}
	return what
}

func (e Event) flagList() string {
	keys := make([]string, 0, len(e.Flags))
	for _, f := range e.Flags {
		keys = append(keys, f.Key)
	}
	return strings.Join(keys, ", ")
}

// changes are what became different, one line each.
func (e Event) changes() []string {
	if e.Kind == "kill" || e.Kind == "lift" || e.Kind == "test" || e.Request != 0 {
		return nil // the headline says it
	}
	var lines []string
	if e.Kind == reviewEvent {
		return shortened(e.reviewLines())
	}
	for _, kind := range []struct {
		name  string
		items []Change
	}{{"flag", e.Flags}, {"segment", e.Segments}, {"plan", e.Plans}} {
		for _, item := range kind.items {
			lines = append(lines, strings.TrimSuffix(kind.name+" "+item.Key+": "+strings.Join(item.What, ", "), ": "))
		}
	}
	return shortened(lines)
}

func shortened(lines []string) []string {
	if more := len(lines) - mostChanges; more > 0 {
		lines = append(lines[:mostChanges], fmt.Sprintf("and %d more", more))
	}
	return lines
}

// when is the moment of the change, for people everywhere.
func (e Event) when() string { return e.At.UTC().Format("2 Jan 2006, 15:04:05 MST") }

// clean makes one line of what people wrote: no line breaks that could look like another alert, nothing invisible that
// could turn the text around, and not without end.
func clean(text string) string {
	text = strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r):
			return ' '
		case unicode.IsControl(r), unicode.Is(unicode.Bidi_Control, r), r == '\u200b', r == '\ufeff', r == unicode.ReplacementChar:
			return -1
		}
		return r
	}, strings.ToValidUTF8(text, ""))
	text = strings.Join(strings.Fields(text), " ")
	if runes := []rune(text); len(runes) > longestText {
		text = string(runes[:longestText]) + "…"
	}
	return text
}

func counted(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}
