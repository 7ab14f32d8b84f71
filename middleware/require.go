package middleware

import (
	"net/http"

	"github.com/gin-gonic/gin"
)

// Require lets a request on only if a flag is on for it. Who is refused gets the first of the denials that fits;
// after them, 404.
//
//	r.GET("/reports", middleware.Require("advanced-reports"), reports)
//	r.GET("/reports", middleware.Require("advanced-reports", middleware.Upgrade(offer)), reports)
func Require(key string, denials ...Denial) gin.HandlerFunc {
	return func(c *gin.Context) {
		flags := From(c)
		if flags.On(key) {
			flags.recordGate(key, Granted)
			if h := c.Writer.Header(); !shared(h) {
				private(h) // somebody else may be refused; a handler that knows better says so
			}
			c.Next()
			return
		}
		for _, d := range denials {
			switch {
			case !d.onlyUpgradable:
				flags.recordGate(key, Denied)
			case flags.Upgradable(key):
				flags.recordGate(key, Offered)
			default:
				continue
			}
			d.deny(c)
			return
		}
		flags.recordGate(key, Denied)
		NotFound().deny(c)
	}
}

// Denial is what somebody gets who is refused.
type Denial struct {
	status         int
	page           gin.HandlerFunc
	onlyUpgradable bool
}

// NotFound hides the route: 404, with a page of the host's if one is given, else with Gin's own words. An app that has
// a NoRoute page gives it here, so that a hidden route looks like one that does not exist.
func NotFound(page ...gin.HandlerFunc) Denial { return denial(http.StatusNotFound, page) }

// Forbidden admits that there is something: 403, with a page of the host's if one is given.
func Forbidden(page ...gin.HandlerFunc) Denial { return denial(http.StatusForbidden, page) }

// Upgrade shows the host's upgrade page, to those alone who would get the feature by upgrading. Its status is 403
// unless the page sets another.
func Upgrade(page gin.HandlerFunc) Denial {
	return Denial{status: http.StatusForbidden, page: page, onlyUpgradable: true}
}

func denial(status int, page []gin.HandlerFunc) Denial {
	d := Denial{status: status}
	if len(page) > 0 {
		d.page = page[0]
	}
	return d
}

func (d Denial) deny(c *gin.Context) {
	c.Abort()
	oneself(c.Writer.Header()) // somebody else may be let on
	c.Status(d.status)
	switch {
	case d.page != nil:
		d.page(c)
	case d.status == http.StatusNotFound:
		c.Data(d.status, "text/plain", []byte("404 page not found")) // as Gin answers where there is no route
	default:
		c.Writer.WriteHeaderNow()
	}
}
