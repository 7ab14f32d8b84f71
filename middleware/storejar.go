package middleware

import (
	"context"
	"net/http"
	"time"

	"github.com/gorilla/sessions"
)

// storeJar keeps both in any store of sessions, one session each: the pin for a day, the visitor for good, if the
// store lets them.
type storeJar struct {
	store                            sessions.Store
	pinName, visitorName, workedName string
	secure                           bool
}

// sessionValue is the key within each session.
const sessionValue = "v"

// pinAge is longer than a pin lives, so that the pinned time of a session never goes back.
const pinAge = 24 * time.Hour

func (j *storeJar) pin(r *http.Request) (pin, bool) { return decodePin(j.get(r, j.pinName)) }

func (j *storeJar) visitor(r *http.Request, _ time.Time) (visitor, bool) {
	return decodeVisitor(j.get(r, j.visitorName))
}

func (j *storeJar) savePin(w http.ResponseWriter, r *http.Request, p pin) error {
	return j.save(w, r, j.pinName, p.encode(), pinAge)
}

func (j *storeJar) saveVisitor(w http.ResponseWriter, r *http.Request, v visitor) error {
	return j.save(w, r, j.visitorName, v.encode(), visitorAge)
}

func (j *storeJar) worked(r *http.Request) (worked, bool) {
	return decodeWorked(j.get(r, j.workedName))
}

func (j *storeJar) saveWorked(w http.ResponseWriter, r *http.Request, was worked, age time.Duration) error {
	return j.save(w, r, j.workedName, was.encode(), age)
}

func (j *storeJar) get(r *http.Request, name string) string {
	session, err := j.store.Get(apart(r), name)
	if err != nil || session == nil {
		return ""
	}
	text, _ := session.Values[sessionValue].(string)
	return text
}

func (j *storeJar) save(w http.ResponseWriter, r *http.Request, name, text string, age time.Duration) error {
	r = apart(r)
	session, err := j.store.Get(r, name) // with an error it is a new session all the same
	if session == nil {
		return err
	}
	session.Values[sessionValue] = text
	session.Options = &sessions.Options{Path: "/", MaxAge: int(age / time.Second), HttpOnly: true, Secure: j.secure, SameSite: http.SameSiteLaxMode}
	return j.store.Save(r, w, session)
}

// apart gives the request without the sessions that the host has got with it, and keeps ours from the host: sessions.Save
// saves all that a request has got, so ours would be written by requests that write none, with the store's own attributes,
// and with what was in them before another request changed it.
func apart(r *http.Request) *http.Request { return r.WithContext(withoutSessions{r.Context()}) }

type withoutSessions struct{ context.Context }

func (c withoutSessions) Value(key any) any {
	value := c.Context.Value(key)
	if _, is := value.(*sessions.Registry); is {
		return nil
	}
	return value
}
