//go:build !race

package settings

// slowdown is what the race detector costs: nothing, it is not there.
const slowdown = 1
