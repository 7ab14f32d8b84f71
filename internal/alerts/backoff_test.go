package alerts

import (
	"net/http"
	"testing"
	"time"
)

func TestEightAttemptsTakeAboutTwelveHours(t *testing.T) {
	var total time.Duration
	again := Result{Again: true}
	for attempt := int64(1); ; attempt++ {
		pause, more := wait(attempt, again)
		if !more {
			if attempt != 8 {
				t.Errorf("%d attempts", attempt)
			}
			break
		}
		total += pause
	}
	if total < 9*time.Hour || total > 15*time.Hour {
		t.Errorf("they take %s", total)
	}
}

func TestAReceiverMayAskForAPauseWithinBounds(t *testing.T) {
	now := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	for text, want := range map[string]time.Duration{
		"120": 2 * time.Minute, now.Add(time.Hour).Format(http.TimeFormat): time.Hour, "-5": 0, "soon": 0, "": 0, "99999999999999999999": 0,
	} {
		if got := retryAfter(text, now); got != want {
			t.Errorf("Retry-After %q means %s, want %s", text, got, want)
		}
	}
	if pause, _ := wait(1, Result{Again: true, After: 2 * time.Minute}); pause != 2*time.Minute {
		t.Errorf("asked for two minutes, waits %s", pause)
	}
	if pause, _ := wait(1, Result{Again: true, After: 1000 * time.Hour}); pause != longestAsked {
		t.Errorf("asked for a thousand hours, waits %s", pause)
	}
}

func TestWhatComesOfEachAnswer(t *testing.T) {
	for status, want := range map[int]struct{ ok, again bool }{
		200: {true, false}, 204: {true, false}, 301: {false, false}, 307: {false, false}, 400: {false, false}, 401: {false, false}, 404: {false, false},
		408: {false, true}, 410: {false, false}, 422: {false, false}, 425: {false, true}, 429: {false, true}, 500: {false, true}, 503: {false, true},
	} {
		if r := explainStatus(status); r.OK != want.ok || r.Again != want.again || r.Words == "" {
			t.Errorf("%d gives %+v", status, r)
		}
	}
}
