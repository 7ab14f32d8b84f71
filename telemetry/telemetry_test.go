package telemetry_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/toprent/flags/telemetry"
)

type diary struct{ lines []string }

func (d *diary) hooks(name string, ends bool) telemetry.Hooks {
	return telemetry.Hooks{
		Begin: func(ctx context.Context, work telemetry.Work) (context.Context, telemetry.End) {
			d.lines = append(d.lines, fmt.Sprintf("%s begins %s %s", name, work.Kind, work.Name))
			if !ends {
				return ctx, nil
			}
			return context.WithValue(ctx, diaryKey{}, name), func(err error, attributes ...slog.Attr) {
				d.lines = append(d.lines, fmt.Sprintf("%s ends: %v %v", name, err, attributes))
			}
		},
		Evaluated: func(took time.Duration, cached bool) {
			d.lines = append(d.lines, fmt.Sprintf("%s heard %s %t", name, took, cached))
		},
	}
}

type diaryKey struct{}

func (d *diary) expect(t *testing.T, lines ...string) {
	t.Helper()
	if got, want := strings.Join(d.lines, "\n"), strings.Join(lines, "\n"); got != want {
		t.Errorf("got:\n%s\nwant:\n%s", got, want)
	}
}

func TestJoinedHooksAreAllTold(t *testing.T) {
	var d diary
	hooks := telemetry.Join(telemetry.Hooks{}, d.hooks("a", true), d.hooks("b", false), d.hooks("c", true))
	ctx, end := hooks.Start(t.Context(), telemetry.Work{Kind: telemetry.Change, Name: "kill"})
	if ctx.Value(diaryKey{}) != "c" {
		t.Error("the work is not done under the last one's context")
	}
	end(errors.New("too late"), slog.Int("rows", 3))
	hooks.Evaluated(time.Second, true)
	d.expect(t, "a begins change kill", "b begins change kill", "c begins change kill",
		"c ends: too late [rows=3]", "a ends: too late [rows=3]", "a heard 1s true", "b heard 1s true", "c heard 1s true")
}

func TestWhatNobodyWatchesHasNoEnd(t *testing.T) {
	var d diary
	for name, hooks := range map[string]telemetry.Hooks{
		"none": {}, "none of none": telemetry.Join(), "none of two": telemetry.Join(telemetry.Hooks{}, telemetry.Hooks{}),
		"two without an end": telemetry.Join(d.hooks("a", false), d.hooks("b", false)),
	} {
		if _, end := hooks.Start(t.Context(), telemetry.Work{Kind: telemetry.Refresh}); end != nil {
			t.Errorf("%s: there is an end", name)
		}
	}
	if telemetry.Join().Evaluated != nil || telemetry.Join().Begin != nil {
		t.Error("nobody watches, and is told all the same")
	}
}

func TestTheSeamReachesTheStandardLibraryOnly(t *testing.T) {
	out, err := exec.CommandContext(t.Context(), "go", "list", "-deps", "-f", "{{if not .Standard}}{{.ImportPath}}{{end}}", "github.com/toprent/flags/telemetry").CombinedOutput()
	if got := strings.TrimSpace(string(out)); err != nil || got != "github.com/toprent/flags/telemetry" {
		t.Errorf("%v: it reaches %s", err, got)
	}
}
