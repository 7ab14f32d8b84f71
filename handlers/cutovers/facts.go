package cutovers

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/toprent/flags/cutover/readiness"
	"github.com/toprent/flags/handlers/internal/shell"
	"github.com/toprent/flags/internal/catalog"
	"github.com/toprent/flags/models"
	"github.com/toprent/flags/ruleset"
)

// told is all that is stored about the moving of an environment's entities, by flag.
type told struct {
	progress  map[string]models.CutoverProgress
	limits    map[string]models.CutoverLimits
	instances map[string][]models.CutoverInstance
	agreed    map[string]models.CutoverAgreement
	since     map[string]time.Time // since when the flag serves the stages that it serves
}

// remembered is for how long what instances told that are not heard of any more stands on the board.
const remembered = 7 * 24 * time.Hour

// tell reads it of all entities, with one query for each table, and without the details that the page of one shows.
func tell(ctx context.Context, store *models.Store, in *catalog.Environment, flags []models.FeatureFlag, now time.Time) (told, error) {
	rows, err := store.CutoverInstances(ctx, in.Name, time.Time{})
	if err != nil {
		return told{}, err
	}
	return withRows(ctx, store, in, flags, rows, now)
}

// tellOf reads it of one entity, with the details.
func tellOf(ctx context.Context, store *models.Store, in *catalog.Environment, flag models.FeatureFlag, now time.Time) (told, error) {
	rows, err := store.CutoverInstancesOf(ctx, in.Name, flag.Name, time.Time{})
	if err != nil {
		return told{}, err
	}
	return withRows(ctx, store, in, []models.FeatureFlag{flag}, rows, now)
}

func withRows(ctx context.Context, store *models.Store, in *catalog.Environment, flags []models.FeatureFlag, rows []models.CutoverInstance, now time.Time) (t told, err error) {
	if t.progress, err = store.CutoverProgressOf(ctx, in.Name); err != nil {
		return t, err
	}
	if t.limits, err = store.CutoverLimitsOf(ctx, in.Name); err != nil {
		return t, err
	}
	t.instances = map[string][]models.CutoverInstance{}
	for _, row := range rows {
		if row.Runs() || now.Sub(row.HeardAt.Time) < remembered {
			t.instances[row.Flag] = append(t.instances[row.Flag], row)
		}
	}
	if t.agreed, err = store.CutoverAgreed(ctx, in.Name, t.limitsOf(in.Name, flags), now); err != nil {
		return t, err
	}
	t.since, err = sinceWhen(ctx, store, in.Name, flags)
	return t, err
}

// limitsOf are the limits of each flag.
func (t told) limitsOf(environment string, flags []models.FeatureFlag) []models.CutoverLimits {
	all := make([]models.CutoverLimits, len(flags))
	for i, flag := range flags {
		var ok bool
		if all[i], ok = t.limits[flag.Name]; !ok {
			all[i] = models.DefaultCutoverLimits(environment, flag.Name)
		}
	}
	return all
}

// sinceWhen tells of each flag since when it can serve the stages that it serves now.
func sinceWhen(ctx context.Context, store *models.Store, environment string, flags []models.FeatureFlag) (map[string]time.Time, error) {
	ids, byID := make([]string, len(flags)), make(map[string]models.FeatureFlag, len(flags))
	for i, flag := range flags {
		ids[i], byID[flag.ID] = flag.ID, flag
	}
	spans, err := store.FlagSpans(ctx, environment, ids)
	if err != nil {
		return nil, err
	}
	since, present, over := map[string]time.Time{}, map[string]ruleset.StageSet{}, map[string]bool{}
	for _, span := range spans {
		flag := span.Flag(byID[span.FeatureID])
		served := written(flag)
		if _, known := present[flag.Key]; !known {
			present[flag.Key] = served
		}
		if over[flag.Key] = over[flag.Key] || served != present[flag.Key]; !over[flag.Key] {
			since[flag.Key] = span.PublishedAt.Time
		}
	}
	return since, nil
}

// written are the stages that stand in a flag's settings, its kill counted.
func written(flag ruleset.Flag) (set ruleset.StageSet) {
	add := func(variant string) {
		stage, ok := stageOf(variant)
		if !ok {
			return
		}
		if flag.Killed || !flag.Enabled {
			stage = stage.Capped()
		}
		set |= ruleset.StagesOf(stage)
	}
	add(cmp.Or(flag.Otherwise, "off"))
	for _, rule := range flag.Rules {
		if rule.Percent != nil {
			add(rule.Percent.Serve)
		} else {
			add(rule.Serve)
		}
	}
	return set
}

// Standing is an entity in one environment.
type Standing struct {
	About    models.FeatureFlag
	Flag     *catalog.Flag
	Stages   ruleset.FlagStages
	Since    time.Time // zero: not known
	Changed  int64     // the revision in which its stages last changed
	Progress *models.CutoverProgress
	Limits   models.CutoverLimits
	Rows     []models.CutoverInstance
	Told     readiness.Totals
	Agreed   models.CutoverAgreement // over the time that the limits name
	Verdict  readiness.Verdict
	Tally    Tally
}

// standingOf puts together what is known of an entity.
func (t told) standingOf(in *catalog.Environment, about models.FeatureFlag, flag *catalog.Flag, now time.Time) *Standing {
	s := &Standing{About: about, Flag: flag, Since: t.since[flag.Key], Rows: t.instances[flag.Key], Changed: changedIn(in, flag)}
	s.Stages, _ = in.Migrations().Stages(flag.Key)
	if progress, ok := t.progress[flag.Key]; ok {
		s.Progress = &progress
	}
	var ok bool
	if s.Limits, ok = t.limits[flag.Key]; !ok {
		s.Limits = models.DefaultCutoverLimits(in.Name, flag.Key)
	}
	s.Told, s.Agreed = readiness.Sum(s.Rows, now), t.agreed[flag.Key]
	facts := readiness.Facts{Stages: s.Stages.Reachable, Since: s.Since, Limits: s.Limits, Told: s.Told, Agreed: s.Agreed, Waiting: readiness.Waiting(s.Rows, s.Changed)}
	if s.Progress != nil {
		facts.Progress = *s.Progress
	}
	if s.Verdict = (readiness.Verdict{End: true}); s.Stages.Staged { // else the host knows
		s.Verdict = readiness.Of(facts, now)
	}
	return s
}

// changedIn is the newest revision that changed the flag, an override of it or a segment that it uses.
func changedIn(in *catalog.Environment, flag *catalog.Flag) int64 {
	changed := flag.Version
	for _, override := range flag.Overrides {
		changed = max(changed, override.Version)
	}
	for _, key := range segmentsOf(flag.Flag) {
		if segment, ok := in.Segment(key); ok {
			changed = max(changed, segment.Version)
		}
	}
	return changed
}

// segmentsOf are the segments that a flag's rules name.
func segmentsOf(flag ruleset.Flag) (keys []string) {
	var walk func(c ruleset.Condition)
	walk = func(c ruleset.Condition) {
		if c.Segment != "" {
			keys = append(keys, c.Segment)
		}
		for _, inner := range slices.Concat(c.All, c.Any) {
			walk(inner)
		}
		if c.Not != nil {
			walk(*c.Not)
		}
	}
	for _, rule := range flag.Rules {
		if rule.When != nil {
			walk(*rule.When)
		}
	}
	return keys
}

// entities are the migration flags of an environment that are not archived there, in the order of their keys.
func entities(ctx context.Context, c *shell.Context, in *catalog.Environment) (flags []*catalog.Flag, about []models.FeatureFlag, err error) {
	all, err := c.App.Catalog.Flags(ctx)
	if err != nil {
		return nil, nil, err
	}
	for _, flag := range in.Flags {
		if flag.Kind == ruleset.Migration && !flag.Archived {
			flags, about = append(flags, flag), append(about, all.ByKey[flag.Key])
		}
	}
	return flags, about, nil
}
