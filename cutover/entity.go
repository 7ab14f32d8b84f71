package cutover

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"reflect"
	"sync/atomic"
	"time"
)

// Config describes an entity. Q is what can be asked, R the answer, C a change of one row, V a row. A change that waits for
// the second side is kept as JSON.
type Config[Q, R, C, V any] struct {
	Flag     string             // key of the migration flag that says where the entity is; required
	Old, New Side[Q, R, C, V]   // all their functions are required
	Journal  *Journal           // where writes are announced; defaults to that of the Options
	Key      func(row V) string // the row's key; required

	// Tenant is the tenant that a row belongs to. Defaults to none: then a row that was changed on both sides, while they
	// could not be kept equal, is copied from the authority of those who ask for all tenants.
	Tenant func(row V) string

	// Same reports whether two rows, one of each side, are equal. Defaults to reflect.DeepEqual.
	Same func(a, b V) bool

	// SameResult reports whether two sides gave the same answer to a query. Defaults to reflect.DeepEqual.
	SameResult func(query Q, old, new R) bool

	// Clone copies an answer, so that it can be compared while the caller changes its own. Defaults to asking the
	// authority once more for those answers that are compared.
	Clone func(answer R) R

	// Redact says what the settings pages may show of a difference. Defaults to nothing of it.
	Redact func(query Q, old, new R) (what, oldText, newText string)

	// Sample is the share of reads, in the stages that read both sides, that do so and are compared. Defaults to all: 1.
	Sample float64

	// Comparing is how many comparisons run at once; more are left out. Defaults to 16.
	Comparing int

	// Timeout is how long the side that is not the authority, and the bookkeeping after a write, may take. A second
	// write that takes longer is repaired later. Defaults to 2 seconds.
	Timeout time.Duration

	// Patience is how long a call waits, at most, for what was written to the side that was the authority before; that side
	// may take half of it to say what it has marked. It is never longer than Timeout. Defaults to half a second.
	Patience time.Duration

	// JournalTimeout is how long announcing a write may take. Then the write goes to the authority alone, and its row is
	// marked. Defaults to 1 second.
	JournalTimeout time.Duration

	// Lease is how long a row stays with a writer that was killed. Defaults to 5 seconds.
	Lease time.Duration

	// Logger is told what is repaired and what cannot be. Defaults to slog.Default().
	Logger *slog.Logger
}

// Entity reads and writes rows on the sides where they are. It is safe for concurrent use.
type Entity[Q, R, C, V any] struct {
	config  Config[Q, R, C, V]
	stages  Stages
	journal *Journal
	counted *stats
	queue   queue
	compare chan struct{} // a place for each comparison under way

	settlers [2]settler // by authority
	making   queue      // lets in one after the other who make up for what waits of a tenant

	journalDown atomic.Int64    // until then, the journal is not tried: nanoseconds since 1970
	sideDown    [2]atomic.Int64 // until then, the side is not written by those who could do without
}

// NewEntity makes an entity whose stages come from elsewhere than a Cutover, for instance a test. Somebody has to call
// Repair again and again.
func NewEntity[Q, R, C, V any](config Config[Q, R, C, V], stages Stages) (*Entity[Q, R, C, V], error) {
	if err := config.check(); err != nil {
		return nil, err
	}
	if config.Same == nil {
		config.Same = func(a, b V) bool { return reflect.DeepEqual(a, b) }
	}
	if config.SameResult == nil {
		config.SameResult = func(_ Q, a, b R) bool { return reflect.DeepEqual(a, b) }
	}
	if config.Redact == nil {
		config.Redact = func(Q, R, R) (what, oldText, newText string) { return "", "", "" }
	}
	if config.Logger == nil {
		config.Logger = slog.Default()
	}
	config.Sample = orDefault(config.Sample, 1)
	config.Comparing = orDefault(config.Comparing, 16)
	config.Timeout = orDefault(config.Timeout, 2*time.Second)
	config.Patience = min(config.Timeout, orDefault(config.Patience, 500*time.Millisecond))
	config.JournalTimeout = orDefault(config.JournalTimeout, time.Second)
	config.Lease = orDefault(config.Lease, 5*time.Second)
	return &Entity[Q, R, C, V]{config: config, stages: stages, journal: config.Journal, counted: newStats(), compare: make(chan struct{}, config.Comparing)}, nil
}

func orDefault[T comparable](v, otherwise T) T {
	var zero T
	if v == zero {
		return otherwise
	}
	return v
}

func (c Config[Q, R, C, V]) check() error {
	var problems []error
	need := func(ok bool, what string) {
		if !ok {
			problems = append(problems, fmt.Errorf("cutover of %q: %s is missing", c.Flag, what))
		}
	}
	need(c.Flag != "", "Flag")
	need(c.Journal != nil, "Journal")
	need(c.Key != nil, "Key")
	for _, which := range [...]which{oldSide, newSide} {
		s := [...]Side[Q, R, C, V]{c.Old, c.New}[which]
		need(s.Store != nil, "Store of the "+which.String()+" side")
		need(s.Read != nil && s.Apply != nil && s.Scan != nil && s.Get != nil && s.Put != nil && s.Remove != nil, "a function of the "+which.String()+" side")
	}
	if oneStore(c.Old.Store, c.New.Store) {
		problems = append(problems, fmt.Errorf("cutover of %q: %s", c.Flag, oneDatabase))
	}
	return errors.Join(problems...)
}

// which names a side.
type which uint8

const (
	oldSide which = iota
	newSide
	neither // a repair's authority
)

func (w which) String() string { return [...]string{"old", "new"}[w] }
func (w which) other() which   { return 1 - w }

// sideOf is the side that is, or is not, the new one.
func sideOf(isNew bool) which {
	if isNew {
		return newSide
	}
	return oldSide
}

func (e *Entity[Q, R, C, V]) side(w which) *Side[Q, R, C, V] {
	if w == newSide {
		return &e.config.New
	}
	return &e.config.Old
}

// after bounds what goes on although the caller may have given up.
func (e *Entity[Q, R, C, V]) after(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), e.config.Timeout)
}

func (e *Entity[Q, R, C, V]) sampled() bool {
	return e.config.Sample >= 1 || rand.Float64() < e.config.Sample
}

// guarded runs a host's functions. Their panic is their side's error, and the transaction around them is rolled back.
func guarded(side which, do func() error) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = &PanicError{Side: side.String(), Value: r}
		}
	}()
	return do()
}
