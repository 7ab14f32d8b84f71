package review

import (
	"context"
	"time"

	"github.com/toprent/flags/internal/catalog"
	"github.com/toprent/flags/internal/lifecycle"
	"github.com/toprent/flags/models"
)

// standingKey is one version of a flag's settings being off, or on, for everybody.
type standingKey struct {
	environment, feature string
	version              int64
	rollout              catalog.Rollout
}

// maxStandings bounds what is remembered.
const maxStandings = 100_000

// whereabouts are where a flag is.
type whereabouts struct {
	in       []lifecycle.Served // where it is not archived
	archived bool               // somewhere
}

// served tells of every flag where it is served, how far it is out there and since when, and when it was read.
func (r *Reviews) served(ctx context.Context, flags *catalog.Flags, seen []*catalog.Environment, now time.Time) (in map[string]*whereabouts, visible map[string]bool, err error) {
	in, visible = make(map[string]*whereabouts, len(flags.ByKey)), map[string]bool{}
	for key := range flags.ByKey {
		in[key] = &whereabouts{}
	}
	for _, environment := range seen {
		reads, err := r.store.LastReads(ctx, environment.Name)
		if err != nil {
			return nil, nil, err
		}
		since, err := r.standing(ctx, flags, environment, now)
		if err != nil {
			return nil, nil, err
		}
		for _, flag := range environment.Flags {
			there := in[flag.Key]
			if there == nil {
				continue // made since the flags were read
			}
			if flag.Archived {
				there.archived = true
				continue
			}
			visible[flag.Key] = visible[flag.Key] || flag.ClientVisible
			there.in = append(there.in, lifecycle.Served{Environment: environment.Name, Title: environment.Title, Protected: environment.Protected,
				Standing: lifecycle.Standing{Rollout: flag.Rollout(now), Since: since[flag.Key]}, LastRead: reads[flag.Key]})
		}
	}
	return in, visible, nil
}

// standing finds out since when flags have been off, or on, for everybody, by key. What is known already is not read.
func (r *Reviews) standing(ctx context.Context, flags *catalog.Flags, environment *catalog.Environment, now time.Time) (map[string]time.Time, error) {
	since, wanted := map[string]time.Time{}, map[string]standingKey{}
	var ids []string
	r.mu.Lock()
	for _, flag := range environment.Flags {
		standing := lifecycle.Standing{Rollout: flag.Rollout(now)}
		if !standing.Off() && !standing.Everyone() {
			continue
		}
		about := flags.ByKey[flag.Key]
		key := standingKey{environment.Name, about.ID, flag.Version, standing.Rollout}
		if at, known := r.standings[key]; known {
			since[flag.Key] = at
			continue
		}
		wanted[about.ID] = key
		ids = append(ids, about.ID)
	}
	r.mu.Unlock()
	if len(ids) == 0 {
		return since, nil
	}
	rows, err := r.store.FlagSpans(ctx, environment.Name, ids)
	if err != nil {
		return nil, err
	}
	keys := make(map[string]string, len(flags.ByKey))
	for key, flag := range flags.ByKey {
		keys[flag.ID] = key
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.standings) > maxStandings {
		clear(r.standings)
	}
	for len(rows) > 0 {
		n := 1
		for n < len(rows) && rows[n].FeatureID == rows[0].FeatureID {
			n++
		}
		id := rows[0].FeatureID
		at := lifecycle.StandingOf(spansOf(rows[:n], flags.ByKey[keys[id]]), now).Since
		since[keys[id]], r.standings[wanted[id]] = at, at
		rows = rows[n:]
	}
	return since, nil
}

func spansOf(rows []models.FlagSpan, flag models.FeatureFlag) []lifecycle.Span {
	spans := make([]lifecycle.Span, len(rows))
	for i, row := range rows {
		spans[i] = lifecycle.Span{From: row.PublishedAt.Time, Flag: row.Flag(flag)}
	}
	return spans
}
