package alerts

import (
	"fmt"
	"time"
)

// Result is what came of one attempt to send.
type Result struct {
	OK     bool
	Status int           // what the receiver answered, by the number of its protocol; 0: it did not
	Took   time.Duration // how long it took
	Words  string        // what happened, in plain words; never a secret, never what the receiver wrote

	Again bool          // it may work later
	After time.Duration // how long the receiver asks to wait
}

// String says what happened, with the status.
func (r Result) String() string {
	if r.Status == 0 {
		return r.Words
	}
	return fmt.Sprintf("%d: %s", r.Status, r.Words)
}

// Milliseconds is how long it took.
func (r Result) Milliseconds() int64 { return r.Took.Milliseconds() }
