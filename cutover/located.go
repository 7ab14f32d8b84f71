package cutover

import (
	"context"

	"github.com/toprent/flags/ruleset"
)

// Name is the entity's name in the sides' stores.
func (e *Entity[Q, R, C, V]) Name() string { return e.config.Flag }

// Locate returns where the entity is for a tenant; a Router asks.
func (e *Entity[Q, R, C, V]) Locate(_ context.Context, tenant string, writing bool) (Location, error) {
	place, err := e.stages.Begin(&ruleset.Subject{Tenant: tenant}, writing)
	if err != nil {
		return Location{}, err
	}
	return Location{Stage: place.Stage, Moving: place.Moving, Revision: place.Revision, End: place.end}, nil
}
