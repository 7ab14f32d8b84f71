package analytics

import (
	"cmp"
	"context"
	"encoding/json"
	"iter"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/toprent/flags/models"
	"github.com/toprent/flags/service"
	"github.com/toprent/flags/telemetry"
)

// told is what of all that happened is stored, and what is on its way.
type told struct {
	mu      sync.Mutex                 // one flush at a time; guards what follows
	last    map[service.Checked]uint64 // counted when last looked
	checks  map[checkedAt]int64        // counted since, and not stored yet
	minute  time.Time                  // that of the last look
	looked  time.Time                  // when that was
	sending *models.Batch              // is tried again and again, until it is known to be stored
	number  int64                      // of the last batch

	flushed, errors atomic.Int64
	at              atomic.Int64 // of the last flush, in Unix nanoseconds
}

// checkedAt is an answer in a minute.
type checkedAt struct {
	service.Checked
	minute time.Time
}

// maxMinutes bounds the minutes that wait while the database is down; what is counted after that is added to the last one.
const maxMinutes = 24 * 60

// look adds what was counted since the last look to the minute that it began in. It is called at the end of each minute.
func (t *told) look(flags *service.FeatureFlagService) {
	t.looked = flags.Now()
	now := t.looked.UTC().Truncate(time.Minute)
	minute := t.minute
	if minute.IsZero() {
		minute = now
	}
	for checked, total := range flags.Checks() {
		if n := total - t.last[checked]; n > 0 {
			t.checks[checkedAt{checked, minute}] += int64(n)
			t.last[checked] = total
		}
	}
	if t.minute = now; len(t.checks) > 0 && now.Sub(oldest(t.checks)) > maxMinutes*time.Minute {
		t.minute = minute // exact, if not to the minute
	}
}

func oldest(checks map[checkedAt]int64) (at time.Time) {
	for c := range checks {
		if at.IsZero() || c.minute.Before(at) {
			at = c.minute
		}
	}
	return at
}

// What is stored in one transaction is bounded: else what has waited through a long outage would take longer than an attempt may.
const (
	maxEvents = 5000
	maxChecks = 5000
	maxPlans  = 500 // tenants, each of which is asked for
)

// Flush stores what has happened. What cannot be stored now waits for the next flush. Nothing counts twice, even if it is
// not known whether it was stored.
func (r *Recorder) Flush(ctx context.Context) error {
	if err := r.flush(ctx, false); err != nil {
		return err
	}
	return r.followPlans(ctx)
}

func (r *Recorder) flush(ctx context.Context, last bool) error {
	t := &r.told
	t.mu.Lock()
	defer t.mu.Unlock()
	t.look(r.flags)
	for {
		if t.sending == nil {
			t.sending = r.nextBatch(last)
		}
		if t.sending == nil {
			return nil
		}
		if err := r.send(ctx, *t.sending); err != nil {
			t.errors.Add(1)
			return err
		}
		t.flushed.Add(int64(len(t.sending.Events)))
		t.at.Store(r.flags.Now().UnixNano())
		ended := t.sending.Instance.EndedAt != nil
		t.number, t.sending = t.sending.Instance.Batch, nil
		if ended || !last && !r.more() {
			return nil
		}
	}
}

// sendTimeout bounds one attempt to store a batch: a connection that answers nothing must not keep the minutes from being
// counted each by itself. What came of the attempt is found out by the next one.
const sendTimeout = 30 * time.Second

func (r *Recorder) send(ctx context.Context, b models.Batch) error {
	ctx, cancel := context.WithTimeout(ctx, sendTimeout)
	defer cancel()
	ctx, end := r.Telemetry.Start(ctx, telemetry.Work{Kind: telemetry.Flush, Name: "events"})
	changes, err := r.store.RecordBatch(ctx, b)
	r.toSinks(changes...) // of plans, which are found out as they are stored
	if end != nil {
		end(err, slog.Int64(telemetry.Rows, int64(len(b.Events)+len(b.Checks))))
	}
	return err
}

// more reports whether a whole batch waits.
func (r *Recorder) more() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.events) >= maxEvents || len(r.told.checks) > 0 || len(r.plans) >= maxPlans
}

// nextBatch takes what waits. An instance tells of itself even if there is nothing else to tell.
func (r *Recorder) nextBatch(last bool) *models.Batch {
	t := &r.told
	now := models.At(r.flags.Now()) // all that happened before is in this batch, or waits in memory
	r.mu.Lock()
	defer r.mu.Unlock()
	t.look(r.flags) // under the lock: what led to the events that are taken is counted
	refused, _ := json.Marshal(r.refused)
	b := &models.Batch{Instance: models.AnalyticsInstance{
		Instance: r.flags.Instance(), Environment: r.flags.Environment(), Host: clean(r.Host), Batch: t.number + 1,
		StartedAt: models.At(r.flags.Started()), FlushedAt: now, Every: r.Every.Milliseconds(), Dropped: r.dropped.Load(), Refused: string(refused),
		Sinks: r.tellSinks(),
	}}
	n := min(len(r.events), maxEvents)
	b.Instance.Waiting = int64(len(r.events) - n)
	b.Events = slices.Clone(r.events[:n])
	r.events = slices.Delete(r.events, 0, n)
	slices.SortFunc(b.Events, func(a, b models.FeatureFlagEvent) int { // one order, as of checks
		return cmp.Or(cmp.Compare(a.Day, b.Day), cmp.Compare(a.ID, b.ID))
	})
	for _, seen := range slices.Sorted(some(maps.Keys(r.plans), maxPlans)) {
		b.Plans = append(b.Plans, r.plans[seen]...)
		delete(r.plans, seen)
	}
	for c, n := range t.checks {
		if len(b.Checks) == maxChecks {
			break
		}
		delete(t.checks, c)
		b.Checks = append(b.Checks, models.FeatureFlagCheck{Day: models.Day(c.minute), Minute: models.At(c.minute), Environment: r.flags.Environment(), Flag: c.Flag, Variant: c.Variant, Checks: n})
	}
	slices.SortFunc(b.Checks, func(a, b models.FeatureFlagCheck) int {
		return cmp.Or(a.Minute.Compare(b.Minute.Time), cmp.Compare(a.Flag, b.Flag), cmp.Compare(a.Variant, b.Variant))
	})
	if last && len(r.events)+len(r.plans)+len(t.checks) == 0 {
		b.Instance.EndedAt = &now
	}
	return b
}

// some gives the first of what comes, so many at most.
func some[T any](all iter.Seq[T], most int) iter.Seq[T] {
	return func(yield func(T) bool) {
		left := most
		for one := range all {
			if left--; left < 0 || !yield(one) {
				return
			}
		}
	}
}
