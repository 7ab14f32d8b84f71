package middleware_test

import (
	"errors"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/gin-gonic/gin"
	"github.com/toprent/flags/flagtest"
	"github.com/toprent/flags/middleware"
	"github.com/toprent/flags/ruleset"
)

func TestValuesAreDecidedOnceWhoeverAsks(t *testing.T) {
	s := newSite(t, premium(t))
	s.GET("/busy", middleware.Require("other"), func(c *gin.Context) {
		var all sync.WaitGroup
		for range 8 {
			copied := c.Copy()
			all.Go(func() {
				if !middleware.On(copied, "reports") || !middleware.From(copied).On("reports") {
					t.Error("a goroutine sees other values")
				}
			})
		}
		for range 8 {
			if !middleware.On(c, "reports") {
				t.Error("the handler sees other values")
			}
		}
		all.Wait()
		page(c)
	})
	s.visit("Plan", "pro").opens("/busy").is(200).sees("reports", true)
	if n := s.asked.Load(); n != 1 {
		t.Errorf("the app was asked %d times who it is", n)
	}
}

func TestSomebodyWhoAsksForNothingIsNotLookedUp(t *testing.T) {
	s := newSite(t, flagtest.Definition(t, "a", true))
	s.GET("/static", func(c *gin.Context) { c.String(http.StatusOK, "x") })
	ann := s.visit()
	ann.fetches("/static")
	ann.opens("/static").sets("pin", "visitor")
	if n := s.asked.Load(); n != 0 {
		t.Errorf("the app was asked %d times who it is", n)
	}
}

// Gin gives a context to the next request as soon as a response is over. A goroutine that goes on must not see that
// request's subject.
func TestAGoroutineThatOutlivesItsRequestAsksAsItself(t *testing.T) {
	s := newSite(t, premium(t), func(c *middleware.Config) {
		c.Subject = func(c *gin.Context) (ruleset.Subject, error) { return ruleset.Subject{Plan: c.GetString("plan")}, nil }
	})
	over, answered := make(chan struct{}), make(chan bool)
	s.GET("/job", func(c *gin.Context) {
		c.Set("plan", "free")
		job := c.Copy()
		go func() {
			<-over
			answered <- middleware.On(job, "reports")
		}()
	})
	s.GET("/pro", func(c *gin.Context) {
		c.Set("plan", "pro")
		close(over)
		if <-answered {
			t.Error("the job of a free user has the plan of somebody else")
		}
	})
	s.visit().fetches("/job")
	s.visit().fetches("/pro")
}

// Gin gives the context to another request: what a job tells is of the route on which it began.
func TestAGoroutineThatOutlivesItsRequestTellsOfItsOwnRoute(t *testing.T) {
	s, h := recordedSite(t)
	var job, first *gin.Context
	s.GET("/starts/:id", func(c *gin.Context) { job, first = c.Copy(), c })
	again := false
	s.GET("/later", func(c *gin.Context) {
		again = c == first
		if err := middleware.Track(job, "done", 1); err != nil {
			t.Error(err)
		}
		middleware.Exposed(job, "a")
	})
	for range 100 { // a pool may also give another
		s.visit("User", "ann").fetches("/starts/7")
		s.visit("User", "ben").fetches("/later")
		h.mu.Lock()
		if last := len(h.tracked) - 1; last < 0 || h.tracked[last] != "ann /starts/:id done=1" || h.shown[len(h.shown)-1] != "ann /starts/:id a=on" {
			t.Fatalf("tracked %q, shown %q", h.tracked, h.shown)
		}
		h.mu.Unlock()
		if again {
			return
		}
	}
	t.Error("Gin never gave a context to another request, so this tells nothing")
}

func TestIfTheAppCannotSayWhoItIsNobodyIs(t *testing.T) {
	for name, fail := range map[string]func() error{
		"an error": func() error { return errors.New("sign-in is down") },
		"a panic":  func() error { panic("sign-in is down") },
		"a panic with an error": func() error {
			panic(errors.New("sign-in is down"))
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t, premium(t), func(c *middleware.Config) {
				c.Subject = func(*gin.Context) (ruleset.Subject, error) {
					return ruleset.Subject{User: "ann", Plan: "pro"}, fail()
				}
			})
			ann := s.visit()
			ann.opens("/").is(200).sets("pin", "visitor").sees("reports", false, "other", true)
			ann.fetches(values).is(200).sees("reports", false, "other", true)
			if who := s.visitorOf(ann); who == "" {
				t.Error("the visitor is lost with the subject")
			}
			if !strings.Contains(s.log.String(), "sign-in is down") {
				t.Errorf("the log is silent: %s", s.log)
			}
			if counted := s.flags.Status().Counts.SubjectErrors; counted != 3 {
				t.Errorf("of 3 requests whose subject could not be found out %d are counted", counted)
			}
		})
	}
}

func TestAnAppWithoutSubjectsHasVisitors(t *testing.T) {
	d := flagtest.Definition(t, "half", false)
	d.Flags[0].Rules = []ruleset.Rule{{Percent: &ruleset.Percent{Share: 50_000, Serve: "on"}}}
	s := newSite(t, d, func(c *middleware.Config) { c.Subject = nil })
	seen := map[any]int{}
	for range 64 {
		ann := s.visit()
		value := ann.opens("/").values()["half"]
		seen[value]++
		ann.opens("/").sees("half", value)
		ann.fetches("/api").sees("half", value)
	}
	if seen[true] == 0 || seen[false] == 0 {
		t.Errorf("of 64 visitors, half are in: %v", seen)
	}
}

func TestTheMiddlewareUsedTwiceWorksOnce(t *testing.T) {
	s := newSite(t, flagtest.Definition(t, "a", true))
	group := s.Group("/group", s.with())
	s.routes(group)
	s.visit().opens("/group/").sets("pin", "visitor").sees("a", true)
}

func TestAPathWithoutARouteIsAPageToo(t *testing.T) {
	s := newSite(t, flagtest.Definition(t, "a", true))
	s.visit().opens("/no-such-page").is(http.StatusNotFound).sets("pin", "visitor")
	s.NoRoute(page)
	s.visit().opens("/no-such-page").is(http.StatusNotFound).sets("pin", "visitor").sees("a", true)
}

func TestTheErrorPageAfterAPanicHasItsValues(t *testing.T) {
	s := newSite(t, flagtest.Definition(t, "a", true))
	s.Engine = gin.New()
	s.Use(gin.CustomRecoveryWithWriter(s.log, func(c *gin.Context, _ any) {
		c.Status(http.StatusInternalServerError)
		page(c)
	}), s.with())
	s.GET("/broken", func(*gin.Context) { panic("broken") })
	s.visit().opens("/broken").is(http.StatusInternalServerError).sets("pin", "visitor").sees("a", true)
}
