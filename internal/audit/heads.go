package audit

import (
	"context"
	"encoding/json"
	"math/rand/v2"
	"time"
)

const (
	headsPoll  = 10 * time.Minute // between looks whether today's heads were sent, plus or minus a fifth
	headsLease = 5 * time.Minute  // after it, another instance may try
	headsTries = 20               // a day
)

// Sender sends a body under an id, once. again says that another attempt may help.
type Sender func(ctx context.Context, id string, body []byte) (again bool, err error)

// SendHeads sends the heads once a day, by the database's clock in UTC, until ctx is done. Of all instances that do so,
// one sends; a day on which nothing could be sent is not made up for, since the next heads cover it.
func (l *Log) SendHeads(ctx context.Context, send Sender) error {
	for {
		l.SendHeadsDue(ctx, send)
		pause(ctx, time.Duration(float64(headsPoll)*(0.8+0.4*rand.Float64())))
		if ctx.Err() != nil {
			return ctx.Err()
		}
	}
}

// SendHeadsDue sends today's heads if nobody has, and reports whether it did.
func (l *Log) SendHeadsDue(ctx context.Context, send Sender) bool {
	now, err := l.store.Now(ctx)
	if err != nil {
		return false // it is said elsewhere that the database is down; the next look tries again
	}
	day := now.Format(time.DateOnly)
	claimed, err := l.store.ClaimAuditHeadDay(ctx, day, now, headsLease, headsTries)
	if err != nil || !claimed {
		return false
	}
	heads, err := l.Heads(ctx)
	if err == nil {
		var body []byte
		if body, err = json.Marshal(struct {
			Day   string `json:"day"`
			Heads []Head `json:"heads"`
		}{day, heads}); err == nil {
			_, err = send(ctx, "audit-heads-"+day, body)
		}
	}
	if err == nil {
		err = l.store.EndAuditHeadDay(ctx, day)
	}
	if err != nil {
		l.log.Error("the audit's heads could not be sent; it is tried again today", "error", err)
		return false
	}
	l.log.Info("the audit's heads were sent", "day", day)
	return true
}
