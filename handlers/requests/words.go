package requests

import (
	"github.com/toprent/flags/changes"
	"github.com/toprent/flags/models"
)

// statusOf says how far a change request is.
func statusOf(status changes.Status) string {
	switch status {
	case changes.Draft:
		return "Draft"
	case changes.InReview:
		return "In review"
	case changes.Approved:
		return "Ready to apply"
	case changes.Scheduled:
		return "Scheduled"
	case changes.Applied:
		return "Applied"
	case changes.Rejected:
		return "Rejected"
	case changes.Withdrawn:
		return "Withdrawn"
	}
	return status
}

// stateOf is how that looks.
func stateOf(status changes.Status) string {
	switch status {
	case changes.InReview, changes.Scheduled:
		return "scheduled"
	case changes.Approved:
		return "partial"
	case changes.Applied:
		return "good"
	case changes.Rejected:
		return "bad"
	}
	return "off"
}

// eventOf says what happened to a request, to be put behind who did it.
func eventOf(e models.ChangeRequestEvent) string {
	switch e.Kind {
	case changes.EventCreated:
		return "wrote this request"
	case changes.EventEdited:
		return "edited it, so it has to be approved anew"
	case changes.EventSent:
		return "sent it for review"
	case changes.EventApproved:
		return "approved it"
	case changes.EventRejected:
		return "rejected it"
	case changes.EventWithdrawn:
		return "withdrew it"
	case changes.EventComment:
		return "wrote"
	case changes.EventApplied:
		return "applied it"
	case changes.EventSkipped:
		return "passed over a time"
	case changes.EventFailed:
		return "could not apply it, so it is a draft again"
	}
	return e.Kind
}
