package models

import (
	"context"
	"fmt"

	"gorm.io/gorm/clause"
)

// EventKind is what happened.
type EventKind string

const (
	EventExposure EventKind = "exposure" // somebody was shown a value, for the first time on a day
	EventCheck    EventKind = "check"    // a value was asked for, where every check of a flag is recorded
	EventGranted  EventKind = "granted"  // a gate let somebody through
	EventDenied   EventKind = "denied"   // a gate did not
	EventPrompt   EventKind = "prompt"   // an upgrade was offered, which would turn the flag on
	EventUpgrade  EventKind = "upgrade"  // somebody came to the upgrade page, for the flag's sake
	EventPlan     EventKind = "plan"     // a tenant has another plan: Name is the one before, Plan the one now
	EventMetric   EventKind = "metric"   // what the host measures: Name and Value
)

// FeatureFlagEvent is something that happened to somebody.
type FeatureFlagEvent struct {
	Day         string `gorm:"primaryKey"` // of At, in UTC: 2006-01-02
	ID          string `gorm:"primaryKey"` // a UUID
	At          Time
	Kind        EventKind
	Environment string
	Flag        string // key; empty for what concerns none
	Variant     string
	Revision    int64
	Reason      string
	Place       string // where: a route, browser, job, api
	UserID      string
	VisitorID   string
	Tenant      string
	Plan        string
	Name        string
	Value       *float64
	Share       int64 // of people whose events of this kind are kept, in hundred-thousandths
}

func (FeatureFlagEvent) TableName() string { return "feature_flag_events" }

// recordEvents stores events, but those that are stored already, and gives how many it stored.
func (tx *Tx) recordEvents(ctx context.Context, rows []FeatureFlagEvent) (stored int64, err error) {
	for start := 0; start < len(rows); start += batch {
		done := tx.with(ctx).Clauses(clause.OnConflict{DoNothing: true}).Create(rows[start:min(start+batch, len(rows))])
		if done.Error != nil {
			return stored, fmt.Errorf("store events: %w", done.Error)
		}
		stored += done.RowsAffected
	}
	return stored, nil
}
