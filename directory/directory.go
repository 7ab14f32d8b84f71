// Package directory remembers who was seen: every signed-in person and every tenant, with the attributes that are on an
// allow-list, and anonymous visitors as counts only. It is what pages answer "who has it?" from.
//
// What is kept of somebody is what was seen of them last. When that was is right to about an hour, so that ten thousand
// people who browse all day are not ten thousand rows that are written all day. Seeing somebody costs a request next to
// nothing: what is new waits in memory, bounded, and is stored in batches beside all requests.
package directory

import (
	"context"
	"hash/maphash"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/toprent/flags/internal/noted"
	"github.com/toprent/flags/models"
	"github.com/toprent/flags/ruleset"
	"github.com/toprent/flags/telemetry"
)

// Options are all optional.
type Options struct {
	// Attributes are the names of the attributes that are kept; defaults to none. Of texts only those of at most 256
	// bytes are kept, of lists the first 20 elements.
	Attributes []string

	// Flush is how often what was seen is stored; defaults to 10 seconds.
	Flush time.Duration

	// Logger defaults to slog.Default().
	Logger *slog.Logger

	// Telemetry hears of flushes, as of those of a queue named directory. Defaults to none.
	Telemetry telemetry.Hooks
}

// again is after how long somebody who is there all the time is written anew, so that it is known when they were seen.
const again = time.Hour

// maxPending is how many subjects wait to be stored at once. What comes on top is dropped and counted; it is kept when it
// is seen again.
const maxPending = 50_000

// Directory remembers who was seen. It is safe for concurrent use.
type Directory struct {
	store      *models.Store
	attributes []string // sorted
	flush      time.Duration
	log        *slog.Logger
	telemetry  telemetry.Hooks

	seed    maphash.Seed
	clock   atomic.Int64 // Unix seconds, as of the last flush: asking the time would cost more than all the rest
	noted   *noted.Table // who was noted lately: it is read without a lock
	dropped atomic.Int64

	mu      sync.Mutex // guards what waits
	pending map[pendingKey]models.DirectorySubject
	minted  map[mintedKey]int64

	storing sync.Mutex // one flush at a time
	looking sync.WaitGroup
	looksMu sync.Mutex
	looks   map[string]*look // by environment
	life    context.Context  // of all looks: it ends with Run
	end     context.CancelFunc
}

type pendingKey struct{ environment, kind, id string }

type mintedKey struct{ environment, day string }

// New makes a directory. Nothing is stored before Run is called.
func New(store *models.Store, options Options) *Directory {
	if options.Flush <= 0 {
		options.Flush = 10 * time.Second
	}
	if options.Logger == nil {
		options.Logger = slog.Default()
	}
	d := &Directory{store: store, attributes: slices.Compact(slices.Sorted(slices.Values(options.Attributes))), flush: options.Flush, log: options.Logger, telemetry: options.Telemetry,
		seed: maphash.MakeSeed(), noted: noted.New(1 << 17), pending: map[pendingKey]models.DirectorySubject{}, minted: map[mintedKey]int64{}, looks: map[string]*look{}}
	d.life, d.end = context.WithCancel(context.Background())
	d.clock.Store(time.Now().Unix())
	return d
}

// Saw notes that a subject was seen in an environment; of somebody who is not signed in, the tenant alone. It never waits
// for the database. Whose id is longer than 256 bytes, or could not be stored, is dropped and counted.
func (d *Directory) Saw(environment string, subject ruleset.Subject) {
	if subject.User == "" && subject.Tenant == "" {
		return
	}
	identity, tag := d.fingerprint(environment, &subject)
	if d.noted.Has(identity, tag) {
		return
	}
	d.note(environment, &subject, identity, tag)
}

// Minted counts a visitor's id that was newly given to a browser: once for a browser that keeps cookies, for each page
// with one that does not. It is how many browsers came that were not known, never how many people.
func (d *Directory) Minted(environment string) {
	day := models.Day(time.Now())
	d.mu.Lock()
	d.minted[mintedKey{environment, day}]++
	d.mu.Unlock()
}

// Dropped is how many sightings were not kept, because too many waited or because an id could not be stored.
func (d *Directory) Dropped() int64 { return d.dropped.Load() }

// note keeps what is new for the next flush.
func (d *Directory) note(environment string, s *ruleset.Subject, identity, tag uint64) {
	if !storable(s.User) || !storable(s.Tenant) {
		d.dropped.Add(1)
		return
	}
	at := models.At(time.Now().Truncate(time.Second))
	d.mu.Lock()
	defer d.mu.Unlock()
	if s.Tenant != "" {
		tenant := ruleset.Subject{Tenant: s.Tenant, Plan: s.Plan, AddOns: s.AddOns}
		tenantIdentity, tenantTag := d.fingerprint(environment, &tenant)
		if !d.noted.Has(tenantIdentity, tenantTag) && d.keep(environment, rowOf(models.SeenTenant, s.Tenant, &tenant, nil, at)) {
			d.noted.Put(tenantIdentity, tenantTag)
		}
	}
	if s.User != "" && d.keep(environment, rowOf(models.SeenUser, s.User, s, d.attributes, at)) {
		d.noted.Put(identity, tag)
	}
}

// keep puts a row among those that wait, if there is room.
func (d *Directory) keep(environment string, row models.DirectorySubject) bool {
	key := pendingKey{environment, row.Kind, row.ID}
	if _, waits := d.pending[key]; !waits && len(d.pending) >= maxPending {
		d.dropped.Add(1)
		return false
	}
	d.pending[key] = row
	return true
}
