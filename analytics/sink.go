package analytics

import (
	"context"
	"time"

	"github.com/toprent/flags/models"
)

// Sink is another place for events. Each has a queue of its own, so one that is down or slow keeps nobody waiting.
type Sink interface {
	// Name is what pages, metrics and logs call it. No two sinks of a recorder have the same.
	Name() string

	// Send delivers at most 500 events, oldest first, which may be some that were sent before: their ids tell. After an
	// error none of them was taken, and all are sent again later, unless a [*Failure] says otherwise. Errors are logged
	// and shown, so they must hold no secret. Send is called by one goroutine at a time.
	Send(ctx context.Context, events []models.FeatureFlagEvent) error
}

// Failure is a sink's error that says what became of each event. Those that are in neither list are sent again: at once if
// something was settled, otherwise after a pause that grows.
type Failure struct {
	Err     error         // why; never nil
	Taken   []int         // indexes of events that were taken
	Refused []int         // indexes of events that are refused for good: they are dropped, counted and logged
	All     bool          // all of those that were not taken are refused for good
	After   time.Duration // how long the sink asks to be left alone; at most an hour of it is
}

func (f *Failure) Error() string { return f.Err.Error() }

func (f *Failure) Unwrap() error { return f.Err }

// Permanent says that events are refused for good, all of them: they are dropped, counted and logged.
func Permanent(err error) error { return &Failure{Err: err, All: true} }

// SinkState is how a sink is doing.
type SinkState struct {
	Name              string
	Waiting, Capacity int       // events that wait to be sent, and how many can
	Sent, Dropped     int64     // events
	Failures          int64     // attempts to send that failed
	LastSent          time.Time // when it last took events; zero: not yet
	Failing           bool      // the last attempt failed
	LastError         string    // of the last failure, if ever there was one
	LastErrorAt       time.Time
}

// SinkStates tells how the sinks are doing, in the order in which they were given.
func (r *Recorder) SinkStates() []SinkState {
	states := make([]SinkState, 0, len(r.queues))
	for _, q := range r.queues {
		states = append(states, q.State())
	}
	return states
}

// SinkQueues are what waits for each sink. Each can be watched:
//
//	for _, q := range recorder.SinkQueues() {
//		metrics.WatchQueue("sink "+q.Name(), q)
//	}
func (r *Recorder) SinkQueues() []*SinkQueue { return r.queues }

// toSinks puts events among those that wait for each sink.
func (r *Recorder) toSinks(events ...models.FeatureFlagEvent) {
	for _, q := range r.queues {
		for _, e := range events {
			q.put(e)
		}
	}
}
