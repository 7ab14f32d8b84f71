package adoption

import (
	"context"
	"slices"
	"time"

	"github.com/toprent/flags/directory"
	"github.com/toprent/flags/internal/catalog"
	"github.com/toprent/flags/models"
	"github.com/toprent/flags/ruleset"
)

const (
	together = 16  // flags that are decided in one go through everybody
	block    = 128 // subjects that are decided between two looks at the clock
)

// survey counts, for each flag of an environment, who has it on. It takes a third of a core at most.
type survey struct {
	environment *catalog.Environment
	seen        *directory.Snapshot
	now         time.Time
	at          models.FeatureFlagAdoption // what all its rows have in common

	plans   []string // the environment's; plan 0 is those of all plans
	numbers map[string]int
	pace    *pace
}

func newSurvey(environment *catalog.Environment, seen *directory.Snapshot, now time.Time) *survey {
	s := &survey{environment: environment, seen: seen, now: now, plans: []string{""}, numbers: map[string]int{}, pace: newPace(),
		at: models.FeatureFlagAdoption{Environment: environment.Name, Day: models.Day(now), CountedAt: models.At(now)}}
	for _, plan := range environment.Plans {
		s.numbers[plan.Key] = len(s.plans)
		s.plans = append(s.plans, plan.Key)
	}
	return s
}

// all counts all flags but archived ones, and has the rows stored, those of some flags at a time.
func (s *survey) all(ctx context.Context, store func(context.Context, []models.FeatureFlagAdoption) error) error {
	present := slices.DeleteFunc(slices.Clone(s.environment.Flags), func(f *catalog.Flag) bool { return f.Archived })
	for flags := range slices.Chunk(present, together) {
		var rows []models.FeatureFlagAdoption
		for kind, all := range map[string][]*directory.Seen{models.SeenUser: s.seen.People, models.SeenTenant: s.seen.Tenants} {
			tallies, err := s.count(ctx, flags, all)
			if err != nil {
				return err
			}
			for i, flag := range flags {
				rows = append(rows, s.rows(flag.Key, kind, tallies[i])...)
			}
		}
		if err := store(ctx, rows); err != nil {
			return err
		}
	}
	return nil
}

// count gives, for each of the flags, the tally of each plan.
func (s *survey) count(ctx context.Context, flags []*catalog.Flag, all []*directory.Seen) ([][]Tally, error) {
	tallies, deciders := make([][]Tally, len(flags)), make([]*ruleset.Decider, len(flags))
	var attributes []string // that they read
	for i, flag := range flags {
		tallies[i], deciders[i] = make([]Tally, len(s.plans)), s.environment.Revision().Decider(flag.Key)
		attributes = append(attributes, deciders[i].Attributes()...)
	}
	slices.Sort(attributes)
	attributes = slices.Compact(attributes)
	var subject ruleset.Subject
	for subjects := range slices.Chunk(all, block) {
		for _, one := range subjects {
			one.Fill(&subject, attributes)
			plan := s.numbers[one.Plan] // 0: none of the environment's
			for i, flag := range flags {
				on := On(&flag.Flag, deciders[i].Decide(&subject, s.now))
				tallies[i][0].add(on)
				if plan > 0 {
					tallies[i][plan].add(on)
				}
			}
		}
		if err := s.pace.rest(ctx); err != nil {
			return nil, err
		}
	}
	return tallies, nil
}

// rows are a flag's, of plans that nobody has excepted.
func (s *survey) rows(flag, kind string, tallies []Tally) (rows []models.FeatureFlagAdoption) {
	for plan, tally := range tallies {
		if plan > 0 && tally.Known == 0 {
			continue
		}
		row := s.at
		row.Flag, row.Kind, row.Plan, row.Has, row.Known = flag, kind, s.plans[plan], tally.Has, tally.Known
		rows = append(rows, row)
	}
	return rows
}

// pace keeps work from taking a core for long: it rests twice as long as it has worked.
type pace struct{ since time.Time }

const stint = 10 * time.Millisecond // of work, before a rest

func newPace() *pace { return &pace{time.Now()} }

// rest waits if it has been worked for long enough.
func (p *pace) rest(ctx context.Context) error {
	worked := time.Since(p.since)
	if worked < stint {
		return ctx.Err()
	}
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(min(2*worked, time.Second)):
	}
	p.since = time.Now()
	return nil
}
