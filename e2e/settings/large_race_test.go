//go:build race

package settings

// slowdown is what the race detector costs.
const slowdown = 10
