package middleware_test

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/gorilla/sessions"
	"github.com/toprent/flags/flagtest"
	"github.com/toprent/flags/middleware"
)

// forgetfulSite is a site whose store forgets. Sessions that are on the server are in the folder.
type forgetfulSite struct {
	*site
	folder string
}

func forgetful(t *testing.T, store sessions.Store, folder string) *forgetfulSite {
	t.Helper()
	return &forgetfulSite{newSite(t, flagtest.Definition(t, "a", true), func(c *middleware.Config) { c.Sessions = store }), folder}
}

// passes lets time pass for the site, and for the store as well: all that was signed so far was signed that much earlier.
func (s *forgetfulSite) passes(d time.Duration, of *visitor) {
	s.Helper()
	s.later(d)
	for name, value := range of.cookies {
		if of.cookies[name] = resigned(name, value, d); of.cookies[name] == "" {
			s.Fatalf("%s was not signed with the key of tests", name)
		}
	}
	files, err := filepath.Glob(filepath.Join(s.folder, "session_*"))
	if err != nil {
		s.Fatal(err)
	}
	for _, file := range files {
		value, err := os.ReadFile(file)
		if err != nil {
			s.Fatal(err)
		}
		for _, name := range []string{"flags-pin", "flags-visitor"} {
			if earlier := resigned(name, string(value), d); earlier != "" {
				value = []byte(earlier)
			}
		}
		if err := os.WriteFile(file, value, 0o600); err != nil {
			s.Fatal(err)
		}
	}
}

// resigned gives what securecookie would have signed earlier, by the key of tests; nothing if it was not signed with it
// for that name.
func resigned(name, value string, earlier time.Duration) string {
	text, err := base64.URLEncoding.DecodeString(value)
	if err != nil {
		return ""
	}
	parts := bytes.SplitN(text, []byte("|"), 3) // time, content, MAC
	if len(parts) != 3 {
		return ""
	}
	sign := func(at, content []byte) []byte {
		mac := hmac.New(sha256.New, testKey)
		fmt.Fprintf(mac, "%s|%s|%s", name, at, content)
		return mac.Sum(nil)
	}
	seconds, err := strconv.ParseInt(string(parts[0]), 10, 64)
	if err != nil || !hmac.Equal(parts[2], sign(parts[0], parts[1])) {
		return ""
	}
	at := strconv.AppendInt(nil, seconds-int64(earlier/time.Second), 10)
	return base64.URLEncoding.EncodeToString(bytes.Join([][]byte{at, parts[1], sign(at, parts[1])}, []byte("|")))
}

// A host's own store does not say how long it remembers.
type ownStore struct{ sessions.Store }

// eachForgetful runs a test with stores that remember a visitor for that long at most.
func eachForgetful(t *testing.T, memory time.Duration, test func(t *testing.T, s *forgetfulSite)) {
	seconds := int(memory / time.Second)
	t.Run("cookies", func(t *testing.T) {
		store := sessions.NewCookieStore(testKey)
		store.MaxAge(seconds)
		test(t, forgetful(t, store, ""))
	})
	t.Run("files", func(t *testing.T) {
		folder := t.TempDir()
		store := sessions.NewFilesystemStore(folder, testKey)
		store.MaxAge(seconds)
		test(t, forgetful(t, store, folder))
	})
	t.Run("our cookies, shortened", func(t *testing.T) {
		store := middleware.NewCookieStore(testKey)
		store.MaxAge(seconds)
		test(t, forgetful(t, store, ""))
	})
	if memory < 2*middleware.PinLife {
		return // it would have to be known
	}
	t.Run("a store of the host's own", func(t *testing.T) {
		store := sessions.NewCookieStore(testKey)
		store.MaxAge(seconds)
		test(t, forgetful(t, ownStore{store}, ""))
	})
	t.Run("cookies whose options say more than is true", func(t *testing.T) {
		store := sessions.NewCookieStore(testKey)
		store.MaxAge(seconds)
		store.Options = &sessions.Options{MaxAge: 30 * 24 * 60 * 60}
		test(t, forgetful(t, store, ""))
	})
}

func TestAVisitorWhoBrowsesStaysWhoTheyAre(t *testing.T) {
	for _, one := range []struct{ memory, between time.Duration }{
		{30 * 24 * time.Hour, 29 * 24 * time.Hour},
		{time.Hour, 50 * time.Minute},
		{time.Hour, 4 * time.Minute},
		{time.Hour, time.Minute},
		{10 * time.Minute, 5 * time.Minute},
		{5 * time.Minute, 2*time.Minute + 50*time.Second},
		{5 * time.Minute, 50 * time.Second},
		{time.Minute, 50 * time.Second},
		{10 * time.Second, 5 * time.Second},
	} {
		t.Run(fmt.Sprintf("%v each %v", one.memory, one.between), func(t *testing.T) {
			eachForgetful(t, one.memory, func(t *testing.T, s *forgetfulSite) {
				ann := s.visit()
				ann.opens("/")
				first := s.visitorOf(ann)
				for passed := time.Duration(0); passed < 3*one.memory; passed += one.between {
					s.passes(one.between, ann)
					if ann.opens("/"); s.visitorOf(ann) != first {
						t.Fatalf("after %v it is somebody else", passed+one.between)
					}
				}
				s.passes(one.memory+5*time.Second, ann) // the store does forget
				if ann.opens("/"); s.visitorOf(ann) == first {
					t.Error("who was away for longer than the store remembers is known")
				}
			})
		})
	}
}

func TestAnOpenPageKeepsItsVisitor(t *testing.T) {
	eachForgetful(t, 20*time.Minute, func(t *testing.T, s *forgetfulSite) {
		ann := s.visit()
		ann.opens("/")
		first := s.visitorOf(ann)
		for range 20 {
			s.passes(middleware.PinLife+10*time.Second, ann)
			ann.fetches("/api").sets()
			ann.opens("/", "Sec-Purpose", "prefetch").sets()
			ann.fetches(values).sets("pin", "visitor")
			ann.fetches(values).sets()
			ann.opens("/").sets()
		}
		if now := s.visitorOf(ann); now != first {
			t.Errorf("was %s and is %s, with a page open all the time", first, now)
		}
	})
}

// Where a store forgets within minutes, a visitor is renewed between two pins. That must not take from caches what they
// could keep before.
func TestNoResponseIsKeptFromCachesToRenewAVisitor(t *testing.T) {
	eachForgetful(t, time.Minute, func(t *testing.T, s *forgetfulSite) {
		s.GET("/moved", func(c *gin.Context) { c.Redirect(http.StatusMovedPermanently, "/") })
		s.GET("/public", func(c *gin.Context) {
			c.Header("Cache-Control", "public, max-age=60")
			sendPage(c, "everybody's")
		})
		s.GET("/checked", func(c *gin.Context) {
			c.Header("Cache-Control", "no-cache")
			c.Data(http.StatusOK, "text/css", []byte("a{}"))
		})
		ann := s.visit()
		ann.opens("/")
		s.passes(30*time.Second, ann)
		for path, control := range map[string]string{"/moved": "", "/public": "public, max-age=60", "/checked": "no-cache"} {
			if a := ann.opens(path).sets(); a.Header.Get("Cache-Control") != control || a.Header.Get("Vary") != "" {
				t.Errorf("%s: %v", path, a.Header)
			}
		}
		ann.opens("/").sets("visitor")
		s.passes(30*time.Second, ann)
		ann.fetches(values).sets("visitor")
	})
}

// The memo of one instance must not know whom the store has forgotten: another instance would take the same browser for
// somebody else.
func TestNoInstanceKnowsAVisitorWhomTheStoreHasForgotten(t *testing.T) {
	for name, one := range map[string]struct {
		store  *sessions.CookieStore
		memory time.Duration
	}{
		"ours":      {middleware.NewCookieStore(testKey), 400 * 24 * time.Hour},
		"gorilla's": {sessions.NewCookieStore(testKey), 30 * 24 * time.Hour},
	} {
		t.Run(name, func(t *testing.T) {
			s := forgetful(t, one.store, "")
			ann := s.visit()
			ann.opens("/")
			if s.visitorOf(ann) == "" { // the memo knows them from now on
				t.Fatal("nobody is there")
			}
			s.later(one.memory + time.Second)
			one.store.MaxAge(-1) // for the store's clock, too, all is too old
			if who := s.visitorOf(ann); who != "" {
				t.Errorf("it is %s still", who)
			}
		})
	}
}
