// Package analytics records who was shown what, which gates opened, what was offered and bought, and what the host measures;
// and how often each variant was the answer to a question, exactly. It is a middleware.Recorder.
//
//	recorder := analytics.New(store, flags, analytics.Options{})
//	go recorder.Run(ctx)
//	r.Use(middleware.New(middleware.Config{Flags: flags, …, Recorder: recorder}))
//
// A request never waits for it: what happened is kept in memory, within a bound, and stored every ten seconds. What is told
// at the end is stored before Run returns. A process that is killed loses what it had not stored, at most ten seconds of it,
// and the health page says so.
package analytics

import (
	"crypto/rand"
	"log/slog"
	"os"
	"time"

	"github.com/toprent/flags/telemetry"
)

// Options are all optional.
type Options struct {
	// Every is how often what happened is stored; defaults to 10 seconds. A process that is killed loses as much.
	Every time.Duration

	// MaxWaiting bounds the events that wait to be stored; further ones are dropped and counted. Defaults to 100,000, at about
	// 300 bytes each.
	MaxWaiting int

	// KeepEvents and KeepChecks are how many days events, and checks by the minute, are kept, at least 7; default to 400 and
	// 30. Checks by the day are kept for good.
	KeepEvents, KeepChecks int

	// Key makes the pseudonyms that stand where ids look like e-mail addresses: the same on all instances, and never another,
	// since somebody has another pseudonym then. The audit's key does well: who is forgotten is found by it. Defaults to one
	// of this process alone: then it is not known of two processes, or after a restart, who is the same.
	Key []byte

	// Emails stores ids that look like e-mail addresses as they are. Give it only where it is certain that events may have
	// them: sinks get them too.
	Emails bool

	// BrowserMetrics are the names that browsers may track. If there are none, browsers may track any, up to 1,000 different
	// ones a day in each process, since whoever has a page can invent some.
	BrowserMetrics []string

	// Sinks get every event too, each at its own pace; package sinks has some. Each has room for MaxWaiting events.
	Sinks []Sink

	// OnlySinks keeps events out of the database: sinks alone get them, and the pages that rest on events say so.
	OnlySinks bool

	// Host names the machine; defaults to its host name.
	Host string

	// Telemetry is told of each flush; see package telemetry. Defaults to none.
	Telemetry telemetry.Hooks

	// Logger defaults to slog.Default().
	Logger *slog.Logger
}

func (o Options) complete() Options {
	orElse := func(n *int, otherwise int) {
		if *n <= 0 {
			*n = otherwise
		}
	}
	if o.Every <= 0 {
		o.Every = 10 * time.Second
	}
	orElse(&o.MaxWaiting, 100_000)
	orElse(&o.KeepEvents, 400)
	orElse(&o.KeepChecks, 30)
	o.KeepEvents, o.KeepChecks = max(o.KeepEvents, 7), max(o.KeepChecks, 7)
	if len(o.Key) == 0 {
		o.Key = []byte(rand.Text())
	}
	if o.Host == "" {
		o.Host, _ = os.Hostname()
	}
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	return o
}
