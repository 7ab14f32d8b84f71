package service

import (
	"time"

	"github.com/toprent/flags/ruleset"
)

// CacheKey is the key under which a view keeps a subject's values.
func CacheKey(v View, subject ruleset.Subject, at time.Time) string {
	return string(v.appendKey(nil, &subject, at))
}

// CacheLives gives how long each kept subject's values still live.
func CacheLives(s *FeatureFlagService) []time.Duration {
	var lives []time.Duration
	for _, item := range s.values.items.Items() {
		lives = append(lives, time.Until(time.Unix(0, item.Expiration)))
	}
	return lives
}

const (
	Keep         = keep
	AwaitTimeout = awaitTimeout
	AwaitPause   = awaitPause
	Grain        = TimeGrain
	MaxLookups   = maxLookups
)

// Remembered is how many unknown keys are kept.
func Remembered(s *FeatureFlagService) int {
	s.seen.mu.Lock()
	defer s.seen.mu.Unlock()
	return len(s.seen.unknown)
}
