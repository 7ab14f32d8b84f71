// Package lifecycle decides whether a flag has outlived its use, and since when it has been as it is. It does no I/O and
// reads no clock: what is asked comes with the question, so that pages, letters and changes give the same answer.
package lifecycle

import (
	"time"

	"github.com/toprent/flags/internal/catalog"
	"github.com/toprent/flags/ruleset"
)

// Span is a flag's settings in one environment, and when they were published. They held until the next span.
type Span struct {
	From time.Time
	Flag ruleset.Flag
}

// Standing is how far a flag is out and, if that is the same for everybody, since when without a break.
type Standing struct {
	Rollout catalog.Rollout
	Since   time.Time // zero: it is not the same for everybody
}

// Off reports whether nobody has the flag.
func (s Standing) Off() bool { return s.Rollout == catalog.Off || s.Rollout == catalog.Killed }

// Everyone reports whether everybody has it.
func (s Standing) Everyone() bool { return s.Rollout == catalog.Everyone }

// StandingOf tells it from the flag's spans, newest first. Older spans than those that matter may be left out.
func StandingOf(spans []Span, now time.Time) Standing {
	if len(spans) == 0 {
		return Standing{Rollout: catalog.Missing}
	}
	s := Standing{Rollout: rollout(spans[0].Flag, now)}
	if !s.Off() && !s.Everyone() {
		return s
	}
	until := now
	for _, span := range spans {
		at, held := since(span, until, func(r catalog.Rollout) bool { return same(r, s.Rollout) })
		if !held {
			break
		}
		s.Since = at
		if at.After(span.From) {
			break
		}
		until = span.From
	}
	return s
}

// same reports whether two rollouts mean the same for everybody: being killed and being off do.
func same(a, b catalog.Rollout) bool {
	off := func(r catalog.Rollout) bool { return r == catalog.Off || r == catalog.Killed }
	return a == b || off(a) && off(b)
}

// ReachedEveryone is the last moment at which the flag went from some to everybody; false: it never did. A kill in
// between does not count, nor does a later change back: the code has served everybody the new way since then.
func ReachedEveryone(spans []Span, now time.Time) (time.Time, bool) {
	everyone := func(r catalog.Rollout) bool { return r == catalog.Everyone }
	until, reached, found := now, time.Time{}, false
	for _, span := range spans {
		span.Flag.Killed = false
		at, held := since(span, until, everyone)
		switch {
		case held:
			reached, found = at, true
			if at.After(span.From) {
				return reached, true
			}
		case found:
			return reached, true
		}
		until = span.From
	}
	return reached, found
}

// since is the moment within a span from which on, up to its end, the flag was as asked; false: at its end it was not.
// Only a growing share changes within a span, at the moment at which it is complete.
func since(span Span, until time.Time, as func(catalog.Rollout) bool) (time.Time, bool) {
	if as(rollout(span.Flag, span.From)) {
		if as(rollout(span.Flag, until)) {
			return span.From, true
		}
		return time.Time{}, false
	}
	if !as(rollout(span.Flag, until)) {
		return time.Time{}, false
	}
	at := span.From
	for _, rule := range span.Flag.Rules {
		if p := rule.Percent; p != nil && p.Moving() && p.End != nil && p.End.After(at) && !p.End.After(until) {
			at = *p.End
		}
	}
	return at, true
}

func rollout(flag ruleset.Flag, at time.Time) catalog.Rollout {
	f := catalog.Flag{Flag: flag}
	return f.Rollout(at)
}
