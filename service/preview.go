package service

import (
	"time"

	"github.com/toprent/flags/ruleset"
)

// Preview is what somebody looks at in a session of their own: variants of flags by key, or a draft in place of the
// session's rules.
type Preview struct {
	Variants map[string]string
	Draft    *ruleset.Revision // nil: none
}

// Check says what of a preview cannot be shown, as [ruleset.Problems]: a flag that there is not or that is archived, or a
// variant that it does not have.
func (v View) Check(p Preview) error {
	if v.IsZero() {
		return ErrNoRevision
	}
	_, err := v.under(p)
	return err
}

// PreviewValues evaluates all flags for a subject as its session previews them. Nothing of it is kept for anybody else,
// and neither the decisions nor what is read in them count.
func (v View) PreviewValues(p Preview, subject ruleset.Subject, at time.Time) ruleset.Values {
	if v.IsZero() {
		return ruleset.Values{}
	}
	if err := subject.Check(); err != nil {
		subject = v.service.usable(subject, err)
	}
	revision, _ := v.under(p) // what is gone meanwhile is as it is without a preview
	return revision.Evaluate(subject, grain(at))
}

// under gives the rules of a preview: over those of the session, or, if these do not have everything that is looked at
// because it was made since, over the newest.
func (v View) under(p Preview) (*ruleset.Revision, error) {
	newest := v.state.newest.own
	if p.Draft != nil {
		return ruleset.PreviewDraft(p.Draft, newest).Preview(p.Variants)
	}
	revision, err := v.revision().Preview(p.Variants)
	if err != nil && v.rules.own != newest {
		return newest.Preview(p.Variants)
	}
	return revision, err
}
