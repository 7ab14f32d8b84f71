package web

import (
	"fmt"

	"example.com/shop/keys"
	"github.com/gin-gonic/gin"
	flags "github.com/toprent/flags/middleware"
	"github.com/toprent/flags/ruleset"
)

// middleware.On(c, "in-a-comment") is no use.
func pages(c *gin.Context, r *gin.Engine, values ruleset.Values) {
	if flags.On(c, newHome) {
	}
	_ = flags.On(
		c,
		"multi-line",
	)
	r.GET("/map", flags.Require(`raw-string`))
	_ = flags.On(c, keys.Checkout)
	_ = flags.On(c, "dyn-"+c.Param("x"))
	f := flags.From(c)
	_ = f.String("button-text", "flags.On(c, \"in-a-string\")")
	_ = values.Number("page-size", 10)
	_ = flags.From(c).On("chained")
	_ = c.Keys["x"].(fmt.Stringer).String()
	other.On("not-a-flag")
	_ = text.String("not-a-flag-either")
}

func dynamic(c *gin.Context, shadowed string) bool { return flags.On(c, shadowed) }

type host struct{ service checker }

func (h host) job() bool { return h.service.IsFeatureEnabled(ctx, "u-1", "nightly") }

type page struct{ Flags flags.Flags }

func (p page) title() string { return p.Flags.Variant("title-test") }
