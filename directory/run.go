package directory

import (
	"cmp"
	"context"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/toprent/flags/models"
	"github.com/toprent/flags/telemetry"
)

// lastFlush is how long the flush at the end may take.
const lastFlush = 5 * time.Second

const (
	remembered = 400 * 24 * time.Hour // since somebody was last seen
	forgetting = 24 * time.Hour       // between looks for those who were not seen since
)

// Run stores what was seen every now and then, until ctx is done, and then once more. At its start it begins to read who
// was seen before, for the pages. Nothing of the directory goes on once it has returned, and pages show what was read last.
func (d *Directory) Run(ctx context.Context) error {
	defer d.stopLooking()
	d.readAll(ctx)
	tick, daily := time.NewTicker(d.flush), time.NewTicker(forgetting)
	defer tick.Stop()
	defer daily.Stop()
	d.forget(ctx)
	for {
		select {
		case <-tick.C:
			d.flushLogged(ctx)
		case <-daily.C:
			d.forget(ctx)
		case <-ctx.Done():
			ending, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastFlush)
			defer cancel()
			d.flushLogged(ending)
			return ctx.Err()
		}
	}
}

// forget removes those who were not seen for more than a year. Pages of this instance show them until it is started
// again.
func (d *Directory) forget(ctx context.Context) {
	if err := d.store.ForgetSeen(ctx, remembered); err != nil && ctx.Err() == nil {
		d.log.Info("directory: who was seen long ago stays stored; it is tried again tomorrow", "error", err)
	}
}

// stopLooking ends the looks that go on, and lets nobody begin another.
func (d *Directory) stopLooking() {
	d.looksMu.Lock()
	d.end()
	d.looksMu.Unlock()
	d.looking.Wait()
}

func (d *Directory) flushLogged(ctx context.Context) {
	if err := d.Flush(ctx); err != nil && ctx.Err() == nil {
		d.log.Error("directory: who was seen could not be stored; it is tried again", "error", err)
	}
}

// Flush stores what was seen since the last one. What cannot be stored now waits for the next.
func (d *Directory) Flush(ctx context.Context) (failed error) {
	d.storing.Lock()
	defer d.storing.Unlock()
	d.clock.Store(time.Now().Unix())
	d.mu.Lock()
	pending, minted := d.pending, d.minted
	d.pending, d.minted = map[pendingKey]models.DirectorySubject{}, map[mintedKey]int64{}
	d.mu.Unlock()

	if len(pending) > 0 || len(minted) > 0 {
		var end telemetry.End
		if ctx, end = d.telemetry.Start(ctx, telemetry.Work{Kind: telemetry.Flush, Name: "directory"}); end != nil {
			defer func() { end(failed, slog.Int64(telemetry.Rows, int64(len(pending)))) }()
		}
	}
	for environment, b := range batches(pending, minted) {
		if err := d.store.RecordMinted(ctx, environment, b.minted); err != nil {
			failed = cmp.Or(failed, err)
		} else {
			b.minted = nil
		}
		if err := d.store.RecordSeen(ctx, environment, b.subjects); err != nil {
			failed = cmp.Or(failed, err)
		} else {
			b.subjects = nil
		}
		d.putBack(environment, b)
	}
	return failed
}

// batchOf is what is stored of one environment.
type batchOf struct {
	subjects []models.DirectorySubject
	minted   map[string]int64
}

func batches(pending map[pendingKey]models.DirectorySubject, minted map[mintedKey]int64) map[string]*batchOf {
	all := map[string]*batchOf{}
	of := func(environment string) *batchOf {
		if all[environment] == nil {
			all[environment] = &batchOf{minted: map[string]int64{}}
		}
		return all[environment]
	}
	for key, row := range pending {
		b := of(key.environment)
		b.subjects = append(b.subjects, row)
	}
	for key, count := range minted {
		of(key.environment).minted[key.day] = count
	}
	for _, b := range all { // in the order of the index, which is quicker to write
		slices.SortFunc(b.subjects, func(a, b models.DirectorySubject) int {
			return cmp.Or(strings.Compare(a.Kind, b.Kind), strings.Compare(a.ID, b.ID))
		})
	}
	return all
}

// putBack lets what could not be stored wait for the next flush, behind what was seen meanwhile. Some subjects may be
// stored already: to store them again changes nothing.
func (d *Directory) putBack(environment string, b *batchOf) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, row := range b.subjects {
		if _, newer := d.pending[pendingKey{environment, row.Kind, row.ID}]; !newer {
			d.keep(environment, row)
		}
	}
	for day, count := range b.minted {
		d.minted[mintedKey{environment, day}] += count
	}
}
