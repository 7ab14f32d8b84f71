package models

import (
	"context"
	"fmt"
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
		err = r.bought(ctx, environment, since, all, gains)
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

// visited counts who came to the upgrade page after a prompt of their own, or of their tenant's.
func (r reader) visited(ctx context.Context, environment string, flags []string, since time.Time, all map[string]*Funnel) error {
	prompt := "EXISTS (SELECT 1 FROM feature_flag_events p WHERE p.environment = u.environment AND p.flag = u.flag AND p.kind = 'prompt'" +
		" AND p.day >= ? AND p.at >= ? AND p.at >= " + r.spanBefore("u.at") + " AND p.at <= u.at AND "
	person := "CASE WHEN user_id <> '' THEN " + prompt + "p.user_id = u.user_id AND p.user_id <> '')" +
		" WHEN visitor_id <> '' THEN " + prompt + "p.visitor_id = u.visitor_id AND p.visitor_id <> '' AND p.user_id = '') ELSE false END"
	tenant := "tenant <> '' AND " + prompt + "p.tenant = u.tenant AND p.tenant <> '')"
	var rows []Funnel
	day, at := Day(since), At(since)
	err := r.with(ctx).Raw("SELECT flag, COUNT(DISTINCT CASE WHEN "+person+" THEN "+personOf+" END) AS people_visited,"+
		" COUNT(DISTINCT CASE WHEN "+tenant+" THEN tenant END) AS tenants_visited FROM feature_flag_events u"+
		" WHERE environment = ? AND flag IN ? AND kind = 'upgrade' AND day >= ? AND at >= ? GROUP BY flag",
		day, at, day, at, day, at, environment, flags, day, at).Scan(&rows).Error
	for _, row := range rows {
		if f := all[row.Flag]; f != nil {
			f.PeopleVisited, f.TenantsVisited = row.PeopleVisited, row.TenantsVisited
		}
	}
	return err
}

// move is a change of plan after a prompt.
type move struct {
	Flag, Tenant, Name, Plan string
	Visited                  bool // the upgrade page, in between
}

// bought counts the tenants that moved to a plan with the flag after a prompt. The earliest prompt within the span leaves the
// most time for a visit, so it alone is asked about.
func (r reader) bought(ctx context.Context, environment string, since time.Time, all map[string]*Funnel, gains func(flag, from, to string) bool) error {
	day, at := Day(since), At(since)
	var moves []move
	err := r.with(ctx).Raw("SELECT flag, tenant, name, plan, EXISTS (SELECT 1 FROM feature_flag_events u WHERE u.environment = ? AND u.tenant = q.tenant"+
		" AND u.tenant <> '' AND u.kind = 'upgrade' AND u.flag = q.flag AND u.day >= ? AND u.at >= q.first AND u.at <= q.moved) AS visited FROM"+
		" (SELECT p.flag, c.tenant, c.name, c.plan, c.at AS moved, MIN(p.at) AS first FROM feature_flag_events c"+
		" JOIN feature_flag_events p ON p.environment = c.environment AND p.tenant = c.tenant AND p.tenant <> '' AND p.kind = 'prompt'"+
		" AND p.day >= ? AND p.at >= ? AND p.at >= "+r.spanBefore("c.at")+" AND p.at <= c.at"+
		" WHERE c.environment = ? AND c.flag = '' AND c.kind = 'plan' AND c.day >= ? AND c.at >= ?"+
		" GROUP BY p.flag, c.tenant, c.name, c.plan, c.at, c.id) q",
		environment, day, day, at, environment, day, at).Scan(&moves).Error
	by := map[[2]string]bool{} // whether it was by the upgrade page, by flag and tenant
	for _, m := range moves {
		if all[m.Flag] != nil && gains(m.Flag, m.Name, m.Plan) {
			key := [2]string{m.Flag, m.Tenant}
			by[key] = by[key] || m.Visited
		}
	}
	for key, visited := range by {
		if f := all[key[0]]; visited {
			f.TenantsBought++
		} else {
			f.TenantsBoughtElse++
		}
	}
	return err
}

// spanBefore is the moment a FunnelSpan before that of a column. Days of UTC are alike, so on SQLite, whose times are texts,
// the date alone changes.
func (r reader) spanBefore(column string) string {
	if r.backend.Name() == "postgres" {
		return column + " - interval '720 hours'"
	}
	return "(date(substr(" + column + ", 1, 10), '-30 days') || substr(" + column + ", 11))"
}
