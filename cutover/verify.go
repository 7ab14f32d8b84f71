package cutover

import (
	"context"
	"fmt"
	"time"

	"github.com/toprent/flags/models"
)

// verifyBatch compares the next rows of both sides, in the order of their keys, and mends what is different. After the
// last, the verification is done once all that was being repaired or copied at that moment has been.
func (w *copier) verifyBatch(ctx context.Context) (more bool, err error) {
	if w.walked.IsZero() {
		return true, w.walk(ctx)
	}
	_, oldest, err := w.journal.queue(ctx, w.m.key)
	if err != nil || oldest >= time.Since(w.walked) || !w.drained {
		return false, err
	}
	now := models.At(w.flags.Now())
	w.run.Phase, w.run.VerifiedAt = models.CutoverDone, &now
	return false, w.keep(ctx)
}

// verifyAgain begins another verification, since somebody asked for it. What was verified last stays known until this one
// is done.
func (w *copier) verifyAgain(ctx context.Context, asked int64) error {
	w.run.Again = asked
	if w.run.Phase == models.CutoverDone {
		w.walked = time.Time{}
		w.run.Phase, w.run.After, w.run.Compared, w.run.Different = models.CutoverVerifying, "", 0, 0
	}
	return w.keep(ctx)
}

// walk compares the next rows.
func (w *copier) walk(ctx context.Context) error {
	limit := w.rows()
	old, err := w.m.moved.scan(ctx, false, w.run.After, limit)
	if err != nil {
		return fmt.Errorf("read the old side's rows to compare: %w", err)
	}
	fresh, err := w.m.moved.scan(ctx, true, w.run.After, limit)
	if err != nil {
		return fmt.Errorf("read the new side's rows to compare: %w", err)
	}
	old, fresh, last := together(old, fresh, limit)
	compared, suspects := merge(old, fresh, w.m.moved.differ)
	err = patiently(ctx, suspects, func(keys []string) ([]string, error) {
		different, busy, err := w.m.moved.mend(ctx, keys)
		w.run.Different += int64(different)
		return busy, err
	})
	if err != nil {
		return fmt.Errorf("mend rows: %w", err)
	}
	w.run.Compared += int64(compared)
	if last == "" {
		w.walked = time.Now()
	} else {
		w.run.After = last
	}
	if err := w.keep(ctx); err != nil {
		return err
	}
	return w.pace.after(ctx, compared)
}

// together cuts both pages where the one that ends first does, so that all of each key is there, and returns the last key
// that was looked at; "" at the end of both.
func together(old, fresh []scanned, limit int) (_, _ []scanned, last string) {
	for _, page := range [][]scanned{old, fresh} {
		if len(page) == limit && (last == "" || page[limit-1].key < last) {
			last = page[limit-1].key
		}
	}
	if last == "" {
		return old, fresh, ""
	}
	return upTo(old, last), upTo(fresh, last), last
}

func upTo(rows []scanned, last string) []scanned {
	n := len(rows)
	for n > 0 && rows[n-1].key > last {
		n--
	}
	return rows[:n]
}

// merge walks through both sides' rows, and returns how many keys there are and which of them are not the same on both.
func merge(old, fresh []scanned, differ func(old, fresh any) bool) (compared int, suspects []string) {
	for len(old) > 0 || len(fresh) > 0 {
		compared++
		switch {
		case len(fresh) == 0 || len(old) > 0 && old[0].key < fresh[0].key:
			suspects, old = append(suspects, old[0].key), old[1:]
		case len(old) == 0 || fresh[0].key < old[0].key:
			suspects, fresh = append(suspects, fresh[0].key), fresh[1:]
		default:
			if differ(old[0].row, fresh[0].row) {
				suspects = append(suspects, old[0].key)
			}
			old, fresh = old[1:], fresh[1:]
		}
	}
	return compared, suspects
}
