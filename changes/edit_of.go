package changes

import (
	"strings"

	"github.com/toprent/flags/models"
)

// edits are what the draft makes different, as edits against what is live.
func (d *draft) edits() (edits []Edit) {
	for _, key := range d.plans.changed(strings.Compare) {
		if next := d.plans.next[key]; next != nil {
			edits = append(edits, PutPlan{next.Plan(), d.plans.live[key].FromRevision})
		} else {
			edits = append(edits, RemovePlan{key, d.plans.live[key].FromRevision})
		}
	}
	for _, key := range d.segments.changed(strings.Compare) {
		if next := d.segments.next[key]; next != nil {
			edits = append(edits, PutSegment{next.Segment(), d.segments.live[key].FromRevision})
		} else {
			edits = append(edits, RemoveSegment{key, d.segments.live[key].FromRevision})
		}
	}
	for _, key := range d.flags.changed(strings.Compare) {
		flag := d.flags.next[key].Flag(d.about.byKey[key]) // a flag is never removed
		edits = append(edits, PutFlag{Flag: &flag, Base: d.flags.live[key].FromRevision})
	}
	for _, key := range d.overrides.changed(compareOverrides) {
		edits = append(edits, d.overrideEdit(key, d.overrides.next[key]))
	}
	return edits
}

func (d *draft) overrideEdit(key overrideKey, next *models.FeatureFlagOverride) Edit {
	base := d.overrides.live[key].FromRevision
	if next != nil {
		return PutOverride{next.Override(key.flag), base}
	}
	return RemoveOverride{Flag: key.flag, User: key.user, Tenant: key.tenant, Base: base}
}
