package cutover

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/toprent/flags/models"
)

const (
	runLife  = 15 * time.Second // of the right to copy, which is kept while it is used
	runKeep  = 4 * time.Second  // after which it is kept
	showRun  = time.Second      // between what is shown of it
	busyLook = 20 * time.Millisecond

	yieldTime = 3 * time.Second
)

// run is how far the copying of an entity has come, as the journal keeps it: enough to go on after being killed anywhere.
type run struct {
	Since     int64  `json:"since"` // the revision that began it
	Direction string `json:"direction"`
	Phase     string `json:"phase"` // copying, verifying or done
	After     string `json:"after"` // the last key that was copied, or compared
	Total     int64  `json:"total"`
	Copied    int64  `json:"copied"`
	Compared  int64  `json:"compared"`
	Different int64  `json:"different"`
	Again     int64  `json:"again,omitempty"` // the verification that was asked for last

	StartedAt  *models.Time `json:"started_at,omitempty"`
	CopiedAt   *models.Time `json:"copied_at,omitempty"`
	VerifiedAt *models.Time `json:"verified_at,omitempty"`
}

// fromNew reports whether the new side is the one that is copied from.
func (r *run) fromNew() bool { return r.Direction == models.CutoverBackward }

// copier copies an entity on the instance that does it for all.
type copier struct {
	*Cutover
	m     *member
	name  string // of the right to copy
	kept  time.Time
	shown time.Time
	run   run
	pace  pace

	yields  time.Time // until then, others may copy who reach the flag database
	drained bool      // the last look found no marks, or copied all of them
	walked  time.Time // when the verification came to the end of both sides; zero: not yet
}

// copies copies and compares what has to be, as long as ctx allows, and drains marks.
func (c *Cutover) copies(ctx context.Context, m *member) {
	w := &copier{Cutover: c, m: m, name: c.flags.Environment() + "/" + m.key + "/copy"}
	defer w.leave(ctx)
	c.again(ctx, m, copying, w.turn)
}

// leave lets others copy at once.
func (w *copier) leave(ctx context.Context) {
	ending, cancel := context.WithTimeout(context.WithoutCancel(ctx), endTimeout)
	defer cancel()
	_ = w.journal.drop(ending, w.name, w.instance) // else it expires
}

// turn does a little, and says how much is left.
func (w *copier) turn(ctx context.Context) (left waits, err error) {
	if !w.m.router.moving() {
		return nothing, nil
	}
	if !w.knows() || time.Now().Before(w.yields) { // whoever knows what to copy has to have the right to; marks anybody may drain
		return w.drain(ctx)
	}
	if held, err := w.hold(ctx); err != nil || !held {
		return nothing, err
	}
	if left, err = w.drain(ctx); err != nil {
		err = fmt.Errorf("copy marked rows: %w", err)
		w.show(ctx, err)
		return nothing, err
	}
	progress, found, limits := w.known(w.m.key)
	if !found || !under(progress.State) {
		return left, nil
	}
	more, err := w.step(ctx, progress, limits)
	switch {
	case errors.Is(err, errNotHeld):
		return nothing, nil
	case err != nil:
		w.show(ctx, err)
		return nothing, err
	case more:
		return much, nil
	}
	return max(left, little), nil
}

// under reports whether a copy in that state goes on.
func under(state string) bool {
	return state == models.CutoverWaiting || state == models.CutoverCopying || state == models.CutoverVerifying || state == models.CutoverFailed
}

// hold takes or keeps the right to copy. What the last one who had it left is gone on with.
func (w *copier) hold(ctx context.Context) (bool, error) {
	if time.Since(w.kept) < runKeep {
		return true, nil
	}
	state, held, err := w.journal.hold(ctx, w.name, w.instance, runLife)
	if err != nil || !held {
		w.kept = time.Time{}
		return false, err
	}
	if time.Since(w.kept) >= runLife { // others may have had it meanwhile
		w.run, w.walked = run{}, time.Time{}
		if state != "" {
			if err := json.Unmarshal([]byte(state), &w.run); err != nil {
				w.run = run{} // from the start: copying twice does no harm
			}
		}
	}
	w.kept = time.Now()
	return true, nil
}

// step does the next part of a copy.
func (w *copier) step(ctx context.Context, progress models.CutoverProgress, limits models.CutoverLimits) (more bool, err error) {
	if w.run.Since != progress.SinceRevision || w.run.Direction != progress.Direction {
		begun, err := w.start(ctx, progress)
		if err != nil || !begun {
			return false, err
		}
	}
	if progress.Again > w.run.Again {
		if err := w.verifyAgain(ctx, progress.Again); err != nil {
			return false, err
		}
	}
	if limits.Paused {
		return false, nil
	}
	w.pace.rate = limits.Rate
	phase := w.run.Phase
	switch phase {
	case models.CutoverCopying:
		more, err = w.copyBatch(ctx)
	case models.CutoverVerifying:
		more, err = w.verifyBatch(ctx)
	}
	if err == nil && (w.run.Phase != phase || time.Since(w.shown) >= showRun) {
		w.show(ctx, nil)
	}
	return more, err
}

// rows is how many rows are dealt with at once: not so many that keeping to the rate would take longer than a second.
func (w *copier) rows() int {
	if w.pace.rate <= 0 {
		return w.batch
	}
	return int(min(int64(w.batch), w.pace.rate))
}

// start begins a copy once no instance writes one side alone any more.
func (w *copier) start(ctx context.Context, progress models.CutoverProgress) (bool, error) {
	w.m.mu.Lock()
	acked := w.m.acked
	w.m.mu.Unlock()
	if acked < progress.SinceRevision {
		return false, nil
	}
	behind, err := w.store.CutoverBehind(ctx, w.flags.Environment(), w.m.key, progress.SinceRevision)
	if err != nil {
		w.yield(ctx)
	}
	if err != nil || len(behind) > 0 {
		return false, err
	}
	now := models.At(w.flags.Now())
	w.walked = time.Time{}
	w.run = run{Since: progress.SinceRevision, Direction: progress.Direction, Phase: models.CutoverCopying, StartedAt: &now, Again: progress.Again}
	if err := w.forget(ctx); err != nil {
		w.run = run{}
		return false, fmt.Errorf("forget old marks: %w", err)
	}
	return true, w.keep(ctx)
}

// keep stores how far it is.
func (w *copier) keep(ctx context.Context) error {
	state, err := json.Marshal(w.run)
	if err != nil {
		return err
	}
	if err = w.journal.keep(ctx, w.name, w.instance, string(state)); errors.Is(err, errNotHeld) {
		w.kept = time.Time{}
	}
	return err
}

// copyBatch copies the next rows.
func (w *copier) copyBatch(ctx context.Context) (more bool, err error) {
	limit := w.rows()
	rows, err := w.m.moved.scan(ctx, w.run.fromNew(), w.run.After, limit)
	if err != nil {
		return false, fmt.Errorf("read the rows to copy: %w", err)
	}
	keys := make([]string, len(rows))
	for i, row := range rows {
		keys[i] = row.key
	}
	err = patiently(ctx, keys, func(keys []string) ([]string, error) { return w.m.moved.copyRows(ctx, keys, w.run.fromNew()) })
	if err != nil {
		return false, fmt.Errorf("copy rows: %w", err)
	}
	w.run.Copied += int64(len(rows))
	if len(rows) > 0 {
		w.run.After = rows[len(rows)-1].key
	}
	if len(rows) < limit {
		now := models.At(w.flags.Now())
		w.run.Phase, w.run.After, w.run.CopiedAt, w.run.Total = models.CutoverVerifying, "", &now, w.run.Copied
	}
	if err := w.keep(ctx); err != nil {
		return false, err
	}
	return true, w.pace.after(ctx, len(rows))
}

// patiently does something with keys, and again with those that others were writing.
func patiently(ctx context.Context, keys []string, do func(keys []string) (busy []string, err error)) error {
	for len(keys) > 0 {
		busy, err := do(keys)
		if err != nil {
			return err
		}
		if keys = busy; len(keys) > 0 {
			select {
			case <-ctx.Done():
				return ctx.Err()
			case <-time.After(busyLook):
			}
		}
	}
	return nil
}

// yield lets others copy for a moment, since this instance does not reach the flag database. If nobody does, it goes on
// afterwards.
func (w *copier) yield(ctx context.Context) {
	w.kept, w.yields = time.Time{}, time.Now().Add(yieldTime)
	_ = w.journal.drop(ctx, w.name, w.instance) // else it expires
}

// show tells the settings pages how far it is. While the flag database is down, copying goes on slowly and unseen.
func (w *copier) show(ctx context.Context, failure error) {
	if w.run.Since == 0 {
		return
	}
	w.shown = time.Now()
	row := models.CutoverProgress{
		Environment: w.flags.Environment(), Flag: w.m.key, Direction: w.run.Direction, State: w.run.Phase, SinceRevision: w.run.Since,
		Total: w.run.Total, Copied: w.run.Copied, Compared: w.run.Compared, Different: w.run.Different,
		StartedAt: w.run.StartedAt, CopiedAt: w.run.CopiedAt, VerifiedAt: w.run.VerifiedAt, UpdatedAt: models.At(w.flags.Now()), Holder: w.host, Again: w.run.Again,
	}
	if failure != nil {
		row.Error = failure.Error()
	}
	ctx, cancel := context.WithTimeout(ctx, tellLimit)
	defer cancel()
	wanted, err := w.store.PutCutoverProgress(ctx, row)
	if err == nil && (!wanted || w.run.Phase == models.CutoverDone) { // a stage was set that begins another copy or none, or it is over
		err = w.read(ctx)
	}
	if w.m.failed(showing, err); err != nil {
		w.yield(ctx)
	}
}

// pace keeps copying within so many rows a second.
type pace struct {
	rate int64 // 0: no limit
	free time.Time
}

// after waits as long as it takes for rows that were done.
func (p *pace) after(ctx context.Context, rows int) error {
	if p.rate <= 0 || rows == 0 {
		return nil
	}
	if now := time.Now(); p.free.Before(now) {
		p.free = now
	}
	p.free = p.free.Add(time.Duration(float64(rows) / float64(p.rate) * float64(time.Second)))
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(time.Until(p.free)):
		return nil
	}
}
