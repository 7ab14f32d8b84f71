package flagtest_test

import (
	"context"
	"fmt"
	"net/http/httptest"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/toprent/flags/flagtest"
	"github.com/toprent/flags/middleware"
	"github.com/toprent/flags/ruleset"
	"github.com/toprent/flags/service"
)

// newApp is a host's app: a home page with a new and an old half.
func newApp(flags *service.FeatureFlagService) *gin.Engine {
	gin.SetMode(gin.TestMode)
	app := gin.New()
	app.Use(middleware.New(middleware.Config{Flags: flags, Sessions: middleware.NewCookieStore([]byte("0123456789abcdef0123456789abcdef"))}))
	app.GET("/", func(c *gin.Context) {
		half := "the old home"
		if middleware.On(c, "new-home") {
			half = "the new home"
		}
		c.Data(200, "text/html", []byte("<!doctype html><title>Toprent</title>"+half))
	})
	app.GET("/reports", middleware.Require("reports"), func(c *gin.Context) { c.String(200, "reports") })
	return app
}

func get(app *gin.Engine, path string) *httptest.ResponseRecorder {
	request := httptest.NewRequest("GET", path, nil)
	request.Header.Set("Sec-Fetch-Dest", "document")
	response := httptest.NewRecorder()
	app.ServeHTTP(response, request)
	return response
}

// What a host writes to test both branches.
func TestBothHalvesOfTheHomePage(t *testing.T) {
	var seen []bool
	flagtest.Both(t, "new-home", func(t *testing.T, flags *service.FeatureFlagService) {
		on := flags.Values(t.Context(), ruleset.Subject{}).On("new-home")
		seen = append(seen, on)
		page := get(newApp(flags), "/").Body.String()
		if strings.Contains(page, "the new home") != on || strings.Contains(page, "the old home") == on || !strings.Contains(page, fmt.Sprintf(`"new-home":%t`, on)) {
			t.Errorf("with the flag %t: %s", on, page)
		}
	})
	if !slices.Equal(seen, []bool{true, false}) {
		t.Errorf("the test ran with the flag %v", seen)
	}
}

func TestASingleHandlerBehindTheMiddleware(t *testing.T) {
	for on, status := range map[bool]int{true: 200, false: 404} {
		gin.SetMode(gin.TestMode)
		r := gin.New()
		r.Use(flagtest.Middleware(t, "reports", on))
		r.GET("/reports", middleware.Require("reports"), func(c *gin.Context) { c.String(200, "reports") })
		if got := get(r, "/reports").Code; got != status {
			t.Errorf("with the flag %t: %d, want %d", on, got, status)
		}
	}
}

type color string

func TestWithServesValuesOfEveryType(t *testing.T) {
	flags := flagtest.With(t, "on", true, "off", false, "text", "blue", "color", color("red"), "number", 1.5, "byte", uint8(7),
		"limits", map[string]int{"users": 3}, "wait", time.Duration(5), "nothing", nil)
	v := flags.Values(t.Context(), ruleset.Subject{User: "anybody"})
	var limits struct{ Users int }
	if !v.On("on") || v.On("off") || v.Reason("off") != ruleset.NothingMatched || v.String("text", "") != "blue" || v.String("color", "") != "red" ||
		v.Number("number", 0) != 1.5 || v.Number("byte", 0) != 7 || v.Number("wait", 0) != 5 || !v.Decode("limits", &limits) || limits.Users != 3 {
		t.Errorf("%s", v.JSON())
	}
	if v.On("unknown") || !v.Bool("unknown", true) {
		t.Error("a flag that was not given has a value")
	}
}

// Each case runs in a process of its own, since it ends its test.
func TestMistakesEndTheTest(t *testing.T) {
	cases := map[string][]any{
		"in pairs":       {"new-home"},
		"no key":         {true, "new-home"},
		"is no JSON":     {"new-home", func() {}},
		"a key must":     {"New home", true},
		"defined twice:": {"new-home", true, "new-home", false},
	}
	if name := os.Getenv("FLAGTEST_MISTAKE"); name != "" {
		flagtest.With(t, cases[name]...)
		return
	}
	for name := range cases {
		run := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestMistakesEndTheTest$")
		run.Env = append(os.Environ(), "FLAGTEST_MISTAKE="+name)
		if out, err := run.CombinedOutput(); err == nil || !strings.Contains(string(out), name) {
			t.Errorf("%s: %v: %s", name, err, out)
		}
	}
}

func TestTheSourceKeepsToItsContract(t *testing.T) {
	ctx, s := context.Background(), flagtest.NewSource()
	began := s.Now()
	if head, err := s.Head(ctx, "test"); err != nil || head.ID != (ruleset.ID{Environment: "test"}) || !head.Now.Equal(began) {
		t.Errorf("before the first: %+v, %v", head, err)
	}
	first := s.Publish(flagtest.Definition(t, "a", true))
	s.Advance(time.Hour)
	second := s.Publish(flagtest.Definition(t, "b", true))
	recent := func(since time.Time, want ...ruleset.ID) {
		t.Helper()
		if got, err := s.Recent(ctx, "test", since); err != nil || !slices.Equal(got, want) {
			t.Errorf("since %s: %v, %v", since, got, err)
		}
	}
	recent(began, first, second)
	recent(began.Add(time.Hour-1), first, second)
	recent(began.Add(time.Hour), second)
	recent(began.Add(9*time.Hour), second)
	s.Recall()
	if head, _ := s.Head(ctx, "test"); head.ID != second || head.Floor != 2 || !head.PublishedAt.Equal(began.Add(time.Hour)) {
		t.Errorf("the head is %+v", head)
	}
	if _, err := s.Head(ctx, "production"); err != service.ErrNoEnvironment {
		t.Errorf("another environment: %v", err)
	}
	s.Restore(1)
	again := s.Publish(flagtest.Definition(t, "b", true)) // at the same time, with the same flags
	if again.Number != second.Number || again == second {
		t.Errorf("%v and %v", second, again)
	}
	if def, err := s.Load(ctx, again); err != nil || def.Flags[0].Key != "b" {
		t.Errorf("load: %v", err)
	}
	if _, err := s.Load(ctx, second); err == nil {
		t.Error("a revision that was restored away can be loaded")
	}
	s.Down()
	if _, err := s.Head(ctx, "test"); err == nil || s.RecordReads(ctx, "test", began, []string{"a"}) == nil || !s.LastRead("a").IsZero() {
		t.Error("it answers while it is down")
	}
}
