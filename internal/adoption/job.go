package adoption

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"runtime/debug"
	"time"

	"github.com/toprent/flags/directory"
	"github.com/toprent/flags/internal/catalog"
	"github.com/toprent/flags/models"
)

const (
	// Every is how often adoption is counted: a day's count is that of its last hour.
	Every = time.Hour

	// KeepDays is how long what was counted is kept: a year, and what a comparison with the month before it needs.
	KeepDays = 400

	look    = 2 * time.Minute  // how often an instance looks whether a count is due
	lease   = 15 * time.Minute // how long a count may take; then another instance begins anew
	settled = 15 * time.Minute // after midnight, when all instances have told the events of the day before
	recount = 6                // days whose events may have come late, since an instance could not reach the database
)

// Job counts, once an hour and by one instance at a time, who has which flags on, and who was shown them.
type Job struct {
	store     *models.Store
	catalog   *catalog.Catalog
	directory *directory.Directory
	log       *slog.Logger
}

// NewJob makes the job. Nothing goes on before it is run.
func NewJob(store *models.Store, catalog *catalog.Catalog, directory *directory.Directory, log *slog.Logger) *Job {
	return &Job{store, catalog, directory, log}
}

// Run counts whenever it is time to, until ctx is done. Every instance may run it.
func (j *Job) Run(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(look/2 + rand.N(look)): // not all instances at once, and not while a server starts
		}
		if err := j.CountAll(ctx); err != nil && ctx.Err() == nil && !models.Unavailable(err) {
			j.log.Error("who has which flags on could not be counted; it is tried again", "error", err)
		}
	}
}

// CountAll counts in every environment where it is time to.
func (j *Job) CountAll(ctx context.Context) error {
	environments, err := j.store.Environments(ctx)
	if err != nil {
		return err
	}
	var failed error
	for _, environment := range environments {
		if _, err := j.Count(ctx, environment.Name); err != nil {
			failed = errors.Join(failed, err)
		}
	}
	return failed
}

// Count counts in an environment, unless it was done within the hour or another instance is at it. It reports whether it
// was the one to count.
func (j *Job) Count(ctx context.Context, environment string) (counted bool, err error) {
	now, before, mine, err := j.store.BeginAdoption(ctx, environment, Every, lease)
	if err != nil || !mine {
		return false, err
	}
	defer func() {
		if r := recover(); r != nil { // it would end the host's whole process
			err = fmt.Errorf("count adoption in %q: panic: %v\n%s", environment, r, debug.Stack())
		}
		var at time.Time
		if counted = counted && err == nil; counted {
			at = now
		}
		ending, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second) // a server that ends gives the lease back
		defer cancel()
		err = errors.Join(err, j.store.EndAdoption(ending, environment, at))
	}()
	ctx, cancel := context.WithTimeout(ctx, lease-time.Minute)
	defer cancel()
	seen, err := j.seen(ctx, environment)
	if err != nil {
		return false, err
	}
	present, err := j.catalog.Environment(ctx, environment)
	if err != nil {
		return false, err
	}
	exposed, err := j.countExposures(ctx, present, now, before)
	if err != nil {
		return false, err
	}
	anybody := len(seen.People)+len(seen.Tenants) > 0
	if anybody { // shares of nobody are no shares
		if err := newSurvey(present, seen, now).all(ctx, j.store.PutAdoption); err != nil {
			return false, err
		}
	}
	// Where there was nobody yet, the first who come need not wait for an hour.
	return anybody || exposed, j.store.ForgetAdoption(ctx, environment, models.Day(now.AddDate(0, 0, -KeepDays)))
}

// seen is who was seen, once that has been read.
func (j *Job) seen(ctx context.Context, environment string) (*directory.Snapshot, error) {
	for {
		seen, err := j.directory.Snapshot(ctx, environment)
		if err != nil || !seen.Counting {
			return seen, err
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(200 * time.Millisecond):
		}
	}
}

// countExposures counts the events of the days that may have more of them since, and reports whether there were any.
func (j *Job) countExposures(ctx context.Context, environment *catalog.Environment, now, before time.Time) (some bool, err error) {
	since := models.Day(now.AddDate(0, 0, -1))
	if models.Day(before) != models.Day(now) {
		since = models.Day(now.AddDate(0, 0, -recount))
	}
	pace := newPace()
	var rows []models.FeatureFlagExposureDay
	for _, flag := range environment.Flags {
		of, err := j.store.CountExposures(ctx, environment.Name, flag.Key, since)
		if err != nil {
			return false, err
		}
		rows = append(rows, of...)
		if err := pace.rest(ctx); err != nil {
			return false, err
		}
	}
	return len(rows) > 0, j.store.PutExposureDays(ctx, rows)
}

// Uncounted is the first day whose exposures the last count, which began then, cannot have known all of: a reader counts
// the events of that day and of those after it anew. Empty if nothing was ever counted.
func Uncounted(counted time.Time) string {
	if counted.IsZero() {
		return ""
	}
	return models.Day(counted.Add(-settled))
}
