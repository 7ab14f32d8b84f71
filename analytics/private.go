package analytics

import (
	"strings"

	"github.com/toprent/flags/internal/pseudonym"
	"github.com/toprent/flags/models"
)

// private makes an id fit to be stored: one that looks like an e-mail address becomes a pseudonym, of the whole of it, unless
// the host has said that addresses may be stored.
func (r *Recorder) private(id string) string {
	if !r.Emails && pseudonym.Tells(id) {
		return pseudonym.Of(r.Key, id)
	}
	return clean(id)
}

// Hide makes an event that was made elsewhere fit to be stored.
func (r *Recorder) Hide(e *models.FeatureFlagEvent) {
	e.UserID, e.VisitorID, e.Tenant, e.Plan = r.private(e.UserID), r.private(e.VisitorID), r.private(e.Tenant), r.private(e.Plan)
	e.Place = r.place(e.Place)
}

// place makes a place fit to be stored: a route, without what a request asks of it. What has an address in it is none.
func (r *Recorder) place(place string) string {
	if i := strings.IndexAny(place, "?#"); i >= 0 {
		place = place[:i]
	}
	if pseudonym.Tells(place) {
		return ""
	}
	return clean(place)
}
