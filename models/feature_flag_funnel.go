package models

import (
	"context"
	"fmt"
	"slices"
	"time"
)

// Funnel says how far the upgrade prompt of a flag has led. Each step counts those who came to it after the one before.
type Funnel struct {
	Flag                             string
	PeoplePrompted, PeopleVisited    int // people are users, and before sign-in visitors
	TenantsPrompted, TenantsVisited  int // of the people who have one
	TenantsBought, TenantsBoughtElse int // that moved to a plan with the flag: by the upgrade page, and without it
}

// FunnelSpan is how long after a prompt a visit, and a change of plan, count as its doing.
const FunnelSpan = 30 * 24 * time.Hour

// Funnels counts what came of the prompts since then, for those of the flags that had any, in the order of keys. gains
// reports whether somebody who moves from a plan to another gets the flag by it.
func (r reader) Funnels(ctx context.Context, environment string, flags []string, since time.Time, gains func(flag, from, to string) bool) ([]Funnel, error) {
	if len(flags) == 0 {
		return nil, nil
	}
	all, err := r.prompted(ctx, environment, flags, since)
	if err == nil {
		err = r.visited(ctx, environment, flags, since, all)
	}
	if err == nil {
		err = r.bought(ctx, environment, flags, since, all, gains)
	}
	if err != nil {
		return nil, fmt.Errorf("count what came of prompts: %w", err)
	}
	var rows []Funnel
	for _, flag := range flags {
		if f := all[flag]; f != nil {
			rows = append(rows, *f)
		}
	}
	return rows, nil
}

// personOf tells people apart: a visitor's id is no user's.
const personOf = "CASE WHEN user_id <> '' THEN 'user ' || user_id WHEN visitor_id <> '' THEN 'visitor ' || visitor_id END"

func (r reader) prompted(ctx context.Context, environment string, flags []string, since time.Time) (map[string]*Funnel, error) {
	var rows []Funnel
	err := r.with(ctx).Model(&FeatureFlagEvent{}).
		Select("flag, COUNT(DISTINCT "+personOf+") AS people_prompted, COUNT(DISTINCT NULLIF(tenant, '')) AS tenants_prompted").
		Where("environment = ? AND flag IN ? AND kind = 'prompt' AND day >= ? AND at >= ?", environment, flags, Day(since), At(since)).
		Group("flag").Find(&rows).Error
	all := make(map[string]*Funnel, len(rows))
	for _, row := range rows {
		all[row.Flag] = &row
	}
	return all, err
}

// visited counts who came to the upgrade page after a prompt of their own, or of their tenant's: of all that went before a
// visit, the last prompt is the nearest, so it alone is asked about.
func (r reader) visited(ctx context.Context, environment string, flags []string, since time.Time, all map[string]*Funnel) error {
	prompted := func(who string) string {
		return "MAX(CASE WHEN kind = 'prompt' THEN at END) OVER (PARTITION BY flag, " + who + " ORDER BY at) >= " + r.spanBefore("at")
	}
	var rows []Funnel
	err := r.with(ctx).Raw("SELECT flag, COUNT(DISTINCT CASE WHEN by_person THEN person END) AS people_visited, COUNT(DISTINCT CASE WHEN by_tenant THEN tenant END) AS tenants_visited"+
		" FROM (SELECT flag, kind, person, tenant, person IS NOT NULL AND "+prompted("person")+" AS by_person, tenant <> '' AND "+prompted("tenant")+" AS by_tenant"+
		" FROM (SELECT flag, kind, at, tenant, "+personOf+" AS person FROM feature_flag_events"+
		" WHERE environment = ? AND flag IN ? AND kind IN ('prompt', 'upgrade') AND day >= ? AND at >= ?) happened) led WHERE kind = 'upgrade' GROUP BY flag",
		environment, flags, Day(since), At(since)).Scan(&rows).Error
	for _, row := range rows {
		if f := all[row.Flag]; f != nil {
			f.PeopleVisited, f.TenantsVisited = row.PeopleVisited, row.TenantsVisited
		}
	}
	return err
}

// bought counts the tenants that moved to a plan with the flag after a prompt, one tenant after another. What is asked for is
// plain on purpose: of the days' new tables the planner knows nothing, and would join them row by row.
func (r reader) bought(ctx context.Context, environment string, flags []string, since time.Time, all map[string]*Funnel, gains func(flag, from, to string) bool) error {
	// In words for which there is the index of flags: that of tenants leads SQLite through everything that happened to any.
	rows, err := r.with(ctx).Raw("SELECT kind, flag, tenant, name, plan, at FROM feature_flag_events WHERE environment = ? AND flag IN ? AND kind IN ('prompt', 'upgrade', 'plan')"+
		" AND (flag = '') = (kind = 'plan') AND length(tenant) > 0 AND day >= ? AND at >= ? ORDER BY tenant, at", environment, append([]string{""}, flags...), Day(since), At(since)).Rows()
	if err != nil {
		return err
	}
	defer rows.Close()
	one := tenantSteps{}
	for rows.Next() {
		var e FeatureFlagEvent
		if err := rows.Scan(&e.Kind, &e.Flag, &e.Tenant, &e.Name, &e.Plan, &e.At); err != nil {
			return err
		}
		if e.Tenant != one.tenant {
			one.count(all, gains)
			one = tenantSteps{tenant: e.Tenant, prompts: map[string][]time.Time{}, visits: map[string][]time.Time{}}
		}
		switch e.Kind {
		case EventPrompt:
			one.prompts[e.Flag] = append(one.prompts[e.Flag], e.At.Time)
		case EventUpgrade:
			one.visits[e.Flag] = append(one.visits[e.Flag], e.At.Time)
		default:
			one.moves = append(one.moves, e)
		}
	}
	one.count(all, gains)
	return rows.Err()
}

// tenantSteps is what became of one tenant, by flag, the oldest first.
type tenantSteps struct {
	tenant          string
	prompts, visits map[string][]time.Time
	moves           []FeatureFlagEvent
}

// count adds the tenant to those that bought, once for each flag: by the upgrade page, if one of its moves was. The earliest
// prompt within the span leaves the most time for a visit, so it alone is asked about.
func (s *tenantSteps) count(all map[string]*Funnel, gains func(flag, from, to string) bool) {
	for flag, prompts := range s.prompts {
		bought, visited := false, false
		for _, m := range s.moves {
			if visited || !gains(flag, m.Name, m.Plan) {
				continue
			}
			if prompt, ok := firstFrom(prompts, m.At.Add(-FunnelSpan)); ok && !prompt.After(m.At.Time) {
				visit, ok := firstFrom(s.visits[flag], prompt)
				bought, visited = true, ok && !visit.After(m.At.Time)
			}
		}
		switch f := all[flag]; {
		case f == nil || !bought:
		case visited:
			f.TenantsBought++
		default:
			f.TenantsBoughtElse++
		}
	}
}

// firstFrom is the first of the times, which are in order, that is not before another.
func firstFrom(times []time.Time, from time.Time) (time.Time, bool) {
	i, _ := slices.BinarySearchFunc(times, from, time.Time.Compare)
	if i == len(times) {
		return time.Time{}, false
	}
	return times[i], true
}

// spanBefore is the moment a FunnelSpan before that of a column. Days of UTC are alike, so on SQLite, whose times are texts,
// the date alone changes.
func (r reader) spanBefore(column string) string {
	if r.backend.Name() == "postgres" {
		return column + " - interval '720 hours'"
	}
	return "(date(substr(" + column + ", 1, 10), '-30 days') || substr(" + column + ", 11))"
}
