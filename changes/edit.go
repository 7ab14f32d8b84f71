package changes

import (
	"github.com/toprent/flags/models"
	"github.com/toprent/flags/ruleset"
)

// Edit changes one item. Its base is the version of the item that the edit was made against (the revision since which
// it has been as it is; Changes.Versions tells it), 0 for an item that is new. If the item has moved on since,
// the change is refused as a ConflictError. What others did to other items is no conflict.
type Edit interface {
	apply(*draft)
	item() Item              // what it changes
	rebased(base int64) Edit // the same edit, made against that version
}

// PutFlag sets a flag. Killed is set by it only for a flag that is new in the environment: else that stays as it is.
type PutFlag struct {
	About     *FlagDocument // what all environments share; required for a flag that is new; nil: stays as it is
	AboutBase int64         // the version of that; 0: the flag is new

	Flag *ruleset.Flag // its settings in the environment; nil: stay as they are. Kind, type and salt may be left empty
	Base int64         // the version of those
}

// ArchiveFlag archives a flag in the environment. Its key is never used for another flag.
type ArchiveFlag struct {
	Key  string
	Base int64
}

// PutSegment sets a segment.
type PutSegment struct {
	Segment ruleset.Segment
	Base    int64
}

// RemoveSegment takes a segment out. It is refused while a flag uses it.
type RemoveSegment struct {
	Key  string
	Base int64
}

// PutPlan sets a plan.
type PutPlan struct {
	Plan ruleset.Plan
	Base int64
}

// RemovePlan takes a plan out. It is refused while a flag requires it.
type RemovePlan struct {
	Key  string
	Base int64
}

// PutOverride gives one user or one tenant a variant.
type PutOverride struct {
	Override ruleset.Override
	Base     int64
}

// RemoveOverride ends an override. Exactly one of User and Tenant says whose.
type RemoveOverride struct {
	Flag, User, Tenant string
	Base               int64
}

// SetEnabled enables or disables a flag, and leaves everything else about it as it then is: so it has no base. Steps and
// recurring windows are made of it.
type SetEnabled struct {
	Key     string
	Enabled bool
}

// LiftFlag ends a kill.
type LiftFlag struct {
	Key  string
	Base int64
}

// Recall makes what is published apply now: see [Changes.Recall].
type Recall struct{}

func (e PutFlag) apply(d *draft) {
	if e.About != nil {
		d.editAbout(*e.About, e.AboutBase)
	}
	if e.Flag != nil && d.isAt(d.flagVersion(e.Flag.Key), e.Base) {
		d.putFlag(*e.Flag, e.Flag.Killed)
	}
}

func (e ArchiveFlag) apply(d *draft) {
	at := d.flagVersion(e.Key)
	if at.Theirs == nil && e.Base == 0 {
		d.refuse(ruleset.Problem{Flag: e.Key, Message: "there is no such flag in this environment"})
		return
	}
	if d.isAt(at, e.Base) {
		d.rewrite(e.Key, func(s *models.FlagSettings) { s.Archived = true })
	}
}

func (e PutSegment) apply(d *draft) {
	if d.isAt(d.segmentVersion(e.Segment.Key), e.Base) {
		d.putSegment(e.Segment)
	}
}

func (e RemoveSegment) apply(d *draft) {
	if d.isAt(d.segmentVersion(e.Key), e.Base) {
		d.segments.remove(e.Key)
	}
}

func (e PutPlan) apply(d *draft) {
	if d.isAt(d.planVersion(e.Plan.Key), e.Base) {
		d.putPlan(e.Plan)
	}
}

func (e RemovePlan) apply(d *draft) {
	if d.isAt(d.planVersion(e.Key), e.Base) {
		d.plans.remove(e.Key)
	}
}

func (e PutOverride) apply(d *draft) {
	if d.isAt(d.overrideVersion(keyOf(e.Override)), e.Base) {
		d.putOverride(e.Override)
	}
}

func (e RemoveOverride) apply(d *draft) {
	key := overrideKey{e.Flag, e.Tenant, e.User}
	if d.isAt(d.overrideVersion(key), e.Base) {
		d.overrides.remove(key)
	}
}

func (e SetEnabled) apply(d *draft) {
	if row, ok := d.flags.get(e.Key); !ok || row.Archived {
		d.refuse(ruleset.Problem{Flag: e.Key, Message: "there is no such flag in this environment, or it is archived"})
		return
	}
	d.rewrite(e.Key, func(s *models.FlagSettings) { s.Enabled = e.Enabled })
}

func (e LiftFlag) apply(d *draft) {
	at := d.flagVersion(e.Key)
	if at.Theirs == nil {
		d.refuse(ruleset.Problem{Flag: e.Key, Message: "there is no such flag in this environment"})
		return
	}
	if d.isAt(at, e.Base) {
		d.rewrite(e.Key, func(s *models.FlagSettings) { s.Killed = false })
		d.kind = kindLift
	}
}

func (Recall) apply(d *draft) { d.recall, d.kind = true, kindRecall }

// editAbout changes what all environments share about a flag.
func (d *draft) editAbout(doc FlagDocument, base int64) {
	at := Conflict{Item: Item{Kind: ItemAbout, Key: doc.Key}}
	if flag, ok := d.about.flag(doc.Key); ok && !d.about.added[doc.Key] {
		at.Version, at.Theirs = flag.Version, documentOf(flag)
	}
	if d.isAt(at, base) {
		d.about.put(doc, d.author)
	}
}

// isAt reports whether an item is still at the version that its edit was made against, and notes the conflict if not.
func (d *draft) isAt(at Conflict, base int64) bool {
	if at.Version == base {
		return true
	}
	at.Base = base
	d.conflicts = append(d.conflicts, at)
	return false
}

func (d *draft) flagVersion(key string) Conflict {
	at := Conflict{Item: Item{Kind: ItemFlag, Key: key}}
	if row, ok := d.flags.live[key]; ok {
		at.Version, at.Theirs = row.FromRevision, row.Flag(d.about.byKey[key])
	}
	return at
}

func (d *draft) segmentVersion(key string) Conflict {
	at := Conflict{Item: Item{Kind: ItemSegment, Key: key}}
	if row, ok := d.segments.live[key]; ok {
		at.Version, at.Theirs = row.FromRevision, row.Segment()
	}
	return at
}

func (d *draft) planVersion(key string) Conflict {
	at := Conflict{Item: Item{Kind: ItemPlan, Key: key}}
	if row, ok := d.plans.live[key]; ok {
		at.Version, at.Theirs = row.FromRevision, row.Plan()
	}
	return at
}

func (d *draft) overrideVersion(key overrideKey) Conflict {
	at := Conflict{Item: key.item()}
	if row, ok := d.overrides.live[key]; ok {
		at.Version, at.Theirs = row.FromRevision, row.Override(key.flag)
	}
	return at
}
