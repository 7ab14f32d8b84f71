package ruleset

import "fmt"

// Reason says why a value was served: the name of the first case that applied.
type Reason uint8

// The reasons, in the order in which the cases are tried.
const (
	FlagNotFound       Reason = iota // no such flag, or archived: the caller's fallback
	Killed                           // killed in the newest revision: off
	PlanUnknown                      // needs a plan, and the subject's is unknown: off
	PlanExcluded                     // the subject's plan and add-ons exclude it: off
	Previewed                        // somebody looks at this variant in a session of their own
	Error                            // malformed: default; for a gated flag off
	Overridden                       // override for the user, or for the tenant
	Disabled                         // disabled in this environment: off
	PrerequisiteFailed               // a prerequisite serves another variant than required: off
	TargetingMatch                   // a rule matched and serves a variant, or a percentage with the unit in
	SplitMatch                       // a rule matched and split by weight
	NothingMatched                   // otherwise
)

var reasonNames = [...]string{"FLAG_NOT_FOUND", "KILLED", "PLAN_UNKNOWN", "PLAN_EXCLUDED", "PREVIEW", "ERROR",
	"OVERRIDE", "DISABLED", "PREREQUISITE", "TARGETING_MATCH", "SPLIT", "DEFAULT"}

func (r Reason) String() string {
	if int(r) >= len(reasonNames) {
		return fmt.Sprintf("Reason(%d)", uint8(r))
	}
	return reasonNames[r]
}

// MarshalText gives the reason's name.
func (r Reason) MarshalText() ([]byte, error) { return []byte(r.String()), nil }
