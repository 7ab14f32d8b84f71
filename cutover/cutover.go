// Package cutover moves entities ("clients", "bookings") from an old database to a new one while both are in use. A
// migration flag says where an entity is on its way, for each tenant; the host gives functions that read, write and scan
// both sides, and asks the entity instead of a database:
//
//	clients.Read(ctx, subject, query)
//	clients.Write(ctx, subject, key, change)
//
// What it promises: no request fails because of the side that is not the authority; no acknowledged write is lost,
// whoever is killed when; no side that is not kept up to date is ever read or written alone; and once repaired, both
// sides are equal row by row.
package cutover

import (
	"errors"
	"fmt"
)

// Errors that callers may ask for with errors.Is.
var (
	// ErrNoStage says that nobody knows where the entity is: no revision was loaded and none is stored durably. Nothing
	// was read or written, since it could have been an abandoned database.
	ErrNoStage = errors.New("the stage of the entity is not known, so neither database can be trusted: bring the flag database or the journal back")

	// ErrManyStages says that a query or a change concerns all tenants while tenants are at different stages.
	ErrManyStages = errors.New("tenants are at different stages: ask for one tenant, or bring all to one stage")

	// ErrUnknownTenant says that a stage depends on more than a tenant's id, such as its plan, and that nobody knows that
	// here. Nothing was read or written, since it could have been the wrong side: see Options.Tenant.
	ErrUnknownTenant = errors.New("on which side the tenant is depends on its plan or its attributes, which are not known here")

	// ErrBusy says that the key was being written by others until the deadline. Nothing was written.
	ErrBusy = errors.New("the row is being written by others: try again")

	// ErrUnknown says that it is not known whether the change was made: the authority did not answer. It will be made on
	// both sides, or on neither.
	ErrUnknown = errors.New("the database did not say whether the change was made")
)

// PanicError is a panic of a host's function, which is the error of its side.
type PanicError struct {
	Side  string
	Value any
}

func (e *PanicError) Error() string { return fmt.Sprintf("the %s side panicked: %v", e.Side, e.Value) }
