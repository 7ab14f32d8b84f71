// Package report tells the database how an instance is doing, so that one page shows all instances: that it runs, which
// revision it serves, when it adopted each kill, and how its evaluations went. It reads what the service has counted
// and is never in the way of a request: while the database is down, nothing is told and nothing is lost.
//
//	go report.New(store, flags, report.Options{}).Run(ctx)
//
// Instances that run the settings pages need not call it: the pages' Run does. Twice does no harm.
package report

import (
	"context"
	"encoding/json"
	"log/slog"
	"math/rand/v2"
	"os"
	"runtime/debug"
	"strings"
	"sync"
	"time"

	"github.com/toprent/flags/models"
	"github.com/toprent/flags/service"
)

// Options are all optional.
type Options struct {
	// Every is how often the instance tells of itself, plus or minus a fifth; defaults to 10 seconds.
	Every time.Duration

	// Host names the machine; defaults to its host name.
	Host string

	// Build names what runs; defaults to the version and the revision that the binary was built from.
	Build string

	// Logger defaults to slog.Default().
	Logger *slog.Logger
}

const (
	timeout    = 5 * time.Second      // for one report
	endTimeout = 2 * time.Second      // for the last: an end must not wait for a database that hangs
	forgetting = time.Hour            // between removals of instances that are gone
	goneAfter  = 24 * time.Hour       // without a word, until they are removed
	remembered = 400 * 24 * time.Hour // a year and a month of counted days and adopted kills; pages show the last of it
	maxText    = 256                  // bytes of a host's or a build's name
)

// Default is how often an instance tells of itself.
const Default = 10 * time.Second

// Silent is after how long without a word an instance is taken to be gone.
const Silent = 3*Default + 5*time.Second

// Reporter tells of one service. Its methods are safe for concurrent use.
type Reporter struct {
	store       *models.Store
	flags       *service.FeatureFlagService
	every       time.Duration
	host, build string
	log         *slog.Logger

	mu              sync.Mutex // one report at a time; guards what follows
	adopted         int64      // the serial of the last adoption that is stored
	decided, failed int64      // known to be stored
	forgot          time.Time  // when those that are gone were last removed
	down            bool       // the last report failed, which was logged
	keeps           bool       // those that are gone cannot be removed, which was logged
}

// New makes a reporter. It tells nothing before Run or Report is called.
func New(store *models.Store, flags *service.FeatureFlagService, options Options) *Reporter {
	r := &Reporter{store: store, flags: flags, every: options.Every, host: options.Host, build: options.Build, log: options.Logger}
	if r.every <= 0 {
		r.every = Default
	}
	if r.host == "" {
		r.host, _ = os.Hostname()
	}
	if r.build == "" {
		r.build = build()
	}
	r.host, r.build = clean(r.host), clean(r.build)
	if r.log == nil {
		r.log = slog.Default()
	}
	return r
}

// Run reports at once and then again and again until ctx is done, and once more that the instance has ended. It returns
// ctx's error.
func (r *Reporter) Run(ctx context.Context) error {
	for ctx.Err() == nil {
		r.logged(ctx, r.Report(ctx))
		select {
		case <-ctx.Done():
		case <-r.flags.Adopted(): // so that it is seen soon whom a kill has reached
		case <-time.After(time.Duration(float64(r.every) * (0.8 + 0.4*rand.Float64()))):
		}
	}
	ending, cancel := context.WithTimeout(context.WithoutCancel(ctx), endTimeout)
	defer cancel()
	_ = r.tell(ending, true) // the others see that it is silent
	return ctx.Err()
}

// Report tells once how the instance is doing.
func (r *Reporter) Report(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	return r.tell(ctx, false)
}

// logged logs when reports begin to fail, and when they succeed again.
func (r *Reporter) logged(ctx context.Context, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case err != nil && !r.down && ctx.Err() == nil:
		r.log.Warn("flags: this instance's health could not be stored; it is told as soon as it can be", "error", err)
		r.down = true
	case err == nil && r.down:
		r.log.Info("flags: this instance's health is stored again")
		r.down = false
	}
}

func (r *Reporter) tell(ctx context.Context, ended bool) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	adoptions := r.flags.Adoptions(r.adopted)
	decided, failed := r.flags.Decisions()
	err := r.store.Write(ctx, func(tx *models.Tx) error {
		now, err := tx.Now(ctx)
		if err != nil {
			return err
		}
		row := r.row(now, ended)
		counted, countedFailed, err := tx.HeardOf(ctx, row)
		if err != nil {
			return err
		}
		day := models.EvaluationDay{Environment: row.Environment, Day: now.Format(time.DateOnly), Decided: decided, Failed: failed}
		// What is stored is right even where the outcome of an earlier attempt is unknown; what is known here, where
		// the row was removed since.
		if err := tx.CountDecisions(ctx, row.ID, day, max(counted, r.decided), max(countedFailed, r.failed)); err != nil {
			return err
		}
		for _, a := range adoptions {
			if a.From < 0 || a.To.Number <= a.From { // a start serves nothing old, nor does a database that was set back
				continue
			}
			if err := tx.AdoptKills(ctx, row, a.From, a.To.Number, a.At); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	r.decided, r.failed = decided, failed
	if n := len(adoptions); n > 0 {
		r.adopted = adoptions[n-1].Serial
	}
	r.forget(ctx)
	return nil
}

// forget removes instances that are gone, and what is too old for any page, now and then.
func (r *Reporter) forget(ctx context.Context) {
	now := r.flags.Now()
	if !r.forgot.IsZero() && now.Sub(r.forgot) < forgetting {
		return
	}
	r.forgot = now
	err := r.store.ForgetInstances(ctx, goneAfter)
	if err == nil {
		err = r.store.ForgetCutoverInstances(ctx, goneAfter)
	}
	if err == nil {
		err = r.store.ForgetCutoverAgreement(ctx)
	}
	if err == nil {
		err = r.store.ForgetHealth(ctx, remembered)
	}
	if err != nil && !models.Unavailable(err) && !r.keeps {
		r.keeps = true
		r.log.Info("flags: instances that are gone, and what they counted long ago, stay stored, as the database's role may not remove them; they are no longer shown", "error", err)
	}
}

// row is what the instance tells of itself.
func (r *Reporter) row(now time.Time, ended bool) models.Instance {
	status := r.flags.Status()
	row := models.Instance{
		ID: r.flags.Instance(), Environment: status.Environment, Host: r.host, Build: r.build,
		StartedAt: models.At(r.flags.Started()), HeardAt: models.At(now),
		State: string(status.State), Revision: status.Revision.Number, Listening: status.Listening,
		Findings: FindingsOf(r.flags).encode(),
	}
	if !status.Published.IsZero() {
		row.PublishedAt = &models.Time{Time: status.Published}
	}
	if status.State != service.Fallbacks {
		answered := models.At(now.Add(-status.Age))
		row.AnsweredAt = &answered
	}
	if ended {
		row.EndedAt = &row.HeardAt
	}
	return row
}

// Findings are what an instance found while it evaluated, since its start.
type Findings struct {
	Failures []service.Failure `json:"failures,omitempty"`
	Unknown  []service.Unknown `json:"unknown,omitempty"`
}

// maxFindings is how many of each kind are told.
const maxFindings = 50

// FindingsOf are those of a service.
func FindingsOf(flags *service.FeatureFlagService) Findings {
	failures, unknown := flags.Failures(), flags.Unknown()
	return Findings{failures[:min(len(failures), maxFindings)], unknown[:min(len(unknown), maxFindings)]}
}

// ReadFindings reads what an instance told. What cannot be read, as from another version, is nothing.
func ReadFindings(text string) (f Findings) {
	if json.Unmarshal([]byte(text), &f) != nil {
		return Findings{}
	}
	return f
}

// encode leaves out what is asked for least where all would be too long: a hostile key takes six bytes for each of its
// own.
func (f Findings) encode() string {
	for {
		text, err := json.Marshal(f)
		if err != nil {
			return "{}"
		}
		if len(text) <= maxEncoded {
			return string(text)
		}
		f.Failures, f.Unknown = f.Failures[:len(f.Failures)/2], f.Unknown[:len(f.Unknown)/2]
	}
}

// maxEncoded bounds what is written every few seconds, in bytes.
const maxEncoded = 32 << 10

// build is what the binary says of itself.
func build() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	version, commit := info.Main.Version, ""
	for _, setting := range info.Settings {
		if setting.Key == "vcs.revision" {
			commit = setting.Value[:min(len(setting.Value), 12)]
		}
	}
	if version == "" || version == "(devel)" {
		version = "development build"
	}
	if commit == "" || strings.Contains(version, commit) {
		return version
	}
	return version + " " + commit
}

// clean makes a text fit to be stored: valid, not too long, without NUL.
func clean(text string) string {
	text = strings.ReplaceAll(strings.ToValidUTF8(text, "?"), "\x00", "")
	if len(text) > maxText {
		text = strings.ToValidUTF8(text[:maxText], "")
	}
	return text
}
