package changes

import (
	"errors"
	"fmt"
	"strings"

	"github.com/toprent/flags/ruleset"
)

// ErrUnavailable says that the database could not be reached. Nothing was changed, unless the connection was lost at
// the very end; values are served as before. Try again when the database is back.
var ErrUnavailable = errors.New("the database cannot be reached, so nothing can be changed now; flags are served as before")

// ErrNoFlag says that the environment has no such flag.
var ErrNoFlag = errors.New("no such flag")

// RefusedError is all that is wrong with a change. It unwraps to each mistake, a ruleset.Problem.
type RefusedError struct {
	Problems []Problem
}

// Problem is one mistake, and in which environment it is (empty: in the part that all share).
type Problem struct {
	Environment string
	ruleset.Problem
	cutover *CutoverError // nil: it is not about stages
}

func (p Problem) Error() string {
	if p.Environment == "" {
		return p.Problem.Error()
	}
	return p.Environment + ": " + p.Problem.Error()
}

// Unwrap gives the mistake without its environment.
func (p Problem) Unwrap() error { return p.Problem }

func (e *RefusedError) Error() string {
	lines := make([]string, len(e.Problems))
	for i, p := range e.Problems {
		lines[i] = p.Error()
	}
	return "refused:\n" + strings.Join(lines, "\n")
}

// Unwrap gives each mistake.
func (e *RefusedError) Unwrap() []error {
	errs := make([]error, len(e.Problems))
	for i, p := range e.Problems {
		errs[i] = p
	}
	return errs
}

// ConflictError says that items were changed by somebody else after the editing of this change began. Nothing was
// changed.
type ConflictError struct {
	Environment string
	Conflicts   []Conflict
}

// Conflict is one item that has moved on.
type Conflict struct {
	Item    Item
	Base    int64 // the version that the edit was made against; 0: the item was thought to be new
	Version int64 // the present one; 0: the item is there no more
	Theirs  any   // the present content: ruleset.Flag, FlagDocument, ruleset.Segment, ruleset.Plan, ruleset.Override, models.Environment, models.TenantPlan or Request; nil: none
}

func (e *ConflictError) Error() string {
	var b strings.Builder
	b.WriteString("changed by somebody else in the meantime:")
	for _, c := range e.Conflicts {
		fmt.Fprintf(&b, " %s (was at version %d, is at %d);", c.Item, c.Base, c.Version)
	}
	return strings.TrimSuffix(b.String(), ";") + ": look at both and try again"
}

// Item names something that is edited as a whole.
type Item struct {
	Kind ItemKind
	Key  string // the flag's, the segment's, the plan's, or of the override's flag

	User, Tenant string // for an override: whose it is
}

// ItemKind is the kind of thing that is edited as a whole.
type ItemKind string

const (
	ItemFlag     ItemKind = "flag"               // a flag's settings in the environment
	ItemAbout    ItemKind = "flag's description" // the part of a flag that all environments share
	ItemSegment  ItemKind = "segment"
	ItemPlan     ItemKind = "plan"
	ItemOverride ItemKind = "override"

	ItemEnvironment ItemKind = "environment" // its title, protection and place
	ItemTenant      ItemKind = "tenant"      // its plan
	ItemRequest     ItemKind = "change request"
)

func (i Item) String() string {
	switch {
	case i.User != "":
		return fmt.Sprintf("override of flag %q for user %q", i.Key, i.User)
	case i.Tenant != "":
		return fmt.Sprintf("override of flag %q for tenant %q", i.Key, i.Tenant)
	}
	return fmt.Sprintf("%s %q", i.Kind, i.Key)
}
