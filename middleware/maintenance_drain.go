package middleware

import (
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// workedWithin is how long before the start a session's last pin may be for the session to count as at work: as long as
// the pin of a form holds, so that whoever was typing can still send it.
const workedWithin = formLife

// startSlack is how much later than the start a pin may seem to be that was made before it, since instances' clocks differ
// a little. Nobody can use it to slip in: who is turned away gets no pin.
const startSlack = time.Second

// proves reports whether somebody who was at work at that moment was at work when something began.
func proves(worked int64, start time.Time) bool {
	before := start.Sub(time.Unix(worked, 0))
	return before > -startSlack && before <= workedWithin
}

// worked is what a session keeps of having been at work as its pin is replaced: when, where, and before which starts. It is
// signed like the pin, and proves nothing for another environment or for a start that it does not name.
type worked struct {
	environment string
	at          int64   // Unix seconds, by the pin that was replaced
	before      []int64 // the starts, in Unix nanoseconds
}

// wasWorking reports whether the session was at work when something began. Its own pin says so, which was signed by then,
// or what was kept of that when the pin was replaced. So nobody can claim it who was not there.
func (r *request) wasWorking(asked *http.Request, start time.Time) bool {
	jar, environment := r.middleware.jar, r.middleware.Flags.Environment()
	if p, ok := jar.pin(asked); ok && p.id.Environment == environment && proves(p.time, start) {
		return true
	}
	w, ok := jar.worked(asked)
	return ok && w.environment == environment && slices.Contains(w.before, start.UnixNano()) && proves(w.at, start)
}

// maxStarts is how many maintenances that drain at once are kept apart. There is one; several are several variants.
const maxStarts = 8

// keepWorking keeps, as a session gets a new pin while it may still go on, what its old one proves. It lasts until nobody
// may go on.
func (r *request) keepWorking(w http.ResponseWriter) {
	m := r.middleware
	if r.replaced == 0 || r.preview != nil {
		return
	}
	all, now := m.maintenancesIn(r.view), m.Flags.Now()
	kept := worked{environment: m.Flags.Environment(), at: r.replaced}
	var last time.Time
	for _, maintenance := range all.found {
		until, drains := maintenance.Drained()
		if !drains || !maintenance.Begun(now) || !until.After(now) || !proves(r.replaced, *maintenance.Start) {
			continue
		}
		if start := maintenance.Start.UnixNano(); len(kept.before) < maxStarts && !slices.Contains(kept.before, start) {
			kept.before = append(kept.before, start)
		}
		if until.After(last) {
			last = until
		}
	}
	if len(kept.before) == 0 {
		return
	}
	if err := m.jar.saveWorked(w, r.context.Request, kept, max(last.Sub(now), time.Second)); err != nil {
		m.log.Error("flags: it could not be kept that a session was at work, so maintenance ends it with its next page", "error", err)
	}
}

// encode writes when, where, and before what, such as "sg3k1c.production.h3x8q2k1vy0w".
func (w worked) encode() string {
	parts := []string{strconv.FormatInt(w.at, 36), w.environment}
	for _, start := range w.before {
		parts = append(parts, strconv.FormatInt(start, 36))
	}
	return strings.Join(parts, " ")
}

func decodeWorked(text string) (w worked, ok bool) {
	parts := strings.Split(text, " ")
	if len(parts) < 3 || len(parts) > 2+maxStarts {
		return worked{}, false
	}
	at, err := strconv.ParseInt(parts[0], 36, 64)
	w = worked{environment: parts[1], at: at}
	for _, part := range parts[2:] {
		start, wrong := strconv.ParseInt(part, 36, 64)
		w.before, err = append(w.before, start), errors.Join(err, wrong)
	}
	return w, err == nil && at > 0
}
