package middleware_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/gin-gonic/gin"
	"github.com/gorilla/sessions"
	"github.com/toprent/flags/flagtest"
	"github.com/toprent/flags/middleware"
)

// eachJar runs a test with signed cookies, and with a store that keeps sessions on the server. Both remember for good.
func eachJar(t *testing.T, test func(t *testing.T, sessions func(*middleware.Config))) {
	t.Run("signed cookies", func(t *testing.T) { test(t, func(*middleware.Config) {}) })
	t.Run("sessions on the server", func(t *testing.T) {
		store := sessions.NewFilesystemStore(t.TempDir(), testKey)
		store.MaxAge(400 * 24 * 60 * 60)
		test(t, func(c *middleware.Config) { c.Sessions = store })
	})
}

func TestInProductionCookiesAreForThisHostAndHttpsOnly(t *testing.T) {
	eachJar(t, func(t *testing.T, jar func(*middleware.Config)) {
		s := newSite(t, flagtest.Definition(t, "a", true), jar, func(c *middleware.Config) { c.Secure = true })
		set := s.visit().opens("/").set
		if set["__Host-flags-pin"] == nil || set["__Host-flags-visitor"] == nil || len(set) != 2 {
			t.Errorf("cookies %v", set)
		}
		for name, c := range set {
			if !c.Secure || !c.HttpOnly || c.SameSite != http.SameSiteLaxMode || c.Path != "/" || c.Domain != "" {
				t.Errorf("%s has other attributes: %s", name, c.Raw)
			}
		}
	})
}

func TestTheVisitorsCookieLastsAndIsRenewedWeekly(t *testing.T) {
	eachJar(t, func(t *testing.T, jar func(*middleware.Config)) {
		s := newSite(t, flagtest.Definition(t, "a", true), jar)
		ann := s.visit()
		if age := ann.opens("/").sets("pin", "visitor").set["flags-visitor"].MaxAge; age != 400*24*60*60 {
			t.Errorf("the visitor's cookie lasts %d seconds", age)
		}
		before := s.visitorOf(ann)
		for range 3 {
			s.later(7*24*60*60*1e9 - 1e9)
			ann.opens("/").sets("pin")
			ann.fetches("/api").sets()
			s.later(2e9)
			ann.fetches("/api").sets()
			ann.opens("/", "Sec-Purpose", "prefetch").sets()
			ann.opens("/").sets("visitor")
		}
		if after := s.visitorOf(ann); after != before {
			t.Errorf("the visitor was %s and is %s now", before, after)
		}
	})
}

func TestAKeyCanBeChangedWithoutLosingAnybody(t *testing.T) {
	older, newer := testKey, []byte("another key, known to all as well")
	s := newSite(t, flagtest.Definition(t, "a", true))
	ann := s.visit()
	ann.opens("/")
	before := s.visitorOf(ann)

	rotated := s.again(func(c *middleware.Config) { c.Sessions = middleware.NewCookieStore(newer, older) })
	ann.site = rotated
	ann.opens("/").sets()
	if after := rotated.visitorOf(ann); after != before {
		t.Errorf("the visitor was %s and is %s now", before, after)
	}
	ann.site = s.again(func(c *middleware.Config) { c.Sessions = middleware.NewCookieStore(newer) })
	ann.opens("/").is(200).sets("pin", "visitor").sees("a", true)
}

func TestWhatIsNoCookieOfOursGetsAFreshOne(t *testing.T) {
	eachJar(t, func(t *testing.T, jar func(*middleware.Config)) {
		s := newSite(t, flagtest.Definition(t, "a", true), jar)
		ann, foreign := s.visit(), s.again(func(c *middleware.Config) {
			c.Sessions = middleware.NewCookieStore([]byte("the key of somebody else, 32 byte"))
		}).visit()
		ann.opens("/")
		foreign.opens("/")
		pin, visitor := ann.cookies["flags-pin"], ann.cookies["flags-visitor"]
		for name, wrong := range map[string][2]string{
			"empty":         {"", ""},
			"corrupt":       {pin[:9] + string(flip(pin[9])) + pin[10:], visitor[:9] + string(flip(visitor[9])) + visitor[10:]},
			"cut":           {pin[:len(pin)/2], visitor[:len(visitor)/2]},
			"exchanged":     {visitor, pin},
			"foreign":       {foreign.cookies["flags-pin"], foreign.cookies["flags-visitor"]},
			"oversized":     {strings.Repeat("x", 20_000), strings.Repeat("=", 20_000)},
			"no characters": {"\x01\x7f", "%00;"},
		} {
			bob := s.visit()
			r := bob.request(http.MethodGet, "/", nil, navigation...)
			r.Header.Set("Cookie", "flags-pin="+wrong[0]+"; flags-visitor="+wrong[1])
			a := bob.answers(r).is(200).sees("a", true)
			t.Run(name, func(t *testing.T) { a.TB = t; a.sets("pin", "visitor") })
		}
	})
}

func TestABadCookieInFrontHidesNoGoodOne(t *testing.T) {
	s := newSite(t, flagtest.Definition(t, "a", true))
	ann := s.visit()
	ann.opens("/")
	good := "flags-pin=" + ann.cookies["flags-pin"] + "; flags-visitor=" + ann.cookies["flags-visitor"]
	for _, cookies := range [][]string{
		{"flags-pin=bad; flags-visitor=; " + good},
		{good + "; flags-pin=bad; flags-visitor=bad"},
		{"flags-pin; =; ;;flags-pin=\"", good},
		{"  other=1;flags-pin=x=y ;" + good},
	} {
		r := ann.request(http.MethodGet, "/", nil, navigation...)
		r.Header["Cookie"] = cookies
		ann.answers(r).sets()
	}
}

func TestAThousandBadCookiesAreNotAllLookedAt(t *testing.T) {
	s := newSite(t, flagtest.Definition(t, "a", true))
	ann := s.visit()
	ann.opens("/")
	r := ann.request(http.MethodGet, "/", nil, navigation...)
	r.Header.Set("Cookie", strings.Repeat("flags-pin=bad; flags-visitor=bad; ", 1000)+r.Header.Get("Cookie"))
	ann.answers(r).is(http.StatusOK).sets("pin", "visitor").sees("a", true)
}

// brokenStore fails where it is told to.
type brokenStore struct{ get, save error }

func (b brokenStore) New(_ *http.Request, name string) (*sessions.Session, error) {
	return sessions.NewSession(b, name), b.get
}

func (b brokenStore) Get(r *http.Request, name string) (*sessions.Session, error) {
	if b.get != nil {
		return nil, b.get
	}
	return sessions.GetRegistry(r).Get(b, name)
}

func (b brokenStore) Save(*http.Request, http.ResponseWriter, *sessions.Session) error { return b.save }

func TestAStoreThatFailsCostsNoPage(t *testing.T) {
	down := errors.New("the session store is down")
	for _, store := range []brokenStore{{save: down}, {get: down}} {
		s := newSite(t, flagtest.Definition(t, "a", true), func(c *middleware.Config) { c.Sessions = store })
		s.visit().opens("/").is(200).sets().sees("a", true)
		if !strings.Contains(s.log.String(), down.Error()) {
			t.Errorf("the log is silent: %s", s.log)
		}
	}
}

func TestTheCookieStoreKeepsTheHostsOwnSessionsToo(t *testing.T) {
	store := middleware.NewCookieStore(testKey)
	first, w := httptest.NewRequest(http.MethodGet, "/", nil), httptest.NewRecorder()
	cart, err := store.Get(first, "cart")
	if err != nil {
		t.Fatal(err)
	}
	cart.Values["nights"], cart.Values["flat"] = 3, "Garden"
	if err := cart.Save(first, w); err != nil {
		t.Fatal(err)
	}
	next := httptest.NewRequest(http.MethodGet, "/", nil)
	next.AddCookie(w.Result().Cookies()[0])
	cart, err = store.Get(next, "cart")
	if err != nil || cart.IsNew || cart.Values["nights"] != 3 || cart.Values["flat"] != "Garden" {
		t.Errorf("the session is %v, %v", cart.Values, err)
	}
}

// A host's sessions.Save saves all sessions that the request has got: its own, and none of ours.
func TestAHostThatSavesItsSessionsWritesNoneOfOurs(t *testing.T) {
	eachJar(t, func(t *testing.T, jar func(*middleware.Config)) {
		var store sessions.Store
		s := newSite(t, flagtest.Definition(t, "a", true), jar, func(c *middleware.Config) { store = c.Sessions })
		books := func(c *gin.Context) {
			cart, err := store.Get(c.Request, "cart")
			if err != nil {
				t.Error(err)
			}
			cart.Values["nights"] = 3
			if err := sessions.Save(c.Request, c.Writer); err != nil {
				t.Error(err)
			}
		}
		ann := s.visit()
		s.GET("/cart", func(c *gin.Context) { books(c) })
		s.GET("/booked", func(c *gin.Context) { books(c); page(c) })
		s.GET("/slow", func(c *gin.Context) {
			s.change("a", turnOff)
			s.later(middleware.PinLife)
			ann.opens("/").sets("pin").sees("a", false) // while this request goes on
			books(c)
		})
		ann.fetches("/cart").sets("cart")
		ann.opens("/booked").sets("cart", "pin", "visitor").sees("a", true)
		before := s.visitorOf(ann)
		ann.fetches("/cart").sets("cart")
		ann.fetches("/slow").sets("cart")
		ann.opens("/").sets().sees("a", false) // the pin is not the one from before
		if after := s.visitorOf(ann); after != before {
			t.Errorf("the visitor was %s and is %s now", before, after)
		}
	})
}

func TestAConfigurationThatCannotWorkIsRefused(t *testing.T) {
	s := newSite(t, flagtest.Definition(t))
	for want, change := range map[string]func(*middleware.Config){
		"Flags":                    func(c *middleware.Config) { c.Flags = nil },
		"Sessions is missing":      func(c *middleware.Config) { c.Sessions = nil },
		"a key of Config.Sessions": func(c *middleware.Config) { c.Sessions = middleware.NewCookieStore() },
		"with a key":               func(c *middleware.Config) { c.Sessions = middleware.NewCookieStore(nil) },
		"RefreshPath":              func(c *middleware.Config) { c.RefreshPath = "values" },
		"ClientPath":               func(c *middleware.Config) { c.ClientPath = "assets" },
		"CookieName":               func(c *middleware.Config) { c.CookieName = "my flags" },
	} {
		func() {
			defer func() {
				if said, _ := recover().(string); !strings.Contains(said, want) {
					t.Errorf("refused with %q, want %q in it", said, want)
				}
			}()
			s.with(change)
		}()
	}
}
