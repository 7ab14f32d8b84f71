package models

import (
	"context"
	"fmt"
	"time"

	"gorm.io/gorm"
)

// AccessFilter says which of what gates did is wanted. What is empty restricts nothing.
type AccessFilter struct {
	Environment string
	Flag        string
	User        string
	Visitor     string
	Tenant      string
	Outcome     EventKind  // EventGranted or EventDenied
	Since       *time.Time // of the time that it happened
	Until       *time.Time // exclusive
	Premium     []string   // flags that need a plan; nil: those that need none are wanted too
	Before      *AccessMark
}

// AccessMark is a place in the list: what comes after it is older.
type AccessMark struct {
	At Time
	ID string
}

// Accesses gives what gates did, newest first, at most limit of it. Pages are found by time, so that the last costs what the
// first does.
func (r reader) Accesses(ctx context.Context, f AccessFilter, limit int) (rows []FeatureFlagEvent, err error) {
	if late := f.late(); r.backend.Name() == "postgres" && late.Since != f.Since {
		if rows, err = r.accesses(ctx, late, limit); err != nil || len(rows) == limit {
			return rows, err
		}
	}
	return r.accesses(ctx, f, limit)
}

// late asks for the newest week alone of what the filter asks for, if that is longer. Mostly it holds enough, and on
// PostgreSQL it lies in few of the days' tables, of which each that a query may ask costs time.
func (f AccessFilter) late() AccessFilter {
	end := time.Now()
	if f.Until != nil && f.Until.Before(end) {
		end = *f.Until
	}
	if f.Before != nil && f.Before.At.Before(end) {
		end = f.Before.At.Time
	}
	if begin := end.AddDate(0, 0, -7); f.Since == nil || f.Since.Before(begin) {
		f.Since = &begin
	}
	return f
}

func (r reader) accesses(ctx context.Context, f AccessFilter, limit int) (rows []FeatureFlagEvent, err error) {
	// The kinds are in the words of the index, which SQLite would not use otherwise.
	environment, kinds, order := "environment", "'granted', 'denied'", "at DESC, id DESC"
	if one := f.User != "" || f.Visitor != ""; one || f.Tenant != "" {
		// The few entries of somebody are sorted: the database would look through all that are in order already. What has a
		// plus before it, SQLite looks for in no index, nor PostgreSQL for an expression. A kind that there is not keeps
		// PostgreSQL, too, from the index of all that gates did.
		plain := "+environment"
		order = "+at DESC, +id DESC"
		if r.backend.Name() == "postgres" {
			plain, kinds, order = "environment || ''", kinds+", ''", "at + interval '0' DESC, id DESC"
		}
		if one {
			environment = plain
		}
	}
	query := f.where(r.with(ctx).Omit("day").Where(environment+" = ? AND kind IN ("+kinds+")", f.Environment))
	if err := query.Order(order).Limit(limit).Find(&rows).Error; err != nil {
		return nil, fmt.Errorf("read what gates did: %w", err)
	}
	return rows, nil
}

func (f AccessFilter) where(query *gorm.DB) *gorm.DB {
	if f.Outcome != "" {
		query = query.Where("kind = ?", f.Outcome)
	}
	if f.Flag != "" {
		query = query.Where("flag = ?", f.Flag)
	}
	if f.User != "" {
		query = query.Where("user_id = ? AND user_id <> ''", f.User)
	}
	if f.Visitor != "" {
		query = query.Where("visitor_id = ? AND visitor_id <> ''", f.Visitor)
	}
	if f.Tenant != "" {
		query = query.Where("tenant = ? AND tenant <> ''", f.Tenant)
	}
	if f.Since != nil {
		query = query.Where("day >= ? AND at >= ?", Day(*f.Since), At(*f.Since))
	}
	if f.Until != nil {
		query = query.Where("day <= ? AND at < ?", Day(*f.Until), At(*f.Until))
	}
	if f.Before != nil {
		query = query.Where("(at, id) < (?, ?) AND day <= ?", f.Before.At, f.Before.ID, Day(f.Before.At.Time))
	}
	if f.Premium != nil { // what a plan decided is premium, even if the flag needs none any more
		query = query.Where("(kind = 'granted' OR reason IN ('PLAN_EXCLUDED', 'PLAN_UNKNOWN') OR flag IN ?)", append([]string{""}, f.Premium...))
	}
	return query
}
