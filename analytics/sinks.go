package analytics

import (
	"context"
	"encoding/json"
	"slices"
	"time"

	"github.com/toprent/flags/models"
)

// tellSinks is how it stands with each sink, as the health page shows it.
func (r *Recorder) tellSinks() string {
	told := []models.SinkTold{}
	for _, state := range r.SinkStates() {
		one := models.SinkTold{Name: state.Name, Waiting: int64(state.Waiting), Sent: state.Sent, Dropped: state.Dropped, Failures: state.Failures, Failing: state.Failing}
		if state.Failing {
			one.Error = clean(state.LastError)
		}
		told = append(told, one)
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
	if err != nil {
		return err
	}
	before := r.sifted
	if r.sifted = r.flags.Now(); before.Sub(forgotten.Last()) > 2*r.Every+10*time.Minute { // it was done then; what was being sent came back meanwhile
		return nil
	}
	for _, q := range r.queues {
		q.forget(forgotten)
	}
	return nil
}

// forget leaves what is being sent just now as it is: if it was not taken, it is looked at again.
func (q *SinkQueue) forget(forgotten models.Forgotten) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for i, waiting := range q.batches {
		events := slices.Clone(waiting)
		for j := range events {
			forgetIn(forgotten, &events[j])
		}
		q.batches[i] = events
	}
}

func forgetIn(forgotten models.Forgotten, e *models.FeatureFlagEvent) {
	user, isUser := forgotten.Becomes(e.UserID, e.At)
	visitor, isVisitor := forgotten.Becomes(e.VisitorID, e.At)
	tenant, isTenant := forgotten.Becomes(e.Tenant, e.At)
	if isTenant {
		e.Tenant = tenant
	}
	if isUser || isVisitor && e.UserID == "" || isTenant && e.UserID == "" && e.VisitorID == "" {
		e.ID = newID()
	}
	if isUser {
		e.UserID = user
	}
	if isUser || isVisitor {
		e.VisitorID = visitor // empty, if it was not known to be theirs
	}
}
