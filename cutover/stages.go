package cutover

import "github.com/toprent/flags/ruleset"

// Stages says where an entity is. Its functions are asked for each read and write, so they only look at memory. They
// return ErrNoStage while nobody knows.
type Stages interface {
	// Of returns where the rows of the subject's tenant are.
	Of(subject ruleset.Subject) (Place, error)

	// All returns where the rows of all tenants are.
	All() (Everywhere, error)
}

// Place is where the rows of one tenant are.
type Place struct {
	Stage ruleset.Stage

	// Moving says that some tenant's rows are, or are about to be, on both sides. Then what is written to one side alone
	// is marked there, so that it will be copied.
	Moving bool

	// Turn is raised whenever the authority of some tenant changes. Before an entity reads from the new authority, it
	// brings that side up to date; once for each turn. At 0 nothing has to be brought up to date.
	Turn uint64

	// Trailing says that another instance may still follow the authority before: then each read brings the side up to
	// date.
	Trailing bool
}

// Everywhere is where the rows of all tenants are.
type Everywhere struct {
	Place // without its stage

	Stages ruleset.StageSet // those that some tenant may be at

	// OldWhole and NewWhole say that the side has every row: it is an authority, or was verified and kept equal since.
	// What is marked on a side that is not whole is worth nothing, and is never copied.
	OldWhole, NewWhole bool
}

// place is where all tenants are for a query that concerns them all. To read, one authority for all suffices.
func (e Everywhere) place(writing bool) (Place, error) {
	at := e.Place
	switch {
	case e.Stages.Empty():
		return Place{}, ErrNoStage
	case e.Stages.Is(e.Stages.Min()):
		at.Stage = e.Stages.Min()
	case writing || e.Stages.Min().New() != e.Stages.Max().New():
		return Place{}, ErrManyStages
	case e.Stages.Max().New():
		at.Stage = ruleset.StageRampdown // the new side's answer, not compared: the old one has not all tenants' rows
	default:
		at.Stage = ruleset.StageDualWrite
	}
	return at, nil
}
