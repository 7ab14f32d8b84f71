package middleware

import (
	"net/http"
	"time"

	"github.com/gorilla/securecookie"
	"github.com/gorilla/sessions"
	"github.com/patrickmn/go-cache"
)

// jar keeps a session's pin and visitor. What it cannot read does not exist: a corrupt or foreign cookie gets a fresh
// one, and no error page.
type jar interface {
	pin(*http.Request) (pin, bool)
	visitor(*http.Request) (visitor, bool)
	savePin(http.ResponseWriter, *http.Request, pin) error
	saveVisitor(http.ResponseWriter, *http.Request, visitor) error
}

// visitorAge is how long a browser may keep a visitor's cookie: the longest that browsers allow.
const visitorAge = 400 * 24 * time.Hour

// NewCookieStore returns a session store of signed cookies with attributes fit for sessions: HttpOnly, SameSite=Lax,
// for the whole host, and lasting. Each key signs with HMAC-SHA256 and should be 32 random bytes; the first one
// signs, the others are still accepted, so that keys can be changed.
func NewCookieStore(keys ...[]byte) *sessions.CookieStore {
	pairs := make([][]byte, 0, 2*len(keys))
	for _, key := range keys {
		pairs = append(pairs, key, nil)
	}
	store := sessions.NewCookieStore(pairs...)
	store.MaxAge(int(visitorAge / time.Second))
	store.Options.HttpOnly = true
	store.Options.SameSite = http.SameSiteLaxMode
	return store
}

// newJar takes the short way where the store is gorilla's cookie store: the same cookies by the same codecs, but
// decoded once. Any other store is asked as it wants to be.
func newJar(config Config) (jar, signer) {
	forms := signer{codecs: securecookie.CodecsFromPairs(formKey(config))}
	store, ok := config.Sessions.(*sessions.CookieStore)
	if !ok {
		return &storeJar{store: config.Sessions, name: config.CookieName, secure: config.Secure}, forms
	}
	if len(config.FormKey) == 0 {
		forms.codecs = store.Codecs
	}
	return &cookieJar{
		codecs:   store.Codecs,
		name:     config.CookieName,
		secure:   config.Secure,
		pins:     newMemo(maxPins),
		visitors: newMemo(maxVisitors),
		encoded:  newMemo(maxPins),
	}, forms
}

func formKey(config Config) []byte {
	if len(config.FormKey) > 0 {
		return config.FormKey
	}
	return securecookie.GenerateRandomKey(32)
}

// cookie has the attributes of all our cookies.
func cookie(name, value string, secure bool, age time.Duration) *http.Cookie {
	return &http.Cookie{Name: name, Value: value, Path: "/", MaxAge: int(age / time.Second), HttpOnly: true, Secure: secure, SameSite: http.SameSiteLaxMode}
}

const (
	maxPins     = 2_000  // few are alive at a time: one for each second of a pin's life, and those of other revisions
	maxVisitors = 20_000 // like the values' cache
)

// memo remembers what a cookie's value says, so that its signature is checked once. Only what was signed here gets
// in. When full it forgets everything.
type memo struct {
	size  int
	items *cache.Cache
}

func newMemo(size int) *memo { return &memo{size, cache.New(cache.NoExpiration, 0)} }

func (m *memo) get(key string) (any, bool) { return m.items.Get(key) }

func (m *memo) put(key string, value any) {
	if m.items.ItemCount() >= m.size {
		m.items.Flush()
	}
	m.items.SetDefault(key, value)
}

// maxCookie is the longest cookie that is looked at, in bytes: browsers keep none that is longer.
const maxCookie = 4096

// cookieJar keeps both in signed cookies.
type cookieJar struct {
	codecs   []securecookie.Codec
	name     string
	secure   bool
	pins     *memo // of cookies, to pin
	visitors *memo // of cookies, to visitor
	encoded  *memo // of pins, to cookie
}

func (j *cookieJar) pinName() string     { return j.name + "-pin" }
func (j *cookieJar) visitorName() string { return j.name + "-visitor" }

func (j *cookieJar) pin(r *http.Request) (pin, bool) {
	value := cookieOf(r, j.pinName())
	if known, ok := j.pins.get(value); ok {
		return known.(pin), true
	}
	text, ok := j.open(j.pinName(), value)
	if !ok {
		return pin{}, false
	}
	p, ok := decodePin(text)
	if ok {
		j.pins.put(value, p)
	}
	return p, ok
}

func (j *cookieJar) visitor(r *http.Request) (visitor, bool) {
	value := cookieOf(r, j.visitorName())
	if known, ok := j.visitors.get(value); ok {
		return known.(visitor), true
	}
	text, ok := j.open(j.visitorName(), value)
	if !ok {
		return visitor{}, false
	}
	v, ok := decodeVisitor(text)
	if ok {
		j.visitors.put(value, v)
	}
	return v, ok
}

// open checks a cookie's signature and gives what was signed.
func (j *cookieJar) open(name, value string) (text string, ok bool) {
	if value == "" || len(value) > maxCookie {
		return "", false
	}
	return text, securecookie.DecodeMulti(name, value, &text, j.codecs...) == nil
}

func (j *cookieJar) savePin(w http.ResponseWriter, _ *http.Request, p pin) error {
	text := p.encode()
	if known, ok := j.encoded.get(text); ok {
		w.Header().Add("Set-Cookie", known.(string))
		return nil
	}
	value, err := securecookie.EncodeMulti(j.pinName(), text, j.codecs...)
	if err != nil {
		return err
	}
	header := cookie(j.pinName(), value, j.secure, 0).String()
	j.encoded.put(text, header)
	w.Header().Add("Set-Cookie", header)
	return nil
}

func (j *cookieJar) saveVisitor(w http.ResponseWriter, _ *http.Request, v visitor) error {
	value, err := securecookie.EncodeMulti(j.visitorName(), v.encode(), j.codecs...)
	if err == nil {
		http.SetCookie(w, cookie(j.visitorName(), value, j.secure, visitorAge))
	}
	return err
}

func cookieOf(r *http.Request, name string) string {
	c, err := r.Cookie(name)
	if err != nil {
		return ""
	}
	return c.Value
}

// storeJar keeps both in any store of sessions, one session each: the pin lives as long as the browser, the visitor
// for good.
type storeJar struct {
	store  sessions.Store
	name   string
	secure bool
}

// sessionValue is the key within each session.
const sessionValue = "v"

func (j *storeJar) get(r *http.Request, name string) (string, bool) {
	session, err := j.store.Get(r, j.name+name)
	if err != nil || session == nil {
		return "", false
	}
	text, ok := session.Values[sessionValue].(string)
	return text, ok
}

func (j *storeJar) save(w http.ResponseWriter, r *http.Request, name, text string, age time.Duration) error {
	session, err := j.store.Get(r, j.name+name) // on an error it is a new session all the same
	if session == nil {
		return err
	}
	session.Values[sessionValue] = text
	session.Options = &sessions.Options{Path: "/", MaxAge: int(age / time.Second), HttpOnly: true, Secure: j.secure, SameSite: http.SameSiteLaxMode}
	return j.store.Save(r, w, session)
}

func (j *storeJar) pin(r *http.Request) (pin, bool) {
	text, ok := j.get(r, "-pin")
	if !ok {
		return pin{}, false
	}
	return decodePin(text)
}

func (j *storeJar) visitor(r *http.Request) (visitor, bool) {
	text, ok := j.get(r, "-visitor")
	if !ok {
		return visitor{}, false
	}
	return decodeVisitor(text)
}

func (j *storeJar) savePin(w http.ResponseWriter, r *http.Request, p pin) error {
	// Longer than the pin itself lives, so that the pinned time of a session never goes back.
	return j.save(w, r, "-pin", p.encode(), 24*time.Hour)
}

func (j *storeJar) saveVisitor(w http.ResponseWriter, r *http.Request, v visitor) error {
	return j.save(w, r, "-visitor", v.encode(), visitorAge)
}
