package cutover

import (
	"context"

	"github.com/toprent/flags/ruleset"
)

// Name is the entity's name in the sides' stores.
func (e *Entity[Q, R, C, V]) Name() string { return e.config.Flag }

type subjectKey struct{}

// WithSubject is WithTenant for hosts whose rules ask for more of a tenant than its id: statements of that tenant are at the
// stage of the subject, with its plan and its attributes.
func WithSubject(ctx context.Context, s ruleset.Subject) context.Context {
	return context.WithValue(WithTenant(ctx, s.Tenant), subjectKey{}, s)
}

// Locate returns where the entity is for a tenant; a Router asks. It returns ErrUnknownTenant if that depends on more than the
// tenant's id, and neither the context (WithSubject) nor anybody else says so.
func (e *Entity[Q, R, C, V]) Locate(ctx context.Context, tenant string, writing bool) (Location, error) {
	place, err := e.placeOf(ctx, tenant, writing)
	if err != nil {
		return Location{}, err
	}
	return Location{Stage: place.Stage, Moving: place.Moving, Revision: place.Revision, End: place.end}, nil
}

func (e *Entity[Q, R, C, V]) placeOf(ctx context.Context, tenant string, writing bool) (Place, error) {
	if s, ok := ctx.Value(subjectKey{}).(ruleset.Subject); ok && s.Tenant == tenant {
		return e.stages.Begin(&s, writing)
	}
	if k, ok := e.stages.(knowing); ok {
		return k.locate(ctx, tenant, writing)
	}
	return e.stages.Begin(&ruleset.Subject{Tenant: tenant}, writing)
}

// onNew reports whether the new side is a tenant's authority.
func (e *Entity[Q, R, C, V]) onNew(ctx context.Context, tenant string) (bool, error) {
	if k, ok := e.stages.(knowing); ok {
		return k.onNew(ctx, tenant)
	}
	return e.stages.OnNew(tenant), nil
}
