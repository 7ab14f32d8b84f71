package middleware

import (
	"crypto/rand"
	"strconv"
	"strings"
	"time"

	"github.com/gorilla/sessions"
)

// visitor is a browser's id, with the time at which its cookie was written.
type visitor struct {
	id    string
	since time.Time
}

// visitorRenewal is the age at which a visitor's cookie is written anew where the store lets it last, so that it never
// expires for somebody who comes now and then.
const visitorRenewal = 7 * 24 * time.Hour

// renewalIn is the age at which a store's visitors are written anew. A store that forgets earlier than browsers do, or
// does not say when, hears of them as often as of pins, so that what it remembers counts from a visitor's last minutes;
// and more often yet, down to each page, where it forgets about as quickly as a pin turns. Nothing can be done for
// somebody who is away for longer than the store remembers, or only keeps a page open that asks less often; nor where a
// store forgets within minutes and does not say so.
func renewalIn(store sessions.Store) time.Duration {
	switch memory := memoryOf(store); {
	case memory >= visitorAge:
		return visitorRenewal
	case memory > 0:
		return min(PinLife, (memory / 2).Truncate(time.Minute))
	}
	return PinLife
}

// memoryOf is how long gorilla's own stores say that they remember; 0: it cannot be known.
func memoryOf(store sessions.Store) time.Duration {
	var options *sessions.Options
	switch s := store.(type) {
	case *sessions.CookieStore:
		options = s.Options
	case *sessions.FilesystemStore:
		options = s.Options
	}
	if options == nil {
		return 0
	}
	return time.Duration(options.MaxAge) * time.Second
}

// newVisitorID draws 130 random bits.
func newVisitorID() string { return rand.Text() }

func (v visitor) encode() string {
	return strconv.FormatInt(v.since.Unix(), 36) + "." + v.id
}

func decodeVisitor(text string) (visitor, bool) {
	since, id, _ := strings.Cut(text, ".")
	seconds, err := strconv.ParseInt(since, 36, 64)
	if err != nil || id == "" || len(id) > 64 {
		return visitor{}, false
	}
	return visitor{id, time.Unix(seconds, 0)}, true
}
