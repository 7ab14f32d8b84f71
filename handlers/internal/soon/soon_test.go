package soon_test

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/toprent/flags/handlers/internal/soon"
)

// How long a page waits is told by a clock that moves when everybody waits: a busy machine counts as quickly as any other.
func TestWhatIsCountedQuicklyIsThereAtOnceAndIsRemembered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var counts soon.Counts[int]
		var times atomic.Int64
		count := func(context.Context) (int, error) { return int(times.Add(1)), nil }
		for range 3 {
			if n, at, ready, err := counts.Of(t.Context(), "a", count); n != 1 || at.IsZero() || !ready || err != nil {
				t.Errorf("counted %d, %v, %v, %v", n, at, ready, err)
			}
		}
		if n, _, _, _ := counts.Of(t.Context(), "b", count); n != 2 {
			t.Errorf("something else is %d", n)
		}
	})
}

func TestNobodyWaitsLongAndOneAloneCounts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var counts soon.Counts[int]
		var times atomic.Int64
		release := make(chan struct{})
		count := func(context.Context) (int, error) {
			times.Add(1)
			<-release
			return 7, nil
		}
		for range 3 {
			if _, _, ready, err := counts.Of(t.Context(), "a", count); ready || err != nil {
				t.Errorf("ready %v, %v", ready, err)
			}
		}
		close(release)
		for {
			if n, _, ready, _ := counts.Of(t.Context(), "a", count); ready {
				if n != 7 || times.Load() != 1 {
					t.Errorf("counted %d, %d times", n, times.Load())
				}
				return
			}
		}
	})
}

func TestAFailureIsToldAndCountedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var counts soon.Counts[int]
		broken := errors.New("the database is down")
		if _, _, _, err := counts.Of(t.Context(), "a", func(context.Context) (int, error) { return 0, broken }); !errors.Is(err, broken) {
			t.Errorf("the error is %v", err)
		}
		if _, _, _, err := counts.Of(t.Context(), "a", func(context.Context) (int, error) { panic("oh") }); err == nil || !strings.Contains(err.Error(), "panic: oh") {
			t.Errorf("the error of a panic is %v", err)
		}
		if n, _, ready, err := counts.Of(t.Context(), "a", func(context.Context) (int, error) { return 3, nil }); n != 3 || !ready || err != nil {
			t.Errorf("afterwards: %d, %v, %v", n, ready, err)
		}
	})
}

func TestWhoLeavesDoesNotEndTheCount(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var counts soon.Counts[int]
		release := make(chan struct{})
		leaving, leave := context.WithCancel(t.Context())
		leave()
		_, _, _, err := counts.Of(leaving, "a", func(ctx context.Context) (int, error) {
			<-release
			return 1, ctx.Err()
		})
		if !errors.Is(err, context.Canceled) {
			t.Errorf("who leaves hears %v", err)
		}
		close(release)
		for {
			n, _, ready, err := counts.Of(t.Context(), "a", func(context.Context) (int, error) { return 2, nil })
			if ready {
				if n != 1 || err != nil {
					t.Errorf("the count gives %d, %v", n, err)
				}
				return
			}
		}
	})
}
