package cutovers

import (
	"strings"
	"time"

	"github.com/toprent/flags/internal/words"
	"github.com/toprent/flags/models"
	"github.com/toprent/flags/ruleset"
	"github.com/toprent/flags/views"
)

// StageWords say what a stage means.
type StageWords struct {
	Stage   ruleset.Stage
	Title   string
	Asked   string // which sides are read
	Answers string // whose answer is returned
	Written string // which sides are written, in their order
	Means   string
	State   string // how it looks
}

// stageWords are those of all stages, in their order.
func stageWords() []StageWords {
	return []StageWords{
		{ruleset.StageOff, "Off", "old", "old", "old", "As it was: the new database is not touched.", "off"},
		{ruleset.StageDualWrite, "Dual write", "old", "old", "old, then new", "What is written goes to both. The rows that were there before are copied.", "partial"},
		{ruleset.StageShadow, "Shadow", "old and new", "old", "old, then new", "Reads ask both and compare. Users see what the old one says.", "partial"},
		{ruleset.StageLive, "Live", "old and new", "new", "new, then old", "Reads ask both and compare. Users see what the new one says.", "partial"},
		{ruleset.StageRampdown, "Ramp-down", "new", "new", "new, then old", "The old one is only kept up to date, for the way back.", "partial"},
		{ruleset.StageComplete, "Complete", "new", "new", "new", "Done: the old database is abandoned. The way back begins with copying everything to it.", "everyone"},
	}
}

// wordsOf are those of one stage.
func wordsOf(stage ruleset.Stage) StageWords { return stageWords()[stage] }

// titlesOf names stages: Shadow and Live.
func titlesOf(set ruleset.StageSet) string {
	var titles []string
	for _, stage := range set.All() {
		titles = append(titles, wordsOf(stage).Title)
	}
	return words.And(titles)
}

// counted is a number with what it counts.
func counted(n int64, one string) string {
	if n == 1 {
		return "1 " + one
	}
	return views.Thousands(n) + " " + one + "s"
}

// span is how long something lasts, roughly.
func span(d time.Duration) string {
	switch {
	case d < 0:
		return "0 seconds"
	case d < 2*time.Minute:
		return counted(int64(d/time.Second), "second")
	case d < 2*time.Hour:
		return counted(int64(d/time.Minute), "minute")
	case d < 48*time.Hour:
		return counted(int64(d/time.Hour), "hour")
	}
	return counted(int64(d/(24*time.Hour)), "day")
}

// copyingWords say what the copying does, which state that is, and what a page calls it.
func copyingWords(p *models.CutoverProgress, paused bool) (title, state string) {
	switch {
	case p == nil:
		return "Not begun", "off"
	case p.State == models.CutoverFailed:
		return "Failed", "bad"
	case paused && (p.State == models.CutoverWaiting || p.State == models.CutoverCopying || p.State == models.CutoverVerifying):
		return "Paused", "warn"
	}
	switch p.State {
	case models.CutoverAbandoned:
		return "One side alone", "off"
	case models.CutoverWaiting:
		return "Waiting", "scheduled"
	case models.CutoverCopying:
		return "Copying", "partial"
	case models.CutoverVerifying:
		return "Verifying", "partial"
	case models.CutoverDone:
		return "Verified", "good"
	}
	return p.State, "warn"
}

// directionWords say from where to where rows are copied.
func directionWords(direction string) string {
	if direction == models.CutoverBackward {
		return "from new to old"
	}
	return "from old to new"
}

// sentence makes a sentence of a phrase for programs.
func sentence(phrase string) string {
	if phrase == "" {
		return ""
	}
	return strings.ToUpper(phrase[:1]) + strings.TrimSuffix(phrase[1:], ".") + "."
}

// NoKill says why a kill would be refused now; empty: it would not.
func (p *onePage) NoKill() string { return sentence(p.Kill.Refused) }

// KillLines say what a kill would do, sentence by sentence.
func (p *onePage) KillLines() (lines []string) {
	for _, line := range p.Kill.Lines {
		lines = append(lines, sentence(line))
	}
	return lines
}
