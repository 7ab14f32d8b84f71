package models

import (
	"context"
	"fmt"
	"slices"

	"github.com/google/uuid"
)

// ForgottenEvents says what became of somebody's events.
type ForgottenEvents struct {
	Events   int64 // that have another name now, and another id where it was made of what they say
	Visitors int64 // ids of browsers in which they were signed in, that have other names now
	Tenants  int64 // rows of tenants that were called like them
}

// ForgetEvents puts another name in the place of somebody's in all events, and other ids in the place of those of the
// visitors that were seen with them. Sums and counts of people stay what they were. It must come first in a transaction:
// until that ends, instances store no events. What they have in memory is stored under the other name, too.
func (tx *Tx) ForgetEvents(ctx context.Context, names []string, to string) (f ForgottenEvents, err error) {
	if _, err = tx.lockForgotten(ctx, true); err != nil {
		return f, err
	}
	now, err := tx.Now(ctx)
	if err != nil {
		return f, err
	}
	for _, name := range names {
		if _, err := tx.noteForgotten(ctx, name, to, now); err != nil {
			return f, err
		}
	}
	var visitors []string
	if err := tx.with(ctx).Raw("SELECT DISTINCT visitor_id FROM feature_flag_events WHERE user_id IN ? AND user_id <> '' AND visitor_id <> '' ORDER BY visitor_id", names).Scan(&visitors).Error; err != nil {
		return f, fmt.Errorf("look for somebody's browsers: %w", err)
	}
	for _, visitor := range visitors {
		if slices.Contains(names, visitor) {
			continue // below
		}
		becomes := ForgottenName()
		n, err := tx.forgetVisitor(ctx, visitor, becomes)
		if err != nil {
			return f, err
		}
		if _, err := tx.noteForgotten(ctx, visitor, becomes, now); err != nil {
			return f, err
		}
		f.Events += n
		f.Visitors++
	}
	for _, name := range names {
		n, err := tx.forgetVisitor(ctx, name, to)
		if err != nil {
			return f, err
		}
		f.Events += n
	}
	done := tx.with(ctx).Exec("UPDATE feature_flag_events SET user_id = ?, id = "+tx.anyID()+" WHERE user_id IN ? AND user_id <> ''", to, names)
	if done.Error != nil {
		return f, fmt.Errorf("replace somebody's name in events: %w", done.Error)
	}
	f.Events += done.RowsAffected
	f.Tenants, err = tx.forgetTenants(ctx, names, to)
	return f, err
}

// forgetVisitor puts another id in the place of a visitor's. Events that are another user's keep their own: they are known by
// it as told, and it says nothing of the visitor. It gives how many events had no user.
func (tx *Tx) forgetVisitor(ctx context.Context, visitor, to string) (rows int64, err error) {
	done := tx.with(ctx).Exec("UPDATE feature_flag_events SET visitor_id = ?, id = "+tx.anyID()+" WHERE visitor_id = ? AND visitor_id <> '' AND user_id = ''", to, visitor)
	if rows = done.RowsAffected; done.Error == nil {
		done = tx.with(ctx).Exec("UPDATE feature_flag_events SET visitor_id = ? WHERE visitor_id = ? AND visitor_id <> ''", to, visitor)
	}
	if done.Error != nil {
		return 0, fmt.Errorf("replace a visitor's id in events: %w", done.Error)
	}
	return rows, nil
}

// forgetTenants is for tenants that are one person, and called like them.
func (tx *Tx) forgetTenants(ctx context.Context, names []string, to string) (rows int64, err error) {
	var environments []string
	if err := tx.with(ctx).Raw("SELECT name FROM environments").Scan(&environments).Error; err != nil {
		return 0, fmt.Errorf("read the environments: %w", err)
	}
	for _, environment := range environments { // the index begins with it
		done := tx.with(ctx).Exec("UPDATE feature_flag_events SET tenant = ?, id = CASE WHEN user_id = '' AND visitor_id = '' AND kind IN ('exposure', 'prompt', 'upgrade') THEN "+tx.anyID()+
			" ELSE id END WHERE environment = ? AND tenant IN ? AND tenant <> ''", to, environment, names)
		if rows += done.RowsAffected; done.Error == nil { // of several, one remains: it tells the same plan, or an older one
			done = tx.with(ctx).Exec(`DELETE FROM analytics_tenants WHERE environment = ? AND tenant IN ? AND tenant <> (
				SELECT max(tenant) FROM analytics_tenants WHERE environment = ? AND tenant IN ?)`, environment, names, environment, names)
		}
		if done.Error == nil {
			done = tx.with(ctx).Exec("UPDATE analytics_tenants SET tenant = ? WHERE environment = ? AND tenant IN ?", to, environment, names)
		}
		if done.Error != nil {
			return rows, fmt.Errorf("replace somebody's name among tenants: %w", done.Error)
		}
		rows += done.RowsAffected
	}
	return rows, nil
}

// anyID is SQL for a random UUID.
func (tx *Tx) anyID() string {
	if tx.backend.OneWriter() {
		return `lower(hex(randomblob(4)) || '-' || hex(randomblob(2)) || '-4' || substr(hex(randomblob(2)), 2) || '-a' || substr(hex(randomblob(2)), 2) || '-' || hex(randomblob(6)))`
	}
	return "gen_random_uuid()"
}

// HoldingEvents counts the events that hold one of somebody's names elsewhere, where it may be the name of something else:
// tenants count where ForgetEvents leaves them. It looks at all events, so no lock is to be held.
func (r reader) HoldingEvents(ctx context.Context, names []string) (held []Held, err error) {
	var found struct{ Called, Places int64 }
	if err := r.with(ctx).Raw(`SELECT coalesce(sum(CASE WHEN name IN ? OR plan IN ? THEN 1 ELSE 0 END), 0) AS called,
		coalesce(sum(CASE WHEN place IN ? OR tenant IN ? AND environment NOT IN (SELECT name FROM environments) THEN 1 ELSE 0 END), 0) AS places
		FROM feature_flag_events`, names, names, names, names).Scan(&found).Error; err != nil {
		return nil, fmt.Errorf("look what else in events holds somebody's name: %w", err)
	}
	if found.Called > 0 {
		held = append(held, Held{"metrics or plans in events, which are called so", found.Called})
	}
	if found.Places > 0 {
		held = append(held, Held{"places in events, which are called so", found.Places})
	}
	return held, nil
}

// withoutForgotten puts other names in the place of those that were forgotten since what is told happened. What was told of
// them under the other name already is left out.
func (tx *Tx) withoutForgotten(ctx context.Context, forgotten Forgotten, b Batch) (Batch, error) {
	if len(forgotten) == 0 {
		return b, nil
	}
	b.Plans = slices.Clone(b.Plans) // b is told again if this fails
	for i := range b.Plans {
		seen := &b.Plans[i]
		if to, was := forgotten.Becomes(seen.Tenant, seen.Since); was {
			seen.Tenant = to
		}
		if _, err := tx.forgetIn(ctx, &forgotten, &seen.Change); err != nil {
			return b, err
		}
	}
	events := make([]FeatureFlagEvent, 0, len(b.Events))
	for _, e := range b.Events {
		once := countsOnce(e)
		changed, err := tx.forgetIn(ctx, &forgotten, &e)
		if err != nil {
			return b, err
		}
		if changed && once {
			if told, err := tx.told(ctx, e); err != nil {
				return b, err
			} else if told {
				continue
			}
		}
		events = append(events, e)
	}
	b.Events = events
	return b, nil
}

// forgetIn puts other names into an event, and reports whether it is one of somebody who was forgotten.
func (tx *Tx) forgetIn(ctx context.Context, forgotten *Forgotten, e *FeatureFlagEvent) (changed bool, err error) {
	user, isUser := forgotten.find(e.UserID, e.At)
	visitor, isVisitor := forgotten.Becomes(e.VisitorID, e.At)
	tenant, isTenant := forgotten.Becomes(e.Tenant, e.At)
	if isTenant {
		e.Tenant = tenant
	}
	if isUser && !isVisitor && e.VisitorID != "" { // a browser that was not known to be theirs
		visitor, isVisitor = user.visitor(e.VisitorID), true
		if _, err := tx.forgetVisitor(ctx, e.VisitorID, visitor); err != nil {
			return false, err
		}
		row, err := tx.noteForgotten(ctx, e.VisitorID, visitor, user.At.Time)
		if err != nil {
			return false, err
		}
		*forgotten = append(*forgotten, row)
	}
	changed = isUser || isVisitor && e.UserID == "" || isTenant && e.UserID == "" && e.VisitorID == "" && countsOnce(*e)
	if isUser {
		e.UserID = user.Becomes
	}
	if isVisitor {
		e.VisitorID = visitor
	}
	if changed {
		e.ID = uuid.NewString()
	}
	return changed, nil
}

// countsOnce reports whether an event's id is made of what it says, so that it counts once whoever tells it.
func countsOnce(e FeatureFlagEvent) bool {
	switch e.Kind {
	case EventExposure, EventPrompt, EventUpgrade:
		return true
	case EventMetric: // if it was told with an id
		id, err := uuid.Parse(e.ID)
		return err == nil && id.Version() == 8
	}
	return false
}

// told reports whether what counts once is stored already of somebody whose events have ids by chance.
func (tx *Tx) told(ctx context.Context, e FeatureFlagEvent) (bool, error) {
	query := tx.with(ctx).Model(&FeatureFlagEvent{}).Where("day = ? AND environment = ? AND kind = ? AND flag = ? AND variant = ? AND user_id = ?", e.Day, e.Environment, e.Kind, e.Flag, e.Variant, e.UserID)
	switch {
	case e.UserID != "":
	case e.VisitorID != "":
		query = query.Where("visitor_id = ?", e.VisitorID)
	default:
		query = query.Where("visitor_id = '' AND tenant = ?", e.Tenant)
	}
	if e.Kind == EventMetric { // what it has an id for is the same if it is of the same moment
		query = query.Where("name = ? AND at = ? AND value = ?", e.Name, e.At, e.Value)
	}
	var n int64
	if err := query.Count(&n).Error; err != nil {
		return false, fmt.Errorf("look whether an event is stored: %w", err)
	}
	return n > 0, nil
}
