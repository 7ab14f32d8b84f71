package sinks

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/toprent/flags/analytics"
	"github.com/toprent/flags/models"
)

// delivery is what becomes of the events that are sent at once.
type delivery struct {
	*sender
	events  []models.FeatureFlagEvent
	encoded [][]byte

	taken, refused []int
	err            error // the last one
	after          time.Duration
	stopped        bool // the receiver is down or asks us to wait: the rest waits too
}

// send sends those events, by index. Those that the receiver names as wrong are left out, and the others sent again; what
// is too large for it is halved.
func (d *delivery) send(ctx context.Context, which []int) {
	for len(which) > 0 && !d.stopped {
		answer, err := d.post(ctx, pick(d.events, which), pick(d.encoded, which))
		switch {
		case err != nil:
			d.stop(err)
		case answer.OK:
			d.taken = append(d.taken, which...)
			return
		case answer.Status == http.StatusRequestEntityTooLarge:
			d.halve(ctx, which)
			return
		default:
			which = d.settle(which, answer)
		}
	}
}

// halve sends each half of what was too large.
func (d *delivery) halve(ctx context.Context, which []int) {
	if len(which) == 1 {
		d.err, d.refused = errLargest, append(d.refused, which...)
		return
	}
	d.send(ctx, which[:len(which)/2])
	if !d.stopped {
		d.send(ctx, which[len(which)/2:])
	}
}

// verdict is what an answer says of the events of a request, by index. Those that it does not name are sent again: at once,
// if it names others; else once the receiver is well again.
type verdict struct {
	err            error
	taken, refused []int
	held           []int         // are sent again later
	after          time.Duration // how long the receiver asks to wait
}

// settle notes what an answer means, and gives the events that are sent once more at once.
func (d *delivery) settle(which []int, answer outcome) (rest []int) {
	v := d.explain(answer, pick(d.events, which))
	d.err, d.after = v.err, max(d.after, v.after)
	settled := map[int]bool{}
	note := func(indexes []int) (noted []int) {
		for _, n := range indexes {
			if n >= 0 && n < len(which) && !settled[n] {
				settled[n] = true
				noted = append(noted, which[n])
			}
		}
		return noted
	}
	d.refused = append(d.refused, note(v.refused)...) // first: who is refused is not taken, whatever else is said
	note(v.held)
	d.taken = append(d.taken, note(v.taken)...)
	if len(settled) == 0 {
		d.stop(v.err)
	}
	for n, i := range which {
		if !settled[n] {
			rest = append(rest, i)
		}
	}
	return rest
}

func (d *delivery) stop(err error) { d.err, d.stopped = err, true }

func (d *delivery) failure() error {
	if d.err == nil {
		return nil
	}
	return &analytics.Failure{Err: d.err, Taken: d.taken, Refused: d.refused, After: d.after}
}

// byStatus says what an answer means by its status alone. Who is not let in, or is sent elsewhere, waits: that is mended
// at the receiver, and nothing is lost meanwhile.
func byStatus(answer outcome, events []models.FeatureFlagEvent) verdict {
	v := verdict{err: errors.New(answer.Words), after: answer.After}
	if answer.Status != 0 {
		v.err = fmt.Errorf("the answer was %d %s", answer.Status, http.StatusText(answer.Status))
	}
	switch answer.Status {
	case http.StatusBadRequest, http.StatusUnprocessableEntity, http.StatusUnsupportedMediaType:
		v.refused = upTo(len(events))
	}
	return v
}

func pick[T any](from []T, which []int) []T {
	picked := make([]T, len(which))
	for n, i := range which {
		picked[n] = from[i]
	}
	return picked
}

func upTo(n int) []int {
	all := make([]int, n)
	for i := range all {
		all[i] = i
	}
	return all
}
