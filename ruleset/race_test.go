//go:build race

package ruleset_test

// underRace: the race detector slows memory down, not arithmetic, and makes pools forget: ratios and counts of
// allocations mean nothing then.
const underRace = true
