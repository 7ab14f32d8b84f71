package middleware

import (
	"crypto/rand"
	"strconv"
	"strings"
	"time"
)

// visitor is a browser's id, with the time at which its cookie was written.
type visitor struct {
	id    string
	since time.Time
}

// visitorRenewal is the age at which a visitor's cookie is written anew, so that it never expires for somebody who
// comes now and then.
const visitorRenewal = 7 * 24 * time.Hour

func (v visitor) isOld(now time.Time) bool { return now.Sub(v.since) > visitorRenewal }

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
