package catalog

import (
	"errors"
	"slices"

	"github.com/toprent/flags/ruleset"
)

// Draft compiles what the environment would be with another definition, without storing anything. It shares with the
// present revision what is the same, so it costs what differs. Flags with mistakes are set aside in it, and served by
// their defaults, as they would be; the mistakes are given, those that are stored already among them.
func (e *Environment) Draft(after ruleset.Definition) (*ruleset.Revision, ruleset.Problems) {
	var problems ruleset.Problems
	r, err := ruleset.Compile(ruleset.ID{Environment: e.Name}, after, e.Revision())
	errors.As(err, &problems)
	return r, problems
}

// DraftFlag is Draft with one flag's settings changed, or the flag added.
func (e *Environment) DraftFlag(flag ruleset.Flag) (*ruleset.Revision, ruleset.Problems) {
	after := e.Definition()
	if i := slices.IndexFunc(after.Flags, func(f ruleset.Flag) bool { return f.Key == flag.Key }); i >= 0 {
		after.Flags[i] = flag
	} else {
		after.Flags = append(after.Flags, flag)
	}
	return e.Draft(after)
}
