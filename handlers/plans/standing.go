package plans

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/toprent/flags/internal/catalog"
	"github.com/toprent/flags/ruleset"
)

// Feature is a flag that needs a plan, with what each plan says of it.
type Feature struct {
	Key, Title  string
	Description string
	Flag        *catalog.Flag
	Rollout     catalog.Rollout
	Off         string      // why it is off for everybody, whatever the plan includes; empty: it is not
	Includes    []Inclusion // one for each plan, by rank
	First       *catalog.Plan
	AddOns      int // how many tenants have it as an add-on; set where it is shown
}

// Inclusion says whether and why a plan includes a flag.
type Inclusion struct {
	Plan           *catalog.Plan
	ByRank, Listed bool
}

// OK reports whether the plan includes the flag.
func (i Inclusion) OK() bool { return i.ByRank || i.Listed }

// How says in words why the plan includes the flag; empty: it does not.
func (i Inclusion) How() string {
	switch {
	case i.ByRank && i.Listed:
		return "by rank, and listed"
	case i.ByRank:
		return "by rank"
	case i.Listed:
		return "listed"
	}
	return ""
}

// In is what one plan says of the flag.
func (f Feature) In(plan string) Inclusion {
	for _, i := range f.Includes {
		if i.Plan.Key == plan {
			return i
		}
	}
	return Inclusion{}
}

// features are the flags of an environment that need a plan, in the order of their titles. Archived ones are left out.
func features(e *catalog.Environment, about *catalog.Flags, now time.Time) []Feature {
	listed := map[string]bool{}
	for _, plan := range e.Plans {
		for _, key := range plan.Features {
			listed[key] = true
		}
	}
	var all []Feature
	for _, flag := range e.Flags {
		if flag.Archived || !gated(flag) && !listed[flag.Key] {
			continue
		}
		all = append(all, featureOf(e, flag, about, now))
	}
	slices.SortFunc(all, func(a, b Feature) int {
		return cmp.Or(strings.Compare(strings.ToLower(a.Title), strings.ToLower(b.Title)), strings.Compare(a.Key, b.Key))
	})
	return all
}

// gated reports whether a flag needs a plan by itself; one that a plan lists needs one too.
func gated(flag *catalog.Flag) bool { return flag.Kind == ruleset.Premium || flag.TierRequired != "" }

func featureOf(e *catalog.Environment, flag *catalog.Flag, about *catalog.Flags, now time.Time) Feature {
	written := about.ByKey[flag.Key]
	f := Feature{Key: flag.Key, Title: cmp.Or(written.Title, flag.Key), Description: written.Description, Flag: flag, Rollout: flag.Rollout(now)}
	f.Off = offNow(flag, f.Rollout)
	tier, known := e.Plan(flag.TierRequired)
	for _, plan := range e.Plans {
		i := Inclusion{Plan: plan, ByRank: known && plan.Rank >= tier.Rank, Listed: slices.Contains(plan.Features, flag.Key)}
		if i.OK() && f.First == nil {
			f.First = plan
		}
		f.Includes = append(f.Includes, i)
	}
	return f
}

// offNow says why nobody has the flag, whatever plans include.
func offNow(flag *catalog.Flag, rollout catalog.Rollout) string {
	switch {
	case flag.Killed:
		return "killed"
	case flag.Malformed != "":
		return "cannot be read"
	case !flag.Enabled:
		return "disabled"
	case rollout == catalog.Off:
		return "on for nobody"
	case rollout == catalog.Scheduled:
		return "not begun"
	}
	return ""
}

// title is how pages call a plan.
func title(plan *catalog.Plan) string { return cmp.Or(plan.Title, plan.Key) }
