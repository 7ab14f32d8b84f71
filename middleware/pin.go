package middleware

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/toprent/flags/ruleset"
	"github.com/toprent/flags/service"
)

const (
	// PinLife is how long a session keeps to its revision. With a poll every 5 s ± 20 % and a browser that asks at
	// most 15 s after expiry, every open page has a change within 5 minutes.
	PinLife = 4*time.Minute + 30*time.Second

	// maxAhead is how far in the future a pin may lie, since instances' clocks differ.
	maxAhead = 30 * time.Second
)

// pin names the rules that a session is under: a revision, and the time that moving percentages are read at. It says
// nothing of the person, so that all who come within a second get the same one.
type pin struct {
	id   ruleset.ID
	time int64 // Unix seconds, by the database's clock
}

func (p pin) at() time.Time { return time.Unix(p.time, 0) }

// holds reports whether a pin of this environment still counts, given how long pins of its sort live.
func (p pin) holds(environment string, now time.Time, life time.Duration) bool {
	age := now.Sub(p.at())
	return p.id.Environment == environment && age < life && age >= -maxAhead
}

// pinning is the rules that a request is under.
type pinning struct {
	view      service.View
	at        time.Time // the pinned time
	pinned    pin       // the session's or the form's; or what a session without one would get now
	newPin    bool      // the session is to get it
	returning bool      // the request brought a pin that counts, so the subject is likely to come again
	replaced  int64     // the time of the session's pin that the new one takes the place of, in Unix seconds; 0: there was none
}

// pin finds the rules for a request: those of its form, else those of its session, else the newest. Only who writes
// pins gets a new one.
func (m *middleware) pin(r *http.Request, now time.Time, writes bool) pinning {
	if form, ok := m.formPin(r, now); ok {
		if rules, ok := m.under(r, form, now, formLife); ok {
			return rules
		}
	}
	old, had := m.jar.pin(r)
	if had {
		if rules, ok := m.under(r, old, now, PinLife); ok {
			return rules
		}
	}
	view := m.Flags.Newest()
	fresh := pin{view.Revision(), later(now, old, had).Unix()}
	rules := pinning{view: view, at: fresh.at(), pinned: fresh, newPin: writes && !view.IsZero()}
	if had && old.id.Environment == m.Flags.Environment() {
		rules.replaced = old.time
	}
	return rules
}

// under gives the rules that a pin names, if it still counts. One above the head names a revision that another
// instance has just published: if that does not come at once, the session gets the newest that is here, and keeps its
// pin.
func (m *middleware) under(r *http.Request, p pin, now time.Time, life time.Duration) (pinning, bool) {
	if !p.holds(m.Flags.Environment(), now, life) {
		return pinning{}, false
	}
	newest := m.Flags.Newest() // before the look-up, so that a refresh in between is no reason to lose the pin
	view, ok := m.Flags.Pinned(p.id)
	ahead := !ok && !newest.IsZero() && p.id.Number > newest.Revision().Number
	if ahead {
		view, ok = m.Flags.Await(r.Context(), p.id)
	}
	switch {
	case ok:
		return pinning{view: view, at: p.at(), pinned: p, returning: true}, true
	case ahead:
		return pinning{view: m.Flags.Newest(), at: later(now, p, true), pinned: p}, true
	}
	return pinning{}, false
}

// later keeps a session's pinned time from going back, unless the old one lies too far ahead to be true.
func later(now time.Time, old pin, had bool) time.Time {
	if had && old.at().After(now) && old.at().Sub(now) <= maxAhead {
		return old.at()
	}
	return now
}

// remaining is how long the pin still lives; a little at least, so that no browser asks in a circle.
func (r *request) remaining() time.Duration {
	if r.view.IsZero() {
		return 15 * time.Second // nothing to serve yet: ask again soon
	}
	left := PinLife - r.middleware.Flags.Now().Sub(r.pinned.at())
	if r.preview != nil { // when it is over, the browser asks for the values without it
		left = min(left, r.preview.until().Sub(r.middleware.Flags.Now()))
	}
	return min(max(left, time.Second), PinLife)
}

// encode writes a pin as text: environment, revision, digest and time.
func (p pin) encode() string {
	return fmt.Sprintf("1.%d.%s.%d.%s", p.id.Number, p.id.Digest, p.time, p.id.Environment)
}

// decodePin reads what encode wrote; false for anything else.
func decodePin(text string) (p pin, ok bool) {
	parts := strings.SplitN(text, ".", 5)
	if len(parts) != 5 || parts[0] != "1" || len(parts[2]) != 2*len(p.id.Digest) {
		return pin{}, false
	}
	number, err1 := strconv.ParseInt(parts[1], 10, 64)
	err2 := p.id.Digest.UnmarshalText([]byte(parts[2]))
	seconds, err3 := strconv.ParseInt(parts[3], 10, 64)
	if err1 != nil || err2 != nil || err3 != nil || number < 0 || seconds < 0 {
		return pin{}, false
	}
	p.id.Number, p.id.Environment, p.time = number, parts[4], seconds
	return p, true
}
