package ruleset

import (
	"encoding/json"
	"fmt"
)

// Condition is a question about a subject. It is exactly one of: All, Any, Not, Segment, or a comparison of an
// Attribute by an Operator with Values.
type Condition struct {
	All     []Condition `json:"all,omitempty"`
	Any     []Condition `json:"any,omitempty"`
	Not     *Condition  `json:"not,omitempty"`
	Segment string      `json:"segment,omitempty"`

	Attribute string   `json:"attribute,omitempty"`
	Operator  Operator `json:"operator,omitempty"`
	Values    Texts    `json:"values,omitempty"`
}

// Operator compares an attribute with values. A missing attribute satisfies no operator but not_in; an attribute
// that is a list satisfies an operator if one of its elements does (not_in: if none is in).
type Operator string

const (
	In            Operator = "in"
	NotIn         Operator = "not_in"
	Contains      Operator = "contains"
	StartsWith    Operator = "starts_with"
	EndsWith      Operator = "ends_with"
	Matches       Operator = "matches" // RE2
	Greater       Operator = "gt"
	GreaterEqual  Operator = "gte"
	Less          Operator = "lt"
	LessEqual     Operator = "lte"
	Before        Operator = "before" // RFC 3339
	After         Operator = "after"
	SemverEqual   Operator = "semver_eq" // Semantic Versioning 2.0.0
	SemverGreater Operator = "semver_gt"
	SemverAtLeast Operator = "semver_gte"
	SemverLess    Operator = "semver_lt"
	SemverAtMost  Operator = "semver_lte"
	InCIDR        Operator = "in_cidr"
	Exists        Operator = "exists"
)

// Operators are all operators, in the order in which they are offered to people.
var Operators = []Operator{In, NotIn, Contains, StartsWith, EndsWith, Matches, Greater, GreaterEqual, Less, LessEqual,
	Before, After, SemverEqual, SemverGreater, SemverAtLeast, SemverLess, SemverAtMost, InCIDR, Exists}

// Attributes that every subject has without being given them. They cannot be set as attributes.
const (
	AttributeUser     = "user"
	AttributeVisitor  = "visitor"
	AttributeTenant   = "tenant"
	AttributePlan     = "plan"
	AttributePlanRank = "plan.rank"
	AttributeNow      = "now" // the pinned time
)

// Texts are the values of a condition in their text form. JSON numbers and booleans are taken as their text, since
// an attribute 5 and an attribute "5" satisfy the same conditions.
type Texts []string

// UnmarshalJSON reads a list of strings, numbers and booleans.
func (t *Texts) UnmarshalJSON(data []byte) error {
	var items []any
	if err := json.Unmarshal(data, &items); err != nil {
		return fmt.Errorf("values must be a list: %w", err)
	}
	if items == nil { // null
		*t = nil
		return nil
	}
	*t = make(Texts, len(items))
	for i, item := range items {
		v := valueOf(item)
		if v.kind == missing || v.kind == list {
			return fmt.Errorf("values[%d] must be a string, a number or a boolean", i)
		}
		(*t)[i] = v.String()
	}
	return nil
}
