package models

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	"gorm.io/gorm"
	"gorm.io/gorm/clause"
)

// AlertDelivery is one alert for one watch: that a revision was published, or that something happened to a change
// request.
type AlertDelivery struct {
	ID           string `gorm:"primaryKey"` // a UUID; receivers know the alert by it
	Environment  string
	Revision     int64 `gorm:"default:null"` // 0: it tells of a request
	RequestEvent int64 `gorm:"default:null"` // 0: it tells of a revision
	WatchID      string
	ChannelID    string
	Urgent       bool // of an urgent revision, such as a kill
	Status       string
	Attempts     int64
	NextAt       Time   // when it is tried next, or was to be
	ClaimedUntil *Time  // an instance is sending it; nil: none is
	Answer       string // what came of the last attempt, in plain words
	CreatedAt    Time
	EndedAt      *Time
}

func (AlertDelivery) TableName() string { return "alert_deliveries" }

// What became of a delivery.
const (
	AlertWaiting = "waiting"
	AlertSent    = "sent"
	AlertFailed  = "failed"
)

// dueAlerts are those that may be sent now.
func dueAlerts(db *gorm.DB, urgent bool, now Time) *gorm.DB {
	return db.Where("status = ? AND urgent = ? AND next_at <= ? AND (claimed_until IS NULL OR claimed_until <= ?)", AlertWaiting, urgent, now, now)
}

// ClaimAlerts takes up to limit deliveries that are due, and counts an attempt for each. Nobody else takes them for that
// long; after it they are due again, since whoever had them seems to have ended.
func (s *Store) ClaimAlerts(ctx context.Context, urgent bool, limit int, lease time.Duration) (rows []AlertDelivery, err error) {
	if due, err := s.alertsDue(ctx, urgent); err != nil || !due {
		return nil, err // most of the time there is nothing, and no need to write
	}
	err = s.Write(ctx, func(tx *Tx) error {
		rows = nil
		now, err := tx.Now(ctx)
		if err != nil {
			return err
		}
		err = dueAlerts(tx.with(ctx), urgent, At(now)).Clauses(clause.Locking{Strength: "UPDATE", Options: "SKIP LOCKED"}).
			Order("next_at, id").Limit(limit).Find(&rows).Error
		if err != nil || len(rows) == 0 {
			return err
		}
		ids := make([]string, len(rows))
		for i := range rows {
			rows[i].Attempts++
			ids[i] = rows[i].ID
		}
		return tx.with(ctx).Model(&AlertDelivery{}).Where("id IN ?", ids).
			Updates(map[string]any{"attempts": gorm.Expr("attempts + 1"), "claimed_until": At(now.Add(lease))}).Error
	})
	if err != nil {
		return nil, fmt.Errorf("take alerts to send: %w", err)
	}
	return rows, nil
}

func (s *Store) alertsDue(ctx context.Context, urgent bool) (bool, error) {
	now, err := s.Now(ctx)
	if err != nil {
		return false, err
	}
	var ids []string
	if err := dueAlerts(s.with(ctx).Model(&AlertDelivery{}), urgent, At(now)).Limit(1).Pluck("id", &ids).Error; err != nil {
		return false, fmt.Errorf("look for alerts to send: %w", err)
	}
	return len(ids) > 0, nil
}

// EndAlert says that an attempt was the last: status is AlertSent or AlertFailed. An attempt that was overtaken, because
// its claim ran out, changes nothing.
func (s *Store) EndAlert(ctx context.Context, d AlertDelivery, status, answer string) error {
	return s.finishAlert(ctx, d, func(now time.Time) map[string]any {
		return map[string]any{"status": status, "answer": answer, "ended_at": At(now), "claimed_until": nil}
	})
}

// PostponeAlert says that an attempt did not work, and when the next is due. One that was overtaken changes nothing.
func (s *Store) PostponeAlert(ctx context.Context, d AlertDelivery, pause time.Duration, answer string) error {
	return s.finishAlert(ctx, d, func(now time.Time) map[string]any {
		return map[string]any{"next_at": At(now.Add(pause)), "answer": answer, "claimed_until": nil}
	})
}

func (s *Store) finishAlert(ctx context.Context, d AlertDelivery, set func(time.Time) map[string]any) error {
	err := s.Write(ctx, func(tx *Tx) error {
		now, err := tx.Now(ctx)
		if err != nil {
			return err
		}
		return tx.with(ctx).Model(&AlertDelivery{}).Where("id = ? AND attempts = ? AND status = ?", d.ID, d.Attempts, AlertWaiting).Updates(set(now)).Error
	})
	if err != nil {
		return fmt.Errorf("note what became of an alert: %w", err)
	}
	return nil
}

// RetryAlert makes a delivery that failed due at once, with all its attempts before it. One that has not failed, or whose
// channel is gone, is ErrNotFound.
func (s *Store) RetryAlert(ctx context.Context, id string) error {
	if _, err := uuid.Parse(id); err != nil {
		return ErrNotFound
	}
	return s.Write(ctx, func(tx *Tx) error {
		now, err := tx.Now(ctx)
		if err != nil {
			return err
		}
		live := tx.with(ctx).Model(&AlertChannel{}).Select("id").Where("removed_at IS NULL")
		done := tx.with(ctx).Model(&AlertDelivery{}).Where("id = ? AND status = ? AND channel_id IN (?)", id, AlertFailed, live).
			Updates(map[string]any{"status": AlertWaiting, "attempts": 0, "next_at": At(now), "ended_at": nil, "claimed_until": nil})
		if done.Error != nil {
			return fmt.Errorf("try an alert again: %w", done.Error)
		}
		if done.RowsAffected == 0 {
			return ErrNotFound
		}
		return nil
	})
}

// AlertDeliveries returns deliveries, newest first, and how many there are; status empty: all.
func (r reader) AlertDeliveries(ctx context.Context, status string, offset, limit int) (rows []AlertDelivery, total int64, err error) {
	q := func() *gorm.DB {
		db := r.with(ctx).Model(&AlertDelivery{})
		if status != "" {
			db = db.Where("status = ?", status)
		}
		return db
	}
	if err = q().Count(&total).Error; err == nil {
		err = q().Order("created_at DESC, id DESC").Offset(offset).Limit(limit).Find(&rows).Error
	}
	if err != nil {
		return nil, 0, fmt.Errorf("read the deliveries: %w", err)
	}
	return rows, total, nil
}

// RevisionName names a revision by its environment and number.
type RevisionName struct {
	Environment string
	Number      int64
}

// Name is the revision that the delivery tells of.
func (d AlertDelivery) Name() RevisionName { return RevisionName{d.Environment, d.Revision} }

// RevisionKinds says how the revisions that deliveries tell of were published.
func (r reader) RevisionKinds(ctx context.Context, deliveries []AlertDelivery) (map[RevisionName]string, error) {
	numbers := map[string][]int64{}
	for _, d := range deliveries {
		numbers[d.Environment] = append(numbers[d.Environment], d.Revision)
	}
	kinds := map[RevisionName]string{}
	for environment, wanted := range numbers {
		var rows []Revision
		err := r.with(ctx).Select("number", "kind").Where("environment = ? AND number IN ?", environment, wanted).Find(&rows).Error
		if err != nil {
			return nil, fmt.Errorf("read what deliveries tell of: %w", err)
		}
		for _, row := range rows {
			kinds[RevisionName{environment, row.Number}] = row.Kind
		}
	}
	return kinds, nil
}

// ForgetAlerts deletes deliveries older than that, and says how many.
func (s *Store) ForgetAlerts(ctx context.Context, age time.Duration) (gone int64, err error) {
	err = s.Write(ctx, func(tx *Tx) error {
		now, err := tx.Now(ctx)
		if err != nil {
			return err
		}
		done := tx.with(ctx).Where("created_at < ?", At(now.Add(-age))).Delete(&AlertDelivery{})
		gone = done.RowsAffected
		return done.Error
	})
	if err != nil {
		return 0, fmt.Errorf("forget old deliveries: %w", err)
	}
	return gone, nil
}
