package middleware

import (
	"net/http"
	"time"

	"github.com/gorilla/securecookie"
	"github.com/gorilla/sessions"
)

// jar keeps a session's pin and visitor. What it cannot read does not exist: a corrupt or foreign cookie gets a fresh
// one, and no error page.
type jar interface {
	pin(*http.Request) (pin, bool)
	visitor(r *http.Request, now time.Time) (visitor, bool)
	savePin(http.ResponseWriter, *http.Request, pin) error
	saveVisitor(http.ResponseWriter, *http.Request, visitor) error

	// worked is when the session was at work, as its pin said that was replaced while maintenance drained.
	worked(*http.Request) (worked, bool)
	saveWorked(w http.ResponseWriter, r *http.Request, was worked, age time.Duration) error
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
	for _, codec := range store.Codecs {
		if c, ok := codec.(*securecookie.SecureCookie); ok {
			c.SetSerializer(serializer{})
		}
	}
	store.MaxAge(int(visitorAge / time.Second))
	store.Options.HttpOnly = true
	store.Options.SameSite = http.SameSiteLaxMode
	return store
}

// serializer writes a text as it is and all else as gob, whose first value costs more than the signature.
type serializer struct{ gob securecookie.GobEncoder }

func (s serializer) Serialize(from any) ([]byte, error) {
	if text, ok := from.(string); ok {
		return []byte(text), nil
	}
	return s.gob.Serialize(from)
}

func (s serializer) Deserialize(from []byte, to any) error {
	if text, ok := to.(*string); ok {
		*text = string(from)
		return nil
	}
	return s.gob.Deserialize(from, to)
}

// newJar takes the short way where the store is gorilla's cookie store: the same cookies by the same codecs, but
// decoded once. Any other store is asked as it wants to be.
func newJar(config Config) (jar, signer, error) {
	pinName, visitorName, workedName := config.CookieName+"-pin", config.CookieName+"-visitor", config.CookieName+"-worked"
	store, ok := config.Sessions.(*sessions.CookieStore)
	if !ok {
		forms, err := newSigner("Config.FormKey", securecookie.CodecsFromPairs(formKey(config)))
		return &storeJar{store: config.Sessions, pinName: pinName, visitorName: visitorName, workedName: workedName, secure: config.Secure}, forms, err
	}
	forms, err := newSigner("a key of Config.Sessions", store.Codecs)
	if err == nil && len(config.FormKey) > 0 {
		forms, err = newSigner("Config.FormKey", securecookie.CodecsFromPairs(config.FormKey))
	}
	return &cookieJar{
		codecs:            store.Codecs,
		pinName:           pinName,
		visitorName:       visitorName,
		workedName:        workedName,
		secure:            config.Secure,
		pinAttributes:     attributes(pinName, config.Secure, 0),
		visitorAttributes: attributes(visitorName, config.Secure, visitorAge),
		believed:          believedIn(store),
		pins:              newMemo[pin](maxPins),
		visitors:          newMemo[visitor](maxVisitors),
	}, forms, err
}

func formKey(config Config) []byte {
	if len(config.FormKey) > 0 {
		return config.FormKey
	}
	return securecookie.GenerateRandomKey(32)
}

// headerOnly lets a session store add its cookie to headers that are about to be sent.
type headerOnly struct{ header http.Header }

func (w headerOnly) Header() http.Header       { return w.header }
func (headerOnly) Write(p []byte) (int, error) { return len(p), nil }
func (headerOnly) WriteHeader(int)             {}
