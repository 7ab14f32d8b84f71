//go:build race

package settings

// The race detector slows everything down, databases most of all, and looks for races, not for speed.
const (
	slowdown = 10 // how much longer a page may take
	fraction = 10 // how much smaller what is large is
	samples  = 1  // of a page
)
