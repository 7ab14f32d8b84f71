package cutover

import (
	"sync/atomic"

	"github.com/toprent/flags/ruleset"
)

// Stages says where an entity is. It is asked for each read and write, so it only looks at memory.
type Stages interface {
	// Begin returns where the rows of the subject's tenant are; without a tenant, where all rows are. It returns
	// ErrNoStage or ErrManyStages if that cannot be said. Once the call is over, the place's end is called.
	Begin(subject *ruleset.Subject, writing bool) (Place, error)

	// OnNew reports whether the new side is a tenant's authority; "" asks for all tenants.
	OnNew(tenant string) bool
}

// Place is where rows are during one call.
type Place struct {
	Stage ruleset.Stage

	// Moving says that some tenant's rows are, or are about to be, on both sides. Then what is written to one side alone
	// is marked there, so that it will be copied.
	Moving bool

	// Revision is the number of the first revision in which stages were like that. Of two instances that disagree, the one
	// with the newer revision is right.
	Revision int64

	// Turn is raised when the authority of some tenant changes. Before an entity reads from the new authority or writes to
	// it, it brings that side up to date; once for each turn. At 0 nothing is brought up to date: so it has to be while
	// the other side is not whole, since what was marked there long ago is worth nothing.
	Turn uint64

	// Trailing says that another instance may still follow the authority before: then each call brings the side up to
	// date.
	Trailing bool

	calls *atomic.Int64 // of the same stages that are under way; nil: nobody counts
}

// keep counts something that goes on after the call, such as a comparison.
func (p Place) keep() {
	if p.calls != nil {
		p.calls.Add(1)
	}
}

// end says that nothing will be read or written by that stage any more.
func (p Place) end() {
	if p.calls != nil {
		p.calls.Add(-1)
	}
}
