package analytics

import (
	"context"
	"encoding/json"
	"time"

	"github.com/toprent/flags/models"
)

// tellSinks is how it stands with each sink, as the health page shows it.
func (r *Recorder) tellSinks() string {
	told := []models.SinkTold{}
	for _, q := range r.queues {
		q.mu.Lock()
		waiting := len(q.events)
		q.mu.Unlock()
		told = append(told, models.SinkTold{Name: q.sink.Name(), Waiting: int64(waiting), Sent: q.sent.Load(), Dropped: q.dropped.Load(), Failures: q.failures.Load()})
	}
	text, _ := json.Marshal(told) // always can
	return string(text)
}

// forgetQueued puts other names in the place of those that were forgotten, in what waits for sinks. What waits for the
// database is looked at as it is stored.
func (r *Recorder) forgetQueued(ctx context.Context) error {
	if len(r.queues) == 0 {
		return nil
	}
	forgotten, err := r.store.ForgottenLately(ctx)
	if err != nil || r.flags.Now().Sub(forgotten.Last()) > 2*r.Every+10*time.Minute { // it was done then; what was being sent came back meanwhile
		return err
	}
	for _, q := range r.queues {
		q.forget(forgotten)
	}
	return nil
}

func (q *queue) forget(forgotten models.Forgotten) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for i := range q.events {
		e := &q.events[i]
		user, isUser := forgotten.Becomes(e.UserID, e.At)
		visitor, isVisitor := forgotten.Becomes(e.VisitorID, e.At)
		if tenant, is := forgotten.Becomes(e.Tenant, e.At); is {
			e.Tenant = tenant
		}
		if isUser || isVisitor && e.UserID == "" {
			e.ID = newID()
		}
		if isUser {
			e.UserID = user
		}
		if isUser || isVisitor {
			e.VisitorID = visitor // empty, if it was not known to be theirs
		}
	}
}
