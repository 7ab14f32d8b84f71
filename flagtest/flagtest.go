// Package flagtest helps an app to test what it does with flags: with one on, with one off, in one line, without a
// database, and on a clock that stands still.
//
//	app := newApp(flagtest.With(t, "new-home", true))
package flagtest

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"reflect"
	"testing"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/toprent/flags/middleware"
	"github.com/toprent/flags/ruleset"
	"github.com/toprent/flags/service"
)

// With returns a service that serves everybody these values: keys and values in turn. A bool makes a boolean flag, a
// string and a number flags of those types, anything else a JSON flag. All other flags are unknown, so the fallbacks
// in the code apply.
func With(t testing.TB, keysAndValues ...any) *service.FeatureFlagService {
	t.Helper()
	source := NewSource()
	source.Publish(Definition(t, keysAndValues...))
	return Service(t, source)
}

// Both runs a test twice: with a boolean flag on, and with it off.
func Both(t *testing.T, key string, test func(t *testing.T, flags *service.FeatureFlagService)) {
	t.Helper()
	for _, on := range []bool{true, false} {
		t.Run(fmt.Sprintf("%s=%t", key, on), func(t *testing.T) { test(t, With(t, key, on)) })
	}
}

// Middleware returns the middleware over With, for tests of single handlers:
//
//	r.Use(flagtest.Middleware(t, "new-home", true))
func Middleware(t testing.TB, keysAndValues ...any) gin.HandlerFunc {
	t.Helper()
	return middleware.New(middleware.Config{
		Flags:    With(t, keysAndValues...),
		Sessions: middleware.NewCookieStore([]byte("a key for tests, known to all!!!")),
	})
}

// Service returns a service over a source, for the environment "test" and on the source's clock if it has one. It
// changes when the test calls its Refresh, and logs warnings to standard error.
func Service(t testing.TB, source service.Source) *service.FeatureFlagService {
	t.Helper()
	warnings := slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn})
	config := service.Config{Source: source, Environment: Environment, Logger: slog.New(warnings)}
	if clocked, ok := source.(interface{ Now() time.Time }); ok {
		config.Clock = clocked.Now
	}
	flags, err := service.New(context.Background(), config)
	if err != nil {
		t.Fatal(err)
	}
	return flags
}

// Environment is the environment that flags are in.
const Environment = "test"

// Definition makes flags that serve everybody these values, as With does. They are all client-visible. What could not
// be published, such as a key that is none, ends the test.
func Definition(t testing.TB, keysAndValues ...any) ruleset.Definition {
	t.Helper()
	if len(keysAndValues)%2 != 0 {
		t.Fatalf("flagtest: keys and values must come in pairs: %v", keysAndValues)
	}
	var def ruleset.Definition
	for i := 0; i < len(keysAndValues); i += 2 {
		key, ok := keysAndValues[i].(string)
		if !ok {
			t.Fatalf("flagtest: %v is no key: keys and values must come in pairs", keysAndValues[i])
		}
		def.Flags = append(def.Flags, flag(t, key, keysAndValues[i+1]))
	}
	if _, err := ruleset.Compile(ruleset.ID{Environment: Environment}, def, nil); err != nil {
		t.Fatalf("flagtest: %v", err)
	}
	return def
}

func flag(t testing.TB, key string, value any) ruleset.Flag {
	t.Helper()
	encoded, err := json.Marshal(value)
	if err != nil {
		t.Fatalf("flagtest: the value of %s is no JSON: %v", key, err)
	}
	f := ruleset.Flag{Key: key, Kind: ruleset.Release, Type: typeOf(value), Salt: key, Enabled: true, ClientVisible: true}
	if f.Type == ruleset.Boolean {
		f.Otherwise = "off"
		if string(encoded) == "true" {
			f.Otherwise = "on"
		}
		return f
	}
	f.Variants = []ruleset.Variant{{Name: "value", Value: encoded}}
	f.Off, f.Otherwise, f.Default = "value", "value", "value"
	return f
}

// typeOf is the type of flag that has such values.
func typeOf(value any) ruleset.Type {
	switch reflect.ValueOf(value).Kind() {
	case reflect.Bool:
		return ruleset.Boolean
	case reflect.String:
		return ruleset.String
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64,
		reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64, reflect.Float32, reflect.Float64:
		return ruleset.Number
	}
	return ruleset.JSON
}
