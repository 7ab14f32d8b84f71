package middleware

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/toprent/flags/ruleset"
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

// pin finds the rules for a request. Only who writes pins gets a new one.
func (m *middleware) pin(r *http.Request, writes bool) pinning {
	flags, now := m.Flags, m.Flags.Now()
	old, had := m.jar.pin(r)
	life := PinLife
	if formPin, ok := m.formPin(r); ok {
		old, had, life = formPin, true, formLife
	}
	if had && old.holds(flags.Environment(), now, life) {
		if view, ok := flags.Pinned(old.id); ok {
			return pinning{view: view, at: old.at(), pinned: old, returning: true}
		}
		if view := flags.Newest(); !view.IsZero() && old.id.Number > view.Newest().Number {
			return m.pinAhead(r, old, now)
		}
	}
	view := flags.Newest()
	fresh := pin{view.Revision(), later(now, old, had).Unix()}
	return pinning{view: view, at: fresh.at(), pinned: fresh, newPin: writes && !view.IsZero()}
}

// pinAhead serves a session whose revision another instance has just published. If it does not come at once, the
// session gets the newest that is here, and keeps its pin.
func (m *middleware) pinAhead(r *http.Request, old pin, now time.Time) pinning {
	if view, ok := m.Flags.Await(r.Context(), old.id); ok {
		return pinning{view: view, at: old.at(), pinned: old, returning: true}
	}
	return pinning{view: m.Flags.Newest(), at: later(now, old, true), pinned: old}
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
	return max(PinLife-r.middleware.Flags.Now().Sub(r.pinned.at()), time.Second)
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
