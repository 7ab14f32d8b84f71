package ruleset

import (
	"fmt"
	"strings"
)

// Problem is one mistake in a definition: where it is, and what to do about it.
type Problem struct {
	Flag     string `json:"flag,omitempty"`     // the flag's key, or
	Segment  string `json:"segment,omitempty"`  // the segment's, or
	Plan     string `json:"plan,omitempty"`     // the plan's
	Override int    `json:"override,omitempty"` // the override's place in Definition.Overrides, from 1; 0 if it is not about one
	Path     string `json:"path,omitempty"`     // within it, as in JSON: rules[0].when.all[1].values[0]
	Rule     string `json:"rule,omitempty"`     // the rule's name, if the mistake is in a rule that has one
	Message  string `json:"message"`
}

func (p Problem) Error() string {
	var b strings.Builder
	switch {
	case p.Flag != "":
		fmt.Fprintf(&b, "flag %q", p.Flag)
	case p.Segment != "":
		fmt.Fprintf(&b, "segment %q", p.Segment)
	case p.Plan != "":
		fmt.Fprintf(&b, "plan %q", p.Plan)
	}
	if p.Override > 0 {
		fmt.Fprintf(&b, ", override %d", p.Override)
	}
	if p.Rule != "" {
		fmt.Fprintf(&b, ", rule %q", p.Rule)
	}
	if p.Path != "" {
		fmt.Fprintf(&b, ", %s", p.Path)
	}
	if b.Len() > 0 {
		b.WriteString(": ")
	}
	return strings.TrimPrefix(b.String(), ", ") + p.Message
}

// Problems are all the mistakes of a definition.
type Problems []Problem

func (ps Problems) Error() string {
	lines := make([]string, len(ps))
	for i, p := range ps {
		lines[i] = p.Error()
	}
	return strings.Join(lines, "\n")
}

// Unwrap gives each mistake as an error of its own.
func (ps Problems) Unwrap() []error {
	errs := make([]error, len(ps))
	for i, p := range ps {
		errs[i] = p
	}
	return errs
}
