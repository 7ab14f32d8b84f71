package audit

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/toprent/flags/models"
)

// Options are all optional.
type Options struct {
	Key    []byte       // with which entries are chained, the same on all instances; none: a chain that proves less
	Queue  int          // how many notes may wait; defaults to 4096
	Logger *slog.Logger // defaults to slog.Default()
}

// Log is the audit of one database. It is safe for concurrent use.
type Log struct {
	store *models.Store
	key   []byte
	keyID string
	log   *slog.Logger

	notes   chan note
	dropped atomic.Int64 // notes that found no place
	ended   atomic.Bool  // Run is over: notes are written at once

	check check
}

// note is an entry of the access chain on its way.
type note struct {
	prepared
	at time.Time
}

// New makes the audit of a database.
func New(store *models.Store, options Options) *Log {
	if options.Queue <= 0 {
		options.Queue = 4096
	}
	if options.Logger == nil {
		options.Logger = slog.Default()
	}
	return &Log{store: store, key: options.Key, keyID: keyIDOf(options.Key), log: options.Logger,
		notes: make(chan note, options.Queue), check: check{wanted: make(chan struct{}, 1)}}
}

// Keyed reports whether entries are chained with a key. Without one, who can write the whole database can write another
// chain that is as whole.
func (l *Log) Keyed() bool { return len(l.key) > 0 }

// Append appends an entry to the configuration chain, as the last thing in the transaction: it is there if, and only if,
// what it tells of is.
func (l *Log) Append(ctx context.Context, tx *models.Tx, e Entry) error {
	p, err := prepare(ctx, e)
	if err != nil {
		return err
	}
	tx.AtEnd(func() error { return l.appendTo(ctx, tx, Configuration, []prepared{p}) })
	return nil
}

// AppendNow is Append for who is at the end of the transaction already.
func (l *Log) AppendNow(ctx context.Context, tx *models.Tx, e Entry) error {
	p, err := prepare(ctx, e)
	if err != nil {
		return err
	}
	return l.appendTo(ctx, tx, Configuration, []prepared{p})
}

// Forgot is the entry that tells that somebody was forgotten, and how many personal values that removed. It does not
// tell who.
func Forgot(author, as string, removed int64) Entry {
	return Entry{Action: forgetAction, Actor: author, Items: []Item{{Kind: "audit", Key: as, After: map[string]any{"personal_values_removed": removed}}}}
}

// Note appends an entry to the access chain, soon: it neither waits nor fails. Notes that find no place in the queue are
// counted, and the chain says how many there were.
func (l *Log) Note(ctx context.Context, e Entry) {
	p, err := prepare(ctx, e)
	if err != nil {
		l.log.Error("something could not be noted in the audit", "action", e.Action, "error", err)
		return
	}
	n := note{p, time.Now()}
	if l.ended.Load() {
		l.writeLast(ctx, []note{n})
		return
	}
	select {
	case l.notes <- n:
	default:
		if l.dropped.Add(1) == 1 {
			l.log.Error("the audit's queue is full: notes of sign-ins and refused attempts are dropped and counted")
		}
	}
}

// Dropped is how many notes found no place and are not told of in the chain yet.
func (l *Log) Dropped() int64 { return l.dropped.Load() }

// Run writes notes and verifies when it is asked to, until ctx is done; then it writes what still waits.
func (l *Log) Run(ctx context.Context) error {
	var running sync.WaitGroup
	running.Go(func() { l.verifyWhenAsked(ctx) })
	l.write(ctx)
	running.Wait()
	return ctx.Err()
}
