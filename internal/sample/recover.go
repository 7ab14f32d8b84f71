package sample

import (
	"crypto/rand"
	"fmt"
	"log/slog"
	"net/http"
	"runtime/debug"

	"github.com/gin-gonic/gin"
)

// recovery ends a request in which the code made a mistake with a plain page, and logs what happened with the path alone:
// gin's own writes the request's headers into the log when a connection broke, and with them the cookies.
func recovery(log *slog.Logger) gin.HandlerFunc {
	return func(c *gin.Context) {
		defer func() {
			value := recover()
			switch {
			case value == nil:
				return
			case value == http.ErrAbortHandler:
				panic(value) // net/http hangs up and says nothing
			}
			id := rand.Text()[:8]
			log.Error("a request ended in a panic", "path", pathOf(c), "id", id, "error", fmt.Sprint(value), "stack", string(debug.Stack()))
			c.Abort()
			if c.Writer.Written() {
				return
			}
			h := c.Writer.Header()
			h.Del("Content-Encoding") // nothing compresses what is sent here
			h.Set("Cache-Control", "no-store")
			h.Set("Content-Security-Policy", "default-src 'none'")
			c.Data(http.StatusInternalServerError, "text/html; charset=utf-8",
				[]byte("<!doctype html>\n<html lang=\"en\">\n<title>This did not work</title>\n<h1>This did not work</h1>\n<p>It has been logged as "+id+". Go back and try again.</p>\n"))
		}()
		c.Next()
	}
}

// pathOf is the path as it may stand in a log: where it holds a one-time link, the route's.
func pathOf(c *gin.Context) string {
	if c.Param("secret") != "" {
		return c.FullPath()
	}
	return c.Request.URL.Path
}
