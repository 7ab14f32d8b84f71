package changes

import (
	"time"

	"github.com/toprent/flags/ruleset"
)

// Document is a whole configuration, as a flags file holds it.
type Document struct {
	Environments []EnvironmentDocument // only those that the file mentions
	Flags        []FlagDocument        // the global parts, in file order
}

// FlagDocument is the part of a flag that is the same in all environments and cannot change a value.
type FlagDocument struct {
	Key            string
	Title          string
	Description    string
	Purpose        string
	Owner          string
	Category       string
	Lifecycle      string // deprecated or, which is the same as empty, active
	Kind           ruleset.Kind
	Type           ruleset.Type
	Salt           string     // empty: chosen at creation
	PlannedRemoval *time.Time // nil: none is planned
	KeepUntil      *time.Time // somebody looked at it, and it is to stay until then; nil: the last review stays as it was
}

// EnvironmentDocument is what decides values in one environment.
type EnvironmentDocument struct {
	Name          string
	Definition    ruleset.Definition
	PlansGiven    bool // false: leave the environment's plans as they are
	SegmentsGiven bool // false: leave the environment's segments as they are
}
