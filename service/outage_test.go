package service_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/toprent/flags/ruleset"
	"github.com/toprent/flags/service"
)

// savedIn is a configuration that keeps the last good revision in a file.
func savedIn(file string) func(*service.Config) {
	return func(c *service.Config) { c.LastGood = file }
}

// saved is a file in which a service has saved the flag home, on for everybody, and a floor.
func saved(t testing.TB) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "flags.json")
	a := start(t, newSource(), savedIn(file))
	a.publish(t, off("home"))
	a.publish(t, on("home"))
	a.source.Recall()
	a.refresh(t)
	return file
}

func TestAnOutageIsLoggedOnceAndTheLastRevisionServed(t *testing.T) {
	a := start(t, newSource())
	id := a.publish(t, on("home"))
	before := a.Status()
	if before.State != service.Live || before.Error != "" || before.Age != 0 {
		t.Errorf("before the outage: %+v", before)
	}
	for outage := 1; outage <= 2; outage++ {
		a.source.Down()
		for range 10 {
			if a.Refresh(t.Context()) == nil {
				t.Fatal("a refresh from a source that is down succeeds")
			}
			a.source.Advance(time.Minute)
		}
		status := a.Status()
		if !a.on("home") || status.State != service.Stale || status.Revision != id || status.Age != 10*time.Minute || !strings.Contains(status.Error, "down") {
			t.Errorf("during the outage: %+v", status)
		}
		if n := status.Counts.RefreshErrors; n != int64(10*outage) {
			t.Errorf("%d errors are counted", n)
		}
		a.log.expect(t, outage, "ERROR flags: the source cannot be read")
		a.log.expect(t, outage-1, "the source is back")
		a.source.Up()
		a.refresh(t)
		a.refresh(t)
		a.log.expect(t, outage, "the source is back")
		if after := a.Status(); after.State != service.Live || after.Error != "" {
			t.Errorf("after the outage: %+v", after)
		}
	}
}

func TestAStartWithoutTheSourceServesTheLastGoodRevision(t *testing.T) {
	file, source := saved(t), newSource()
	source.Down()
	source.Advance(time.Hour)
	a := start(t, source, savedIn(file))
	status := a.Status()
	if !a.on("home") || !a.Ready() || status.State != service.FromDisk || status.Age != time.Hour || status.Revision.Number != 2 || status.Published.IsZero() {
		t.Errorf("%+v", status)
	}
	a.log.expect(t, 1, "WARN flags: the last good revision is served from disk")
	a.log.expect(t, 0, "ERROR")
	if _, ok := a.Pinned(ruleset.ID{Environment: "test"}); ok {
		t.Error("the floor was not saved")
	}
	a.pinned(t, status.Revision)
	for range 3 {
		if a.Refresh(t.Context()) == nil {
			t.Fatal("the source is down")
		}
	}
	if len(a.log.lines) != 1 {
		t.Errorf("it goes on logging: %q", a.log.lines)
	}
	id := source.Publish(define(off("home"), on("other")))
	source.Up()
	a.refresh(t)
	if status := a.Status(); a.on("home") || !a.on("other") || status.State != service.Live || status.Revision != id {
		t.Errorf("after the source is back: %+v", status)
	}
}

func TestWhatWasSavedIsTakenOverByASourceWithTheSameHead(t *testing.T) {
	file := filepath.Join(t.TempDir(), "flags.json")
	source := newSource()
	before := source.Publish(define())
	start(t, source, savedIn(file)).publish(t, on("home"))
	source.Down()
	a := start(t, source, savedIn(file))
	if _, ok := a.Pinned(before); ok {
		t.Fatal("more than the newest revision is saved")
	}
	source.Up()
	a.refresh(t)
	a.pinned(t, before)
	if state := a.Status().State; state != service.Live {
		t.Errorf("the state is %s", state)
	}
}

func TestAStartWithNothingServesFallbacksAndRecovers(t *testing.T) {
	source := newSource()
	source.Publish(define(on("home")))
	source.Down()
	a := start(t, source, savedIn(filepath.Join(t.TempDir(), "never saved")))
	values := a.Values(t.Context(), ann)
	if a.Ready() || !values.Bool("home", true) || values.On("home") || a.Status().State != service.Fallbacks || a.Status().Error == "" {
		t.Errorf("%+v", a.Status())
	}
	if a.IsFeatureEnabled(t.Context(), "ann", "home") || len(a.EnabledFeatures(t.Context(), "ann")) != 0 || !a.Newest().CachedValues(ann, a.Now()).IsZero() {
		t.Error("something is on without rules")
	}
	if _, err := a.Newest().Explain("home", ann, a.Now()); !errors.Is(err, service.ErrNoRevision) {
		t.Errorf("an explanation without rules: %v", err)
	}
	if _, ok := a.Await(t.Context(), ruleset.ID{Environment: "test", Number: 1}); ok {
		t.Error("a revision came from a source that is down")
	}
	a.log.expect(t, 1, "the fallbacks in the code are served")
	source.Up()
	a.refresh(t)
	if !a.on("home") || a.Status().State != service.Live {
		t.Error("it does not recover")
	}
	a.log.expect(t, 1, "the source is back")
	if len(a.log.lines) != 3 { // and the revision loaded
		t.Errorf("logged: %q", a.log.lines)
	}
}

func TestAnUnknownEnvironmentServesFallbacksAndSaysWhy(t *testing.T) {
	a := start(t, newSource(), func(c *service.Config) { c.Environment = "prodcution" })
	if err := a.Refresh(t.Context()); !errors.Is(err, service.ErrNoEnvironment) || a.Status().State != service.Fallbacks {
		t.Errorf("%v, %+v", err, a.Status())
	}
	a.log.expect(t, 1, "prodcution")
}

func TestAConfigurationThatCannotWorkIsRefused(t *testing.T) {
	for name, config := range map[string]service.Config{
		"Source":      {Environment: "test"},
		"Environment": {Source: newSource()},
		"Poll":        {Source: newSource(), Environment: "test", Poll: -time.Second},
	} {
		if _, err := service.New(t.Context(), config); err == nil || !strings.Contains(err.Error(), "Config."+name) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestALastGoodFileThatIsNotAsItWasSavedIsRefused(t *testing.T) {
	file := saved(t)
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	edited := func(old, new string) []byte {
		if strings.Count(string(data), old) != 1 {
			t.Fatalf("%s is not once in %s", old, data)
		}
		return []byte(strings.Replace(string(data), old, new, 1))
	}
	bad := map[string][]byte{
		"empty":            {},
		"no JSON":          []byte("version: 1"),
		"no content":       []byte("{}"),
		"half":             data[:len(data)/2],
		"one letter wrong": edited(`"home","kind"`, `"hone","kind"`),
		"other floor":      edited(`"floor":2`, `"floor":1`),
		"other number":     edited(`"number":2`, `"number":3`),
		"newer format":     edited(`"format":1`, `"format":2`),
	}
	for name, content := range bad {
		if err := os.WriteFile(file, content, 0o600); err != nil {
			t.Fatal(err)
		}
		source := newSource()
		source.Down()
		a := start(t, source, savedIn(file))
		if a.Ready() {
			t.Errorf("%s: is served", name)
		}
		a.log.expect(t, 1, "ERROR flags: no revision could be loaded")
		a.log.expect(t, 1, file)
	}
}

func TestTheLastGoodFileOfAnotherEnvironmentIsRefused(t *testing.T) {
	source := newSource()
	source.Down()
	a := start(t, source, savedIn(saved(t)), func(c *service.Config) { c.Environment = "production" })
	if a.Ready() {
		t.Error("it is served")
	}
	a.log.expect(t, 1, `is of environment "test", not "production"`)
}

func TestAReaderNeverSeesHalfALastGoodFile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "flags.json")
	a := start(t, newSource(), savedIn(file))
	var flags []ruleset.Flag
	for _, c := range "abcdefghijklmnopqrstuvwxyz" {
		flags = append(flags, on("flag-"+string(c)), when("when-"+string(c), "country", "DE"))
	}
	a.publish(t, flags...)
	down := newSource()
	down.Down()
	written := make(chan struct{})
	var reads atomic.Int64
	var all sync.WaitGroup
	all.Go(func() {
		defer close(written)
		for i := 0; i < 30 || reads.Load() < 10; i++ { // until somebody has read in the midst of it
			a.publish(t, flags[i%30:]...)
		}
	})
	defer all.Wait()
	for ; ; reads.Add(1) {
		select {
		case <-written:
			if left, _ := filepath.Glob(file + ".*"); len(left) > 0 {
				t.Errorf("left behind after %d reads: %v", reads.Load(), left)
			}
			return
		default:
		}
		if b := start(t, down, savedIn(file)); !b.Ready() {
			reads.Add(10) // or the writer would go on
			t.Fatalf("after %d reads: %q", reads.Load()-10, b.log.lines)
		}
	}
}

func TestAFileThatCannotBeWrittenIsLoggedAndChangesNothing(t *testing.T) {
	a := start(t, newSource(), savedIn(filepath.Join(t.TempDir(), "no such folder", "flags.json")))
	a.publish(t, on("home"))
	if !a.on("home") {
		t.Error("the revision is not served")
	}
	a.log.expect(t, 2, "could not be saved")
}
