// Package review knows which flags have outlived their use. It keeps what it found for a minute, so that pages, the
// navigation and the weekly letters ask it freely; whoever changes a flag is answered anew at once.
package review

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/toprent/flags/internal/catalog"
	"github.com/toprent/flags/internal/lifecycle"
	"github.com/toprent/flags/models"
)

// Reviews is safe for concurrent use.
type Reviews struct {
	store   *models.Store
	catalog *catalog.Catalog

	mu        sync.Mutex // guards what follows
	kept      map[string]*Queue
	standings map[standingKey]time.Time // since when; it never changes for one version of a flag's settings
}

// New makes the reviews of a database. It reads nothing before it is asked.
func New(store *models.Store, catalog *catalog.Catalog) *Reviews {
	return &Reviews{store: store, catalog: catalog, kept: map[string]*Queue{}, standings: map[standingKey]time.Time{}}
}

// Item is a flag that somebody should look at, or said that it stays.
type Item struct {
	models.FeatureFlag
	Title string // for people: the key if it has no title
	lifecycle.Verdict
	In      []lifecycle.Served // where it is served
	Uses    int64              // lines of code that use it
	InCode  time.Time          // when code that uses it was last seen; zero: never
	Scanned bool               // code was ever scanned, so that no use means something
}

// Served reports whether the flag is served in an environment.
func (i Item) Served(environment string) bool {
	return slices.ContainsFunc(i.In, func(s lifecycle.Served) bool { return s.Environment == environment })
}

// Has reports whether the flag is stale for that reason.
func (i Item) Has(kind lifecycle.Kind) bool {
	return slices.ContainsFunc(i.Reasons, func(r lifecycle.Reason) bool { return r.Kind == kind })
}

// Queue is what was found. It must not be changed.
type Queue struct {
	Stale []*Item // the longest-standing first
	Kept  []*Item // stale, but for a review: the first to come back first
	ByKey map[string]*Item
	At    time.Time

	flags *catalog.Flags
	heads string
}

// fresh is how long a queue may be used: reads and days come without a change.
const fresh = time.Minute

// maxKept is how many sets of environments a queue is kept for.
const maxKept = 50

// Queue looks at all flags in the environments with these names: those that the reader may see.
func (r *Reviews) Queue(ctx context.Context, names []string) (*Queue, error) {
	flags, err := r.catalog.Flags(ctx)
	if err != nil {
		return nil, err
	}
	all, err := r.catalog.Environments(ctx)
	if err != nil {
		return nil, err
	}
	seen := slices.DeleteFunc(all, func(e *catalog.Environment) bool { return !slices.Contains(names, e.Name) })
	uploads, err := r.store.CodeUploads(ctx)
	if err != nil {
		return nil, err
	}
	heads := headsOf(seen) + stampOf(uploads)
	key := strings.Join(names, "\n")
	r.mu.Lock()
	kept := r.kept[key]
	r.mu.Unlock()
	if kept != nil && kept.flags == flags && kept.heads == heads && time.Since(kept.At) < fresh {
		return kept, nil
	}
	queue, err := r.look(ctx, flags, seen, len(uploads) > 0)
	if err != nil {
		return nil, err
	}
	queue.flags, queue.heads = flags, heads
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.kept) >= maxKept {
		clear(r.kept)
	}
	r.kept[key] = queue
	return queue, nil
}

// Known gives what was found last, however long ago, without looking; nil: nothing was.
func (r *Reviews) Known(names []string) *Queue {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.kept[strings.Join(names, "\n")]
}

func headsOf(environments []*catalog.Environment) string {
	var b strings.Builder
	for _, e := range environments {
		fmt.Fprint(&b, e.ID(), e.Version, " ")
	}
	return b.String()
}

func stampOf(uploads []models.CodeUpload) string {
	var newest time.Time
	for _, upload := range uploads {
		if upload.UploadedAt.After(newest) {
			newest = upload.UploadedAt.Time
		}
	}
	return fmt.Sprint(len(uploads), newest)
}

// look judges all flags. scanned says that code was ever scanned.
func (r *Reviews) look(ctx context.Context, flags *catalog.Flags, seen []*catalog.Environment, scanned bool) (*Queue, error) {
	now, err := r.store.Now(ctx)
	if err != nil {
		return nil, err
	}
	code, err := r.store.CodeUses(ctx)
	if err != nil {
		return nil, err
	}
	in, visible, err := r.served(ctx, flags, seen, now)
	if err != nil {
		return nil, err
	}
	q := &Queue{ByKey: map[string]*Item{}, At: time.Now()}
	for key, flag := range flags.ByKey {
		there := in[key]
		item := &Item{FeatureFlag: flag, Title: cmp.Or(strings.TrimSpace(flag.Title), key), In: there.in,
			Uses: code[key].Uses, InCode: code[key].Found, Scanned: scanned}
		item.Verdict = lifecycle.Judge(lifecycle.Facts{Created: flag.CreatedAt.Time, PlannedRemoval: flag.PlannedRemoval.Optional(),
			ReviewedAt: flag.ReviewedAt.Optional(), KeepUntil: flag.KeepUntil.Optional(), Elsewhere: visible[key],
			In: there.in, Archived: there.archived && len(there.in) == 0}, now)
		q.ByKey[key] = item
		switch {
		case item.Stale():
			q.Stale = append(q.Stale, item)
		case len(item.Reasons) > 0:
			q.Kept = append(q.Kept, item)
		}
	}
	slices.SortFunc(q.Stale, func(a, b *Item) int {
		return cmp.Or(oldest(a).Compare(oldest(b)), strings.Compare(a.Name, b.Name))
	})
	slices.SortFunc(q.Kept, func(a, b *Item) int { return cmp.Or(a.Kept.Compare(b.Kept), strings.Compare(a.Name, b.Name)) })
	return q, nil
}

func oldest(i *Item) time.Time {
	at := i.Reasons[0].Since
	for _, reason := range i.Reasons {
		if reason.Since.Before(at) {
			at = reason.Since
		}
	}
	return at
}
