//go:build !race

package ruleset_test

const underRace = false
