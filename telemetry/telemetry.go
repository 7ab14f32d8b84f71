// Package telemetry is how the other packages tell what they do to whoever watches. It knows the standard library only, so
// an app that watches with Prometheus (telemetry/flagmetrics), with OpenTelemetry (telemetry/flagtraces), in a way of its
// own or not at all compiles and downloads nothing more than it uses.
//
//	metrics, traces := flagmetrics.New(), flagtraces.New(flagtraces.Options{})
//	hooks := telemetry.Join(metrics.Hooks(), traces.Hooks())
//	flags, err := service.New(ctx, service.Config{Source: store, Environment: "production", Telemetry: hooks})
package telemetry

import (
	"context"
	"log/slog"
	"time"
)

// Hooks are told of what is done. All are optional, and one that is nil costs a comparison. They are called on the way of
// what they are told of, a request among others, and by many at once: they must be quick, never wait and never panic.
type Hooks struct {
	// Begin is told that a piece of work begins, and gives the context that it is done under.
	Begin Begin

	// Evaluated is told how long it took to give all values of a subject, and whether they were still known from before: of
	// one evaluation in [Sampled], chosen at random.
	Evaluated func(took time.Duration, cached bool)
}

// Sampled is of how many evaluations one is timed: asking the time would cost more than some of them.
const Sampled = 64

// Begin is told that a piece of work begins. It gives the context that the work is done under, and what is to be called
// once when it has ended; nil if nobody wants to know how it ends.
type Begin func(ctx context.Context, work Work) (context.Context, End)

// End is told how a piece of work ended: its error, and what is known of it then.
type End func(err error, attributes ...slog.Attr)

// Work is what is done.
type Work struct {
	Kind Kind
	Name string // of changes: publish, kill and so on; of flushes: the queue's
}

// Kind is what sort of work it is.
type Kind uint8

// The kinds of work, each with the attributes that are known at its end.
const (
	Evaluate Kind = iota + 1 // give all values of a request's subject: Environment, Revision, Flags, Cached
	Refresh                  // ask the source for the newest revision: Environment, Revision, Flags, New
	Change                   // change something, in one transaction: Result, and Made once for each revision that it made
	Flush                    // store or send what waits in a queue: Rows
)

var kindNames = [...]string{"", "evaluate", "refresh", "change", "flush"}

// String gives the kind's name.
func (k Kind) String() string { return kindNames[k] }

// Attributes, by their names.
const (
	Environment = "environment" // string
	Revision    = "revision"    // int64: of an evaluation the pinned one
	Flags       = "flags"       // int64: how many there are
	Cached      = "cached"      // bool: the subject's values were still known
	New         = "new"         // bool: there was something new
	Result      = "result"      // string: of a change, see below
	Made        = "made"        // MadeRevision
	Rows        = "rows"        // int64
)

// Results of changes. A change that is refused or in conflict is its author's to mend; the other two are an operator's.
const (
	Done        = "done"
	Refused     = "refused"     // it is wrong, has to be approved, or is about something that there is not
	Conflict    = "conflict"    // somebody else was quicker
	Unavailable = "unavailable" // the database could not be reached
	Failed      = "failed"      // anything else
)

// MadeRevision is a revision that a change has made.
type MadeRevision struct {
	Environment string
	Number      int64
	Kind        string // publish, kill, lift, import, rollback, promote, recall, maintenance and so on
}

// Join gives hooks that tell all the others, in their order.
func Join(all ...Hooks) Hooks {
	var joined Hooks
	for _, hooks := range all {
		joined.Begin = joinBegin(joined.Begin, hooks.Begin)
		joined.Evaluated = joinEvaluated(joined.Evaluated, hooks.Evaluated)
	}
	return joined
}

func joinBegin(a, b Begin) Begin {
	if a == nil || b == nil {
		return either(a, b, a != nil)
	}
	return func(ctx context.Context, work Work) (context.Context, End) {
		ctx, endA := a(ctx, work)
		ctx, endB := b(ctx, work)
		if endA == nil || endB == nil {
			return ctx, either(endA, endB, endA != nil)
		}
		return ctx, func(err error, attributes ...slog.Attr) {
			endB(err, attributes...)
			endA(err, attributes...)
		}
	}
}

func joinEvaluated(a, b func(time.Duration, bool)) func(time.Duration, bool) {
	if a == nil || b == nil {
		return either(a, b, a != nil)
	}
	return func(took time.Duration, cached bool) {
		a(took, cached)
		b(took, cached)
	}
}

func either[T any](a, b T, first bool) T {
	if first {
		return a
	}
	return b
}

// Start begins a piece of work under hooks of which Begin may be nil, as may be the end that it gives.
func (h Hooks) Start(ctx context.Context, work Work) (context.Context, End) {
	if h.Begin == nil {
		return ctx, nil
	}
	return h.Begin(ctx, work)
}
