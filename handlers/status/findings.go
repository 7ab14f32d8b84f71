package status

import (
	"cmp"
	"slices"
	"strings"

	"github.com/toprent/flags/models"
	"github.com/toprent/flags/report"
	"github.com/toprent/flags/ruleset"
	"github.com/toprent/flags/service"
)

// Malformed is a stored mistake.
type Malformed struct {
	Environment string `json:"environment"`
	Flag        string `json:"flag,omitempty"`
	Segment     string `json:"segment,omitempty"`
	Plan        string `json:"plan,omitempty"`
	Override    bool   `json:"override,omitempty"` // it is in an override of the flag
	Where       string `json:"where,omitempty"`    // within it
	Reason      string `json:"reason"`
	Served      string `json:"-"`
}

// Failure is a flag that was read and could not be evaluated, with the cause: by all instances since they started.
type Failure struct {
	Environment string `json:"environment"`
	service.Failure
	Instances int `json:"instances"`
}

// Unknown is a key that was asked for and is no flag: by all instances since they started.
type Unknown struct {
	Environment string `json:"environment"`
	service.Unknown
	Instances int    `json:"instances"`
	Near      string `json:"near,omitempty"`     // a flag whose key is much like it
	Archived  bool   `json:"archived,omitempty"` // there was such a flag
}

const maxShown = 50 // of each kind of finding

// malformed are the mistakes that are stored, in every environment, whether an instance serves it or not.
func (g *gatherer) malformed() []Malformed {
	out := []Malformed{}
	for _, environment := range g.environments {
		for _, p := range environment.Problems() {
			out = append(out, malformed(environment.Name, p))
		}
	}
	sortMalformed(out)
	return out[:min(len(out), maxShown)]
}

func malformed(environment string, p ruleset.Problem) Malformed {
	where := p.Path
	if p.Rule != "" {
		where = "rule “" + p.Rule + "”, " + where
	}
	return Malformed{Environment: environment, Flag: p.Flag, Segment: p.Segment, Plan: p.Plan, Override: p.Override > 0,
		Where: strings.TrimSuffix(where, ", "), Reason: p.Message}
}

func sortMalformed(all []Malformed) {
	slices.SortStableFunc(all, func(a, b Malformed) int {
		return cmp.Or(strings.Compare(a.Environment, b.Environment), strings.Compare(a.Flag, b.Flag))
	})
}

// findings adds up what all instances that run found.
func (g *gatherer) findings(rows []models.Instance) ([]Failure, []Unknown) {
	failures := map[[3]string]*Failure{}
	unknown := map[[2]string]*Unknown{}
	for _, row := range rows {
		environment := g.environment(row.Environment)
		if environment == nil || row.EndedAt != nil || g.now.Sub(row.HeardAt.Time) > report.Silent {
			continue
		}
		found := report.ReadFindings(row.Findings)
		if g.App.Flags != nil && row.ID == g.App.Flags.Instance() {
			found = report.FindingsOf(g.App.Flags)
		}
		for _, f := range found.Failures {
			key := [3]string{row.Environment, f.Flag, f.Cause}
			if failures[key] == nil {
				failures[key] = &Failure{Environment: row.Environment, Failure: service.Failure{Flag: f.Flag, Cause: f.Cause}}
			}
			sum := failures[key]
			sum.Reads, sum.Instances = sum.Reads+f.Reads, sum.Instances+1
			if f.Last.After(sum.Last) {
				sum.Last = f.Last
			}
		}
		for _, u := range found.Unknown {
			flag, exists := environment.Flag(u.Key)
			if exists && !flag.Archived {
				continue // made since
			}
			key := [2]string{row.Environment, u.Key}
			if unknown[key] == nil {
				unknown[key] = &Unknown{Environment: row.Environment, Unknown: service.Unknown{Key: u.Key}, Archived: exists}
			}
			sum := unknown[key]
			sum.Reads, sum.Instances = sum.Reads+u.Reads, sum.Instances+1
			if u.Last.After(sum.Last) {
				sum.Last = u.Last
			}
		}
	}
	return sortedFailures(failures), g.sortedUnknown(unknown)
}

func sortedFailures(all map[[3]string]*Failure) []Failure {
	out := make([]Failure, 0, len(all))
	for _, f := range all {
		out = append(out, *f)
	}
	slices.SortFunc(out, func(a, b Failure) int {
		return cmp.Or(cmp.Compare(b.Reads, a.Reads), strings.Compare(a.Flag, b.Flag), strings.Compare(a.Environment, b.Environment), strings.Compare(a.Cause, b.Cause))
	})
	return out[:min(len(out), maxShown)]
}

// sortedUnknown puts those first that are asked for most, and looks for the flags that were meant.
func (g *gatherer) sortedUnknown(all map[[2]string]*Unknown) []Unknown {
	out := make([]Unknown, 0, len(all))
	for _, u := range all {
		out = append(out, *u)
	}
	slices.SortFunc(out, func(a, b Unknown) int {
		return cmp.Or(cmp.Compare(b.Reads, a.Reads), strings.Compare(a.Key, b.Key), strings.Compare(a.Environment, b.Environment))
	})
	out = out[:min(len(out), maxShown)]
	for i := range out {
		if u := &out[i]; !u.Archived {
			u.Near = nearest(u.Key, func(yield func(string) bool) {
				for _, flag := range g.environment(u.Environment).Flags {
					if !flag.Archived && !yield(flag.Key) {
						return
					}
				}
			})
		}
	}
	return out
}
