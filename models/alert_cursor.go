package models

import (
	"context"
	"errors"
	"fmt"

	"github.com/google/uuid"
	"gorm.io/gorm"
	"gorm.io/gorm/clause"
)

// AlertCursor is up to which revision of an environment the watches have been looked through.
type AlertCursor struct {
	Environment string `gorm:"primaryKey"`
	Number      int64
}

func (AlertCursor) TableName() string { return "alert_cursors" }

// AlertsBehind names the environments that have revisions which no cursor has passed.
func (r reader) AlertsBehind(ctx context.Context) ([]string, error) {
	var names []string
	err := r.with(ctx).Table("environments").Joins("LEFT JOIN alert_cursors ON alert_cursors.environment = environments.name").
		Where("alert_cursors.number IS NULL OR alert_cursors.number <> environments.head").
		Order("environments.position").Pluck("environments.name", &names).Error
	if err != nil {
		return nil, fmt.Errorf("look for revisions to tell of: %w", err)
	}
	return names, nil
}

// alertStep is how many revisions one transaction passes.
const alertStep = 100

// FollowForAlerts makes the deliveries for the next revisions of an environment, and moves its cursor, all in one
// transaction. It reports how many deliveries it made, and whether there are more revisions.
//
// The head is read before the watches: a revision that is seen here was published before, so that a watch that was there
// before the revision is seen too.
func (s *Store) FollowForAlerts(ctx context.Context, environment string) (made int64, more bool, err error) {
	err = s.Write(ctx, func(tx *Tx) error {
		made, more = 0, false
		cursor, err := tx.lockAlertCursor(ctx, environment)
		if err != nil {
			return err
		}
		present, err := tx.Environment(ctx, environment)
		if err != nil {
			return err
		}
		watches, err := tx.watchesOf(ctx, environment)
		if err != nil {
			return err
		}
		from, err := tx.alertsFrom(ctx, cursor, present, watches)
		if err != nil {
			return err
		}
		next := min(present.Head, from+alertStep)
		if made, err = tx.addDeliveries(ctx, environment, from, next, watches); err != nil {
			return err
		}
		more = next < present.Head
		return tx.with(ctx).Model(&AlertCursor{}).Where("environment = ?", environment).Update("number", next).Error
	})
	if err != nil {
		return 0, false, fmt.Errorf("make the alerts of %q: %w", environment, err)
	}
	return made, more, nil
}

// unset is a cursor that has just been made.
const unset = -1

func (tx *Tx) lockAlertCursor(ctx context.Context, environment string) (int64, error) {
	var row AlertCursor
	read := func() error {
		return tx.with(ctx).Clauses(clause.Locking{Strength: "UPDATE"}).Where("environment = ?", environment).Take(&row).Error
	}
	err := read()
	if !errors.Is(err, gorm.ErrRecordNotFound) {
		return row.Number, err
	}
	done := tx.with(ctx).Clauses(clause.OnConflict{DoNothing: true}).Create(&AlertCursor{Environment: environment})
	if done.Error != nil {
		return 0, done.Error
	}
	if done.RowsAffected == 1 {
		return unset, nil
	}
	err = read() // another instance was quicker
	return row.Number, err
}

// watchesOf are the watches that concern an environment.
func (tx *Tx) watchesOf(ctx context.Context, environment string) (out []AlertWatch, err error) {
	all, err := tx.AlertWatches(ctx)
	for _, w := range all {
		if w.Events != AlertReviews && (w.Environment == nil || *w.Environment == environment) {
			out = append(out, w)
		}
	}
	return out, err
}

// alertsFrom is the revision after which there is something to look at: nothing that is older than all watches.
func (tx *Tx) alertsFrom(ctx context.Context, cursor int64, present Environment, watches []AlertWatch) (int64, error) {
	if len(watches) == 0 || cursor > present.Head {
		return present.Head, nil
	}
	if cursor != unset {
		return cursor, nil
	}
	var newest int64
	err := tx.with(ctx).Model(&Revision{}).Where("environment = ? AND published_at <= ?", present.Name, watches[0].CreatedAt).
		Select("coalesce(max(number), 0)").Scan(&newest).Error
	return newest, err
}

func (tx *Tx) addDeliveries(ctx context.Context, environment string, from, to int64, watches []AlertWatch) (int64, error) {
	if from >= to || len(watches) == 0 {
		return 0, nil
	}
	var revisions []Revision
	if err := tx.with(ctx).Where("environment = ? AND number > ? AND number <= ?", environment, from, to).Order("number").Find(&revisions).Error; err != nil {
		return 0, err
	}
	now, err := tx.Now(ctx)
	if err != nil {
		return 0, err
	}
	var rows []AlertDelivery
	for _, revision := range revisions {
		touched, err := tx.flagsTouched(ctx, revision)
		if err != nil {
			return 0, err
		}
		for _, w := range watches {
			if w.hears(revision, touched) {
				rows = append(rows, AlertDelivery{ID: uuid.NewString(), Environment: environment, Revision: revision.Number, WatchID: w.ID,
					ChannelID: w.ChannelID, Urgent: revision.urgent(), Status: AlertWaiting, NextAt: At(now), CreatedAt: At(now)})
			}
		}
	}
	if len(rows) == 0 {
		return 0, nil
	}
	done := tx.with(ctx).Clauses(clause.OnConflict{DoNothing: true}).CreateInBatches(&rows, batch)
	return done.RowsAffected, done.Error
}

// urgent reports whether people have to know of the revision at once: it kills or lifts, closes the site or opens it
// again, or steps a migration back.
func (r Revision) urgent() bool {
	switch r.Kind {
	case "kill", "lift", "maintenance", "maintenance-end", "step-back":
		return true
	}
	return false
}

// hears reports whether the watch is about the revision, which is never older than the watch.
func (w AlertWatch) hears(r Revision, touched map[string]bool) bool {
	return r.PublishedAt.After(w.CreatedAt.Time) &&
		(w.Events == AlertAll || w.Events == AlertKills && r.urgent()) &&
		(w.FeatureID == nil || touched[*w.FeatureID])
}

// flagsTouched are the ids of the flags whose settings or overrides a revision changed.
func (tx *Tx) flagsTouched(ctx context.Context, r Revision) (map[string]bool, error) {
	touched := map[string]bool{}
	for _, table := range []any{&FeatureFlagEnvironment{}, &FeatureFlagOverride{}} {
		var ids []string
		err := changedBy(tx.with(ctx).Model(table), r.Environment, r.Number).Distinct().Pluck("feature_id", &ids).Error
		if err != nil {
			return nil, err
		}
		for _, id := range ids {
			touched[id] = true
		}
	}
	return touched, nil
}

// changedBy restricts a query to the rows that came into force or ended with a revision.
func changedBy(db *gorm.DB, environment string, n int64) *gorm.DB {
	return db.Where("environment = ? AND (from_revision = ? OR to_revision = ?)", environment, n, n)
}

// RowsChangedBy returns the rows that came into force or ended with a revision.
func (r reader) RowsChangedBy(ctx context.Context, environment string, n int64) (rows Rows, err error) {
	for _, into := range []any{&rows.Flags, &rows.Overrides, &rows.Segments, &rows.Plans} {
		if err := changedBy(r.with(ctx), environment, n).Find(into).Error; err != nil {
			return Rows{}, fmt.Errorf("read what revision %d of %q changed: %w", n, environment, err)
		}
	}
	return rows, nil
}
