package flagtest_test

import (
	"context"
	"fmt"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/toprent/flags/flagtest"
	"github.com/toprent/flags/middleware"
	"github.com/toprent/flags/ruleset"
	"github.com/toprent/flags/service"
)

// t stands for a test's own.
var t = new(testing.T)

func ExampleWith() {
	flags := flagtest.With(t, "new-home", true, "greeting", "Welcome")
	values := flags.Values(context.Background(), ruleset.Subject{User: "ann"})
	fmt.Println(values.On("new-home"), values.String("greeting", "Hello"), values.On("anything-else"))
	// Output: true Welcome false
}

func ExampleBoth() {
	// func TestHome(t *testing.T) {
	flagtest.Both(t, "new-home", func(t *testing.T, flags *service.FeatureFlagService) {
		page := get(newApp(flags), "/")
		if page.Code != 200 {
			t.Errorf("the page answers %d", page.Code)
		}
	})
}

func ExampleMiddleware() {
	r := gin.New()
	r.Use(flagtest.Middleware(t, "reports", true))
	r.GET("/reports", middleware.Require("reports"), func(c *gin.Context) { c.String(200, "the reports") })

	response := httptest.NewRecorder()
	r.ServeHTTP(response, httptest.NewRequest("GET", "/reports", nil))
	fmt.Println(response.Code, response.Body)
	// Output: 200 the reports
}

func ExampleSource() {
	source := flagtest.NewSource()
	source.Publish(flagtest.Definition(t, "new-home", false))
	flags := flagtest.Service(t, source)
	pinned := flags.Newest().Revision() // by a session

	source.Publish(flagtest.Definition(t, "new-home", true))
	_ = flags.Refresh(context.Background())
	source.Advance(2 * time.Minute)

	view, _ := flags.Pinned(pinned)
	fmt.Println("pinned:", view.Values(ruleset.Subject{}, flags.Now()).On("new-home"))
	fmt.Println("newest:", flags.Newest().Values(ruleset.Subject{}, flags.Now()).On("new-home"))
	// Output:
	// pinned: false
	// newest: true
}
