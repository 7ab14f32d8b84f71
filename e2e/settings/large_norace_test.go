//go:build !race

package settings

// Without the race detector, pages are held to what is promised, with as much as is promised.
const (
	slowdown = 1
	fraction = 1
	samples  = 3 // of a page
)
