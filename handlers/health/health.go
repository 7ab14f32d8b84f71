// Package health answers what load balancers and monitors ask: is the process alive, and can it decide flags.
package health

import (
	"net/http"

	"github.com/gin-gonic/gin"
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

// Ready answers 200 if there are rules to evaluate, from the source or from disk, and 503 while only the fallbacks of
// the code are served. The body is the service's status.
func Ready(flags *service.FeatureFlagService) gin.HandlerFunc {
	return func(c *gin.Context) {
		status := http.StatusOK
		if !flags.Ready() {
			status = http.StatusServiceUnavailable
		}
		c.Header("Cache-Control", "no-store")
		c.JSON(status, flags.Status())
	}
}
