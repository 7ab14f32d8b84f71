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

// Check is something of the host's without which an instance is not ready, cutover.Cutover.Ready say. It is called for
// each question, so it has to answer from memory.
type Check func() error

// Middleware answers /healthz and /readyz before anything else does, so that neither sessions nor sign-in stand in
// their way. Readiness takes that all checks pass.
func Middleware(flags *service.FeatureFlagService, checks ...Check) gin.HandlerFunc {
	ready := Ready(flags, checks...)
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
	Refused   int            `json:"refused,omitempty"` // checks that do not pass
}

// Ready answers 200 if there are rules to evaluate, from the source or from disk, and all checks pass; and 503 while only
// the fallbacks of the code are served, or while a check does not pass. The body says which, and how the service is doing;
// the details are in the log and in service.Status.
func Ready(flags *service.FeatureFlagService, checks ...Check) gin.HandlerFunc {
	return func(c *gin.Context) {
		status, refused := http.StatusOK, 0
		for _, check := range checks {
			if check() != nil { // whose text may name hosts: it is for the log
				refused++
			}
		}
		if refused > 0 || !flags.Ready() {
			status = http.StatusServiceUnavailable
		}
		c.Header("Cache-Control", "no-store")
		s := flags.Status()
		c.JSON(status, Readiness{s.State, s.Revision, s.Published, s.Age.Seconds(), s.Listening, len(s.Malformed), s.Counts, refused})
	}
}
