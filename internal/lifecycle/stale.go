package lifecycle

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// How long a flag may be as it is before somebody is asked.
const (
	Unread    = 30 * 24 * time.Hour // not read anywhere
	Unchanged = 30 * 24 * time.Hour // off, or on, for everybody
	Rest      = 30 * 24 * time.Hour // a migration flag is kept so long after it reached everyone
	months    = 6                   // without a review
)

// Facts are what is known of a flag.
type Facts struct {
	Created        time.Time
	PlannedRemoval *time.Time // nil: none is planned
	ReviewedAt     *time.Time // nil: nobody did
	KeepUntil      *time.Time
	Elsewhere      bool // browsers read it too, which is not noted
	In             []Served
	Archived       bool // wherever it is
}

// Served is the flag in one environment that has it and in which it is not archived.
type Served struct {
	Environment string // its name
	Title       string
	Protected   bool
	Standing    Standing
	LastRead    time.Time // zero: not known
}

// Kind is why a flag is stale.
type Kind string

const (
	PastRemoval Kind = "removal"
	NoReview    Kind = "review"
	AllOff      Kind = "off"
	AllOn       Kind = "everyone"
	NotRead     Kind = "unread"
)

// Kinds are the reasons, in the order in which they are told.
func Kinds() []Kind { return []Kind{PastRemoval, AllOff, AllOn, NotRead, NoReview} }

// Reason is why a flag is stale, in plain words, and since when.
type Reason struct {
	Kind  Kind
	Since time.Time
	Words string
}

// Verdict is what came of looking at a flag.
type Verdict struct {
	Reasons []Reason  // none: it is not stale
	Kept    time.Time // somebody said that it stays until then, and that is still to come; zero: nobody did
}

// Stale reports whether somebody is to be asked about the flag.
func (v Verdict) Stale() bool { return len(v.Reasons) > 0 && v.Kept.IsZero() }

// Judge decides whether a flag has outlived its use. Where protected environments have the flag, they alone say whether
// it is off, or on, for everybody: what is tried elsewhere keeps no flag alive, and ends none. All of them have to agree.
func Judge(f Facts, now time.Time) Verdict {
	var v Verdict
	if f.Archived {
		return v
	}
	if f.KeepUntil != nil && now.Before(*f.KeepUntil) {
		v.Kept = *f.KeepUntil
	}
	for _, reason := range []*Reason{pastRemoval(f, now), unchanged(f, now), unread(f, now), unreviewed(f, now)} {
		if reason != nil {
			v.Reasons = append(v.Reasons, *reason)
		}
	}
	return v
}

func pastRemoval(f Facts, now time.Time) *Reason {
	if f.PlannedRemoval == nil || !f.PlannedRemoval.Before(now) {
		return nil
	}
	return &Reason{PastRemoval, *f.PlannedRemoval, "It was to be gone by " + day(*f.PlannedRemoval) + "."}
}

func unchanged(f Facts, now time.Time) *Reason {
	in := counted(f.In)
	if len(in) == 0 {
		return nil
	}
	off, everyone, since := true, true, time.Time{}
	for _, s := range in {
		off, everyone = off && s.Standing.Off(), everyone && s.Standing.Everyone()
		if s.Standing.Since.After(since) {
			since = s.Standing.Since
		}
	}
	if !off && !everyone || since.IsZero() || now.Sub(since) < Unchanged {
		return nil
	}
	if off {
		return &Reason{AllOff, since, "It has been off for everybody in " + names(in) + " since " + day(since) + ": is it still to come?"}
	}
	return &Reason{AllOn, since, "It has been on for everybody in " + names(in) + " since " + day(since) + ": the code needs no other way any more."}
}

func unread(f Facts, now time.Time) *Reason {
	if len(f.In) == 0 {
		return nil
	}
	last, known := f.Created, false
	for _, s := range f.In {
		if !s.LastRead.IsZero() && (!known || s.LastRead.After(last)) {
			last, known = s.LastRead, true
		}
	}
	if now.Sub(last) < Unread {
		return nil
	}
	words := "No code has read it since " + day(last) + "."
	if !known {
		words = "No code has read it since it was made on " + day(last) + "."
	}
	if f.Elsewhere {
		words += " What browsers read by themselves is not known."
	}
	return &Reason{NotRead, last, words}
}

func unreviewed(f Facts, now time.Time) *Reason {
	from, words := f.Created, "It is older than %d months, and nobody has looked whether it is still needed."
	if f.ReviewedAt != nil {
		from, words = *f.ReviewedAt, "Nobody has looked for %d months whether it is still needed."
	}
	due := from.AddDate(0, months, 0)
	if now.Before(due) {
		return nil
	}
	return &Reason{NoReview, due, fmt.Sprintf(words, months)}
}

// counted are the environments that say whether a flag is off or on for everybody.
func counted(in []Served) []Served {
	if slices.ContainsFunc(in, func(s Served) bool { return s.Protected }) {
		return slices.DeleteFunc(slices.Clone(in), func(s Served) bool { return !s.Protected })
	}
	return in
}

func names(in []Served) string {
	all := make([]string, len(in))
	for i, s := range in {
		all[i] = s.Title
	}
	if last := len(all) - 1; last > 0 {
		return strings.Join(all[:last], ", ") + " and " + all[last]
	}
	return strings.Join(all, "")
}

func day(t time.Time) string { return t.UTC().Format("2 Jan 2006") }
