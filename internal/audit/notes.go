package audit

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/toprent/flags/models"
)

const (
	atOnce    = 200                    // notes in one transaction
	gather    = 100 * time.Millisecond // how long a note waits for others
	again     = 2 * time.Second        // after a batch could not be written
	lastWrite = 5 * time.Second        // how long the end may take
	late      = 10 * time.Second       // from when on an entry says that it was written late
)

// write writes notes in the order in which they came. A batch that cannot be written is tried again, while others wait
// in the queue.
func (l *Log) write(ctx context.Context) {
	var batch []note
	failing := false
	for {
		if len(batch) == 0 {
			select {
			case n := <-l.notes:
				batch = append(batch, n)
			case <-ctx.Done():
				l.writeRest(ctx, nil)
				return
			}
			pause(ctx, gather)
		}
		batch = l.take(batch)
		err := l.writeBatch(ctx, batch)
		if err == nil {
			if failing {
				l.log.Info("the audit of sign-ins and refused attempts is written again")
			}
			batch, failing = nil, false
			continue
		}
		if ctx.Err() == nil {
			if !failing {
				l.log.Error("sign-ins and refused attempts cannot be written to the audit; they wait", "error", err)
			}
			failing = true
			pause(ctx, again)
		}
		if ctx.Err() != nil {
			l.writeRest(ctx, batch)
			return
		}
	}
}

func pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

// take adds what waits, up to a batch.
func (l *Log) take(batch []note) []note {
	for len(batch) < atOnce {
		select {
		case n := <-l.notes:
			batch = append(batch, n)
		default:
			return batch
		}
	}
	return batch
}

// writeRest writes all that waits, at the end. Notes that come later are written at once, by who brings them.
func (l *Log) writeRest(ctx context.Context, batch []note) {
	l.ended.Store(true)
	for {
		batch = l.take(batch)
		if len(batch) == 0 {
			return
		}
		l.writeLast(ctx, batch)
		batch = nil
	}
}

func (l *Log) writeLast(ctx context.Context, batch []note) {
	ending, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastWrite)
	defer cancel()
	if err := l.writeBatch(ending, batch); err != nil {
		l.log.Error("the last sign-ins and refused attempts could not be written to the audit", "lost", len(batch), "error", err)
	}
}

// writeBatch appends notes to the access chain in one transaction, after a word on those that were dropped.
func (l *Log) writeBatch(ctx context.Context, batch []note) error {
	dropped := l.dropped.Load()
	entries := make([]prepared, 0, len(batch)+1)
	for _, n := range batch {
		if since := time.Since(n.at); since > late {
			n.entry.Lines = lateLine(n)
		}
		entries = append(entries, n.prepared)
	}
	if dropped > 0 {
		word, err := prepare(context.Background(), Entry{Action: "dropped", Lines: []string{fmt.Sprintf("%d sign-ins or refused attempts are not told of: there were too many at once", dropped)}})
		if err != nil {
			return err
		}
		entries = append(entries, word)
	}
	err := l.store.Write(ctx, func(tx *models.Tx) error { return l.appendTo(ctx, tx, Access, entries) })
	if err == nil {
		l.dropped.Add(-dropped)
	}
	return err
}

// lateLine are the lines of a note that was written long after what it tells of.
func lateLine(n note) string {
	line := fmt.Sprintf("noted at %s, and written later: the database could not be written before", n.at.UTC().Format(time.RFC3339))
	if n.entry.Lines == "[]" {
		return `["` + line + `"]`
	}
	return strings.TrimSuffix(n.entry.Lines, "]") + `,"` + line + `"]`
}
