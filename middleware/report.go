package middleware

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"strings"

	"github.com/gin-gonic/gin"
	"github.com/toprent/flags/ruleset"
)

// report is what a browser tells of its page: which values its code has read, and what it measures. It is written as a list,
// the tag of the values first: ["\"tag\"", "a-key", ["booked", 129.5], ["clicked"]].
type report struct {
	tag   string
	read  []string
	track []tracked
}

type tracked struct {
	name  string
	value float64
}

func (r *report) UnmarshalJSON(text []byte) error {
	var parts []json.RawMessage
	if err := json.Unmarshal(text, &parts); err != nil || len(parts) == 0 {
		return errors.New("it is no list that begins with the tag of the values")
	}
	if err := json.Unmarshal(parts[0], &r.tag); err != nil { // null, where a proxy has taken it away, is none
		return errors.New("the tag of the values is no text")
	}
	for _, part := range parts[1:] {
		switch part[0] {
		case '"':
			var key string
			_ = json.Unmarshal(part, &key) // it is a string
			r.read = append(r.read, key)
		case '[':
			r.track = append(r.track, trackedOf(part))
		default:
			return errors.New(`it has something that is neither a flag's key nor a list such as ["booked", 1]`)
		}
	}
	if len(r.read) > maxRead {
		return fmt.Errorf("it has more than %d keys", maxRead)
	}
	return nil
}

// trackedOf reads what a page's code has tracked, which may be anything: a name that is no text becomes the empty one, and a
// value that is no number becomes NaN, as which JSON cannot write it, for the Recorder to refuse.
func trackedOf(text []byte) tracked {
	var parts []json.RawMessage
	_ = json.Unmarshal(text, &parts) // it is a list
	t := tracked{value: 1}
	if len(parts) > 0 && parts[0][0] == '"' {
		_ = json.Unmarshal(parts[0], &t.name)
	}
	if len(parts) > 1 && (json.Unmarshal(parts[1], &t.value) != nil || parts[1][0] == 'n') {
		t.value = math.NaN()
	}
	return t
}

const (
	maxReport  = 64 << 10 // bytes: as many as browsers send so
	maxRead    = 1000     // keys of a report
	maxTracked = 50       // things of a report
)

// Why a report is refused.
const (
	causeForeign  = "from another site"
	causeStranger = "from a browser without a session"
	causeMany     = "too many"
	causeLarge    = "too large"
	causeUnread   = "not understood"
	causeStale    = "of values that the session does not have"
	causeUnknown  = "of a flag that browsers do not have"
	causeTracked  = "of something that cannot be tracked"
)

// Report takes what the browser tells of a page. It is for groups: register it as a POST beside [Refresh], where there is a
// Recorder.
func Report(c *gin.Context) {
	r, ok := requestOf(c)
	if !ok || r.middleware.Recorder == nil {
		c.AbortWithStatus(http.StatusNotFound)
		return
	}
	r.receive(c)
}

// receive takes a browser's report. Nothing in it is believed: what was read counts only if the server, too, finds that this
// session has those values. What is told of a preview is nobody's own, and forgotten.
func (r *request) receive(c *gin.Context) {
	h := c.Writer.Header()
	h.Set("Cache-Control", "no-store")
	if r.records() {
		if status, cause, err := r.take(c); err != nil {
			r.middleware.Recorder.Refused(cause)
			c.AbortWithStatusJSON(status, gin.H{"error": err.Error()})
			return
		}
	}
	c.Status(http.StatusNoContent)
	c.Writer.WriteHeaderNow()
}

func (r *request) take(c *gin.Context) (status int, cause string, err error) {
	m := r.middleware
	if http.NewCrossOriginProtection().Check(c.Request) != nil {
		return http.StatusForbidden, causeForeign, errors.New("a report is taken from this site's own pages alone")
	}
	values := r.valuesNow(c)
	if r.subject.User == "" && !r.known {
		return http.StatusForbidden, causeStranger, errors.New("a report needs the session of the page that it is about: load the page again")
	}
	if !m.Recorder.Admit(&r.subject) {
		h := c.Writer.Header()
		h.Set("Retry-After", "60")
		return http.StatusTooManyRequests, causeMany, errors.New("this browser reports too much: wait a minute")
	}
	body, err := io.ReadAll(io.LimitReader(c.Request.Body, maxReport+1))
	if err != nil {
		return http.StatusBadRequest, causeUnread, errors.New("the report did not arrive whole")
	}
	if len(body) > maxReport {
		c.Writer.Header().Set("Connection", "close") // the rest is not read
		return http.StatusRequestEntityTooLarge, causeLarge, fmt.Errorf("a report has at most %d bytes", maxReport)
	}
	var told report
	if err := json.Unmarshal(body, &told); err != nil {
		return http.StatusBadRequest, causeUnread, fmt.Errorf("the report cannot be read: %w", err)
	}
	shown, status, cause, err := r.verified(told, values)
	if err != nil {
		return status, cause, err
	}
	wrong := r.trackAll(told.track)
	for _, detail := range shown { // a mistake in what a page tracks spoils nothing else
		m.Recorder.Exposed(&r.subject, InBrowser, values, detail)
	}
	if wrong != nil {
		return http.StatusUnprocessableEntity, causeTracked, wrong
	}
	return 0, "", nil
}

// trackAll records what can be tracked: a page's mistake in one thing does not spoil the others.
func (r *request) trackAll(things []tracked) (wrong error) {
	if len(things) > maxTracked {
		wrong = fmt.Errorf("the report tracks %d things: only the first %d are taken", len(things), maxTracked)
		things = things[:maxTracked]
	}
	for _, thing := range things {
		if err := r.middleware.Recorder.Track(&r.subject, InBrowser, thing.name, thing.value); err != nil && wrong == nil {
			wrong = err
		}
	}
	return wrong
}

// InBrowser is the place of what a browser tells, as a [Recorder] hears it.
const InBrowser = "browser"

// verified gives what a browser has shown, if it is what this session has.
func (r *request) verified(told report, values ruleset.Values) (shown []ruleset.Detail, status int, cause string, err error) {
	if len(told.read) == 0 {
		return nil, 0, "", nil
	}
	encoded := values.JSON()
	if tag := string(append(appendTag([]byte{'"'}, encoded), '"')); told.tag != tag && strings.TrimPrefix(told.tag, "W/") != tag {
		return nil, http.StatusConflict, causeStale, errors.New("the session has other values now: what was read of the old ones is not counted")
	}
	for _, key := range told.read {
		detail, exists := values.Peek(key)
		if !exists || !values.ClientVisible(key) {
			return nil, http.StatusUnprocessableEntity, causeUnknown, fmt.Errorf("%.128q is no flag that browsers have", key)
		}
		shown = append(shown, detail)
	}
	return shown, 0, "", nil
}
