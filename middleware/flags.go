package middleware

import (
	"html/template"

	"github.com/gin-gonic/gin"
	"github.com/toprent/flags/ruleset"
)

// Flags are a request's values. Give them to a template as .Flags:
//
//	{{ if .Flags.On "new-dashboard" }} ... {{ end }}
//
// The zero Flags give every fallback.
type Flags struct {
	ruleset.Values
	request *request
}

// From gives the request's values: all flags, evaluated once. Without the middleware they give every fallback.
func From(c *gin.Context) Flags {
	r, ok := requestOf(c)
	if !ok {
		return Flags{}
	}
	return Flags{r.valuesNow(c), r}
}

// On reports whether a flag is boolean true for this request.
func On(c *gin.Context, key string) bool {
	r, ok := requestOf(c)
	return ok && r.valuesNow(c).On(key)
}

// Subject is who the values are for.
func (f Flags) Subject() ruleset.Subject {
	if f.request == nil {
		return ruleset.Subject{}
	}
	return f.request.subject
}

// Head places the values and the browser client into the page, as high in its <head> as possible. It is for templates
// that want to say where; without it the middleware finds the place. It is empty the second time, where the middleware
// was quicker, in fragments, and in responses that caches hand to many people.
func (f Flags) Head() template.HTML {
	if f.request == nil {
		return ""
	}
	return template.HTML(f.request.place())
}
