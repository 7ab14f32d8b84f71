package alerts

import (
	"context"
	"fmt"
	"strconv"

	"github.com/toprent/flags/models"
)

// What is told of change requests.
const (
	requestSent     = "request.sent"
	requestApproved = "request.approved"
	requestRejected = "request.rejected"
	requestApplied  = "request.applied"
	requestFailed   = "request.failed"
	requestComment  = "request.comment"
)

// requestEvent tells what happened to a change request. What has happened never changes, so each attempt tells the same
// but for the title, which may be edited.
func (a *Alerts) requestEvent(ctx context.Context, d models.AlertDelivery) (Event, error) {
	found, err := a.store.RequestEvents(ctx, []int64{d.RequestEvent})
	if err != nil {
		return Event{}, err
	}
	e, ok := found[d.RequestEvent]
	if !ok {
		return Event{}, fmt.Errorf("event %d of a change request: %w", d.RequestEvent, models.ErrNotFound)
	}
	reason := e.Text
	if e.Kind == "sent" {
		reason = e.Reason
	}
	return Event{ID: d.ID, Kind: "request." + e.Kind, Environment: e.Environment, Request: e.RequestID, Title: e.Title, Author: e.Person, Reason: reason,
		At: e.At.Time, Link: a.link("requests", e.Environment, strconv.FormatInt(e.RequestID, 10))}, nil
}

// requestHeadline is what happened to a request, in one line.
func (e Event) requestHeadline() string {
	does := map[string]string{
		requestSent: "WAITS FOR APPROVAL", requestApproved: "APPROVED", requestRejected: "REJECTED",
		requestApplied: "APPLIED", requestFailed: "COULD NOT BE APPLIED", requestComment: "COMMENTED ON",
	}
	line := fmt.Sprintf("%s: change request %d in %s, %q, by %s", does[e.Kind], e.Request, e.Environment, clean(e.Title), clean(e.Author))
	if reason := clean(e.Reason); reason != "" && reason != clean(e.Title) {
		line += ": " + reason
	}
	return line
}
