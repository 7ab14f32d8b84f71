package middleware

import (
	"net/http"
	"strconv"
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

// wasWorking reports whether the session was at work when something began. Its own pin says so, which was signed by then,
// or what was kept of that when the pin was replaced. So nobody can claim it who was not there.
func (r *request) wasWorking(asked *http.Request, start time.Time) bool {
	jar := r.middleware.jar
	if p, ok := jar.pin(asked); ok && p.id.Environment == r.middleware.Flags.Environment() && proves(p.time, start) {
		return true
	}
	worked, ok := jar.worked(asked)
	return ok && proves(worked, start)
}

// keepWorking keeps, as a session gets a new pin while it may still go on, what its old one proves. It lasts until nobody
// may go on.
func (r *request) keepWorking(w http.ResponseWriter) {
	m := r.middleware
	if r.replaced == 0 || r.preview != nil {
		return
	}
	all, now := m.maintenancesIn(r.view), m.Flags.Now()
	var last time.Time
	for _, maintenance := range all.found {
		until, drains := maintenance.Drained()
		if drains && maintenance.Begun(now) && proves(r.replaced, *maintenance.Start) && until.After(last) {
			last = until
		}
	}
	if !last.After(now) {
		return
	}
	if err := m.jar.saveWorked(w, r.context.Request, r.replaced, max(last.Sub(now), time.Second)); err != nil {
		m.log.Error("flags: it could not be kept that a session was at work, so maintenance ends it with its next page", "error", err)
	}
}

func encodeWorked(at int64) string { return strconv.FormatInt(at, 36) }

func decodeWorked(text string) (int64, bool) {
	at, err := strconv.ParseInt(text, 36, 64)
	return at, err == nil && at > 0
}
