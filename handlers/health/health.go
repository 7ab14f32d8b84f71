// Package health answers what load balancers and monitors ask: is the process alive, and can it decide flags.
package health

import (
	"net/http"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/toprent/flags/ruleset"
	"github.com/toprent/flags/service"
)

// Paths that Middleware answers.
const (
	LivePath  = "/healthz"
	ReadyPath = "/readyz"
)

// Middleware answers /healthz and /readyz before anything else does, so that neither sessions nor sign-in stand in
// their way.
func Middleware(flags *service.FeatureFlagService) gin.HandlerFunc {
	ready := Ready(flags)
	return func(c *gin.Context) {
		switch c.Request.URL.Path {
		case LivePath:
			Live(c)
			c.Abort()
		case ReadyPath:
			ready(c)
			c.Abort()
		}
	}
}

// Live answers 200 as long as the process answers at all.
func Live(c *gin.Context) { c.String(http.StatusOK, "ok\n") }

// Readiness is what anybody may know: not the errors, which name hosts and roles, and not the flags.
type Readiness struct {
	State     service.State  `json:"state"` // live, stale, disk or fallbacks
	Revision  ruleset.ID     `json:"revision"`
	Published time.Time      `json:"published"`
	Age       float64        `json:"age"`       // seconds since the source last answered
	Listening bool           `json:"listening"` // hints of changes arrive
	Malformed int            `json:"malformed"` // flags that are set aside
	Counts    service.Counts `json:"counts"`
}

// Ready answers 200 if there are rules to evaluate, from the source or from disk, and 503 while only the fallbacks of
// the code are served. The body says which, and how the service is doing; the details are in the log and in
// service.Status.
func Ready(flags *service.FeatureFlagService) gin.HandlerFunc {
	return func(c *gin.Context) {
		status := http.StatusOK
		if !flags.Ready() {
			status = http.StatusServiceUnavailable
		}
		c.Header("Cache-Control", "no-store")
		s := flags.Status()
		c.JSON(status, Readiness{s.State, s.Revision, s.Published, s.Age.Seconds(), s.Listening, len(s.Malformed), s.Counts})
	}
}
