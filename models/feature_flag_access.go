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
	environment, order := "environment", "at DESC, id DESC"
	if one := f.User != "" || f.Visitor != ""; r.backend.Name() == "sqlite" && (one || f.Tenant != "") {
		// The few entries of somebody are sorted: SQLite would look through all that are in order already. What has a plus
		// before it, it looks for in no index.
		order = "+at DESC, +id DESC"
		if one {
			environment = "+environment"
		}
	}
	query := f.where(r.with(ctx).Omit("day"), environment)
	if err := query.Order(order).Limit(limit).Find(&rows).Error; err != nil {
		return nil, fmt.Errorf("read what gates did: %w", err)
	}
	return rows, nil
}

func (f AccessFilter) where(query *gorm.DB, environment string) *gorm.DB {
	// In the words of the index, which SQLite would not use otherwise.
	query = query.Where(environment+" = ? AND kind IN ('granted', 'denied')", f.Environment)
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
