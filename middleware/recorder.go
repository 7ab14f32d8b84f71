package middleware

import (
	"net/http"

	"github.com/gin-gonic/gin"
	"github.com/toprent/flags/ruleset"
)

// Recorder hears what people really got, such as an analytics.Recorder. Its methods are called on the request's path: they
// must be quick, never wait, and be safe for concurrent use. What they are given must not be changed, nor kept beyond the
// call but for its texts.
type Recorder interface {
	// Answered is told at the end of each request that asked for values, which know what was read. sent says that a page
	// was made of them and went out as one: so somebody was shown what was read.
	Answered(who *ruleset.Subject, place string, values ruleset.Values, sent bool)

	// Exposed is told that somebody was shown a value by something else than a page.
	Exposed(who *ruleset.Subject, place string, values ruleset.Values, shown ruleset.Detail)

	// Gated is told what a gate did.
	Gated(who *ruleset.Subject, place string, values ruleset.Values, gate ruleset.Detail, outcome Outcome)

	// Upgrading is told that somebody came to the upgrade page for a flag's sake.
	Upgrading(who *ruleset.Subject, place string, values ruleset.Values, flag ruleset.Detail)

	// Track records something that the host measures. The error says what is wrong with it.
	Track(who *ruleset.Subject, place, name string, value float64) error

	// Admit reports whether a report of this browser is looked at: one that sends too many is not.
	Admit(who *ruleset.Subject) bool

	// Refused counts, by its cause, a browser's report that is not believed, or not understood, and what cannot be tracked.
	Refused(cause string)
}

// Outcome is what a gate did.
type Outcome int

const (
	Granted Outcome = iota // it let the request through
	Denied                 // it did not
	Offered                // it did not, and offered the upgrade that would
)

// Exposed says that who is asking has been shown a flag's value by something that is no page, such as a fragment or an
// answer of an API. Pages need not say so: what is read while they are made counts as shown once they are sent.
func Exposed(c *gin.Context, key string) {
	if r, ok := requestOf(c); ok && r.records() {
		values := r.valuesNow(c)
		if shown, exists := values.Peek(key); exists {
			r.middleware.Recorder.Exposed(&r.subject, c.FullPath(), values, shown)
		}
	}
}

// Track records something that the host measures of who is asking, such as a booking or its price: see analytics.Recorder.
// Without a Recorder nothing is recorded.
func Track(c *gin.Context, name string, value float64) error {
	r, ok := requestOf(c)
	if !ok || !r.records() {
		return nil
	}
	r.valuesNow(c)
	err := r.middleware.Recorder.Track(&r.subject, c.FullPath(), name, value)
	if err != nil { // few hosts look
		r.middleware.Recorder.Refused(causeTracked)
	}
	return err
}

// Upgrading says that who is asking has come to the page that sells a feature, so that it is known which prompts lead
// there. A key that is no flag is ignored, since it comes from a link; so is a page that is fetched ahead.
func Upgrading(c *gin.Context, key string) {
	if r, ok := requestOf(c); ok && r.records() && r.wanted() {
		values := r.valuesNow(c)
		if flag, exists := values.Peek(key); exists {
			r.middleware.Recorder.Upgrading(&r.subject, c.FullPath(), values, flag)
		}
	}
}

// records reports whether what happens in this request is recorded. A preview is nobody's own.
func (r *request) records() bool { return r.middleware.Recorder != nil && r.preview == nil }

// route says where something happened, without what is one person's. What may go on after the request asks the context that
// it has: the request's own is another's by then.
func (r *request) route() string { return r.context.FullPath() }

// recordAnswer tells what was read in a request that is over.
func (r *request) recordAnswer(sent bool) {
	if r.records() && r.evaluated.Load() {
		r.middleware.Recorder.Answered(&r.subject, r.route(), r.values, sent)
	}
}

// wentOut reports whether a page was made and somebody will see it: not one whose reader has gone.
func (r *request) wentOut() bool {
	return r.writer.shows && r.wanted() && r.context.Request.Context().Err() == nil
}

// wanted reports whether somebody has asked for what they will see: not one for a page ahead, or for its headers.
func (r *request) wanted() bool {
	request := r.context.Request
	return request.Method != http.MethodHead && (r.page || !isAhead(request.Header))
}

// recordGate tells what a gate did. What nobody will see offers nothing.
func (f Flags) recordGate(key string, outcome Outcome) {
	if r := f.request; r != nil && r.records() {
		if outcome == Offered && !r.wanted() {
			outcome = Denied
		}
		if gate, exists := f.Peek(key); exists {
			r.middleware.Recorder.Gated(&r.subject, r.route(), f.Values, gate, outcome)
		}
	}
}
