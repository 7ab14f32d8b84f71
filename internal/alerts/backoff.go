package alerts

import (
	"math/rand/v2"
	"time"
)

// pauses are what lies between the attempts: eight of them within about twelve hours.
var pauses = [...]time.Duration{10 * time.Second, time.Minute, 5 * time.Minute, 25 * time.Minute, 90 * time.Minute, 4 * time.Hour, 6 * time.Hour}

// firstPause is how long the second attempt waits.
const firstPause = 10 * time.Second

// Attempts is how often a delivery is tried before it has failed.
const Attempts = len(pauses) + 1

// longestAsked bounds how long a receiver can make the next attempt wait.
const longestAsked = 6 * time.Hour

// wait says how long to wait after an attempt that did not work, and whether there is another. Pauses differ by up to a
// fifth, so that what failed together does not come back together; a receiver that asks for more gets it, within bounds.
func wait(attempts int64, r Result) (time.Duration, bool) {
	if !r.Again || attempts >= int64(Attempts) || attempts < 1 {
		return 0, false
	}
	pause := time.Duration(float64(pauses[attempts-1]) * (0.8 + 0.4*rand.Float64()))
	return max(pause, min(r.After, longestAsked)), true
}
