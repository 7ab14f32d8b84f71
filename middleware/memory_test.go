package middleware_test

import (
	"net/http"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/gin-gonic/gin"
	"go.uber.org/goleak"
)

// A crawler keeps no cookies, so each of its requests is a first visit.
func TestAMillionCookielessVisitorsLeaveMemoryFlat(t *testing.T) {
	s := newSite(t, hundredFlags())
	header := navigationOf("crawler")
	header.Del("User")
	address, listings := urlOf("/crawled"), plainListings()
	s.GET("/crawled", func(c *gin.Context) { c.Data(http.StatusOK, "text/html", listings) })
	visits := func(n int) (heap uint64) {
		var both sync.WaitGroup
		for range 2 {
			both.Go(func() {
				for i := range n / 2 {
					if i%1000 == 0 {
						s.later(time.Second)
					}
					s.ServeHTTP(&dropper{header: make(http.Header, 8)}, &http.Request{Method: http.MethodGet, URL: address, Header: header})
				}
			})
		}
		both.Wait()
		runtime.GC()
		runtime.GC() // what finalizers and pools still held after the first
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	before := visits(cookieless / 20)
	after := visits(cookieless)
	const allowed = 1 << 20
	if after > before+allowed {
		t.Errorf("the heap grew from %d to %d bytes over %d visitors", before, after, cookieless)
	}
	if cached := s.flags.Status().Cached; cached != 0 {
		t.Errorf("%d of them are cached", cached)
	}
}

func TestRequestsLeaveNoGoroutineBehind(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	s := newSite(t, hundredFlags())
	ann := s.visit()
	for range 3 {
		ann.opens("/")
		ann.fetches(values)
		ann.postForm("multipart", ann.takesForm())
		s.publish(hundredFlags())
		s.source.Restore(1)
		ann.opens("/") // above the head, once the service has seen it
		s.refresh()
		ann.opens("/")
	}
}
