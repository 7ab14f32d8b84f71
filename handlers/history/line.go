package history

import (
	"strconv"
	"strings"
)

// line is one difference that a revision made. One that is about a flag is told apart into the flag and what became of
// it, so that the page leads to the flag: flags are never deleted, so the link always leads somewhere.
type line struct {
	Flag     string // its key; empty: the line is about something else
	Override bool   // it is about an override of the flag
	Item     string // what it is about, as it is written
	Rest     string // what became different
}

// lineOf reads a line as package changes writes it: flag "new-home": title …, or override of flag "new-home" for user ….
func lineOf(text string) line {
	about, override := strings.CutPrefix(text, "override of ")
	after, isFlag := strings.CutPrefix(about, "flag ")
	quoted, err := strconv.QuotedPrefix(after)
	if !isFlag || err != nil {
		return line{Rest: text}
	}
	key, err := strconv.Unquote(quoted)
	if err != nil {
		return line{Rest: text}
	}
	end := len(text) - len(after) + len(quoted)
	return line{Flag: key, Override: override, Item: text[:end], Rest: text[end:]}
}

func linesOf(texts []string) []line {
	lines := make([]line, len(texts))
	for i, text := range texts {
		lines[i] = lineOf(text)
	}
	return lines
}
