package middleware

import (
	"iter"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"github.com/gorilla/securecookie"
	"github.com/gorilla/sessions"
)

const (
	maxPins     = 2_000  // few are alive at a time: one for each second of a pin's life, and those of other revisions
	maxVisitors = 20_000 // like the values' cache
)

// maxCookie is the longest cookie that is looked at, in bytes: browsers keep none that is longer.
const maxCookie = 4096

// maxTries is how many cookies of one name are looked at: browsers send few, and each costs a signature.
const maxTries = 8

// cookieJar keeps both in signed cookies.
type cookieJar struct {
	codecs                           []securecookie.Codec
	pinName, visitorName, workedName string
	secure                           bool
	pinAttributes, visitorAttributes string

	believed time.Duration // how old a visitor may be that the memo still speaks for
	pins     *memo[pin]
	visitors *memo[visitor]
	latest   atomic.Pointer[pinCookie]
}

// pinCookie is the Set-Cookie header of a pin. All who come within a second get the same one.
type pinCookie struct {
	pin    pin
	header string
}

func (j *cookieJar) pin(r *http.Request) (pin, bool) {
	return read(r, j.pinName, j.codecs, j.pins, decodePin)
}

// visitor asks the codecs again about one who is old. The memo knows no age, and an instance that goes by it would take
// for known whom all others have forgotten.
func (j *cookieJar) visitor(r *http.Request, now time.Time) (visitor, bool) {
	v, ok := read(r, j.visitorName, j.codecs, j.visitors, decodeVisitor)
	if ok && now.Sub(v.since) >= j.believed {
		return read(r, j.visitorName, j.codecs, nil, decodeVisitor)
	}
	return v, ok
}

// believedIn is the age from which a store may have forgotten a visitor: they should have been written anew by then.
func believedIn(store sessions.Store) time.Duration {
	if memory := memoryOf(store); memory >= visitorAge {
		return memory
	}
	return renewalIn(store)
}

// read gives what the first good cookie of a name says. There may be others: whoever controls a neighbouring
// subdomain can put one in front, which must not cost anybody the pin.
func read[T any](r *http.Request, name string, codecs []securecookie.Codec, known *memo[T], decode func(string) (T, bool)) (T, bool) {
	tries := 0
	for value := range cookiesOf(r, name) {
		if tries++; tries > maxTries {
			break
		}
		if content, ok := known.get(value); ok {
			return content, true
		}
		if content, ok := decode(open(codecs, name, value)); ok {
			known.put(value, content)
			return content, true
		}
	}
	var none T
	return none, false
}

// cookiesOf gives the values of a request's cookies of one name. Unlike net/http it makes no list of all others.
func cookiesOf(r *http.Request, name string) iter.Seq[string] {
	return func(yield func(string) bool) {
		for _, rest := range r.Header["Cookie"] {
			for rest != "" {
				var one string
				one, rest, _ = strings.Cut(rest, ";")
				one = strings.Trim(one, " \t")
				if len(one) > len(name) && one[len(name)] == '=' && one[:len(name)] == name && !yield(one[len(name)+1:]) {
					return
				}
			}
		}
	}
}

// open gives what was signed; nothing if it was not signed with one of our keys.
func open(codecs []securecookie.Codec, name, value string) string {
	var text string
	if value == "" || len(value) > maxCookie || securecookie.DecodeMulti(name, value, &text, codecs...) != nil {
		return ""
	}
	return text
}

func (j *cookieJar) savePin(w http.ResponseWriter, _ *http.Request, p pin) error {
	latest := j.latest.Load()
	if latest == nil || latest.pin != p {
		value, err := securecookie.EncodeMulti(j.pinName, p.encode(), j.codecs...)
		if err != nil {
			return err
		}
		latest = &pinCookie{p, j.pinName + "=" + value + j.pinAttributes}
		j.latest.Store(latest)
	}
	w.Header().Add("Set-Cookie", latest.header)
	return nil
}

func (j *cookieJar) saveVisitor(w http.ResponseWriter, _ *http.Request, v visitor) error {
	value, err := securecookie.EncodeMulti(j.visitorName, v.encode(), j.codecs...)
	if err == nil {
		w.Header().Add("Set-Cookie", j.visitorName+"="+value+j.visitorAttributes)
	}
	return err
}

// worked decodes anew each time: few sessions have the cookie, and none for long.
func (j *cookieJar) worked(r *http.Request) (worked, bool) {
	return read(r, j.workedName, j.codecs, nil, decodeWorked)
}

func (j *cookieJar) saveWorked(w http.ResponseWriter, _ *http.Request, was worked, age time.Duration) error {
	value, err := securecookie.EncodeMulti(j.workedName, was.encode(), j.codecs...)
	if err == nil {
		w.Header().Add("Set-Cookie", j.workedName+"="+value+attributes(j.workedName, j.secure, age))
	}
	return err
}

// cookie has the attributes of all our cookies. Without an age it lasts as long as the browser runs.
func cookie(name string, secure bool, age time.Duration) *http.Cookie {
	return &http.Cookie{Name: name, Path: "/", MaxAge: int(age / time.Second), HttpOnly: true, Secure: secure, SameSite: http.SameSiteLaxMode}
}

// attributes are what follows a cookie's name and value.
func attributes(name string, secure bool, age time.Duration) string {
	return strings.TrimPrefix(cookie(name, secure, age).String(), name+"=")
}
