package changes

import (
	"context"
	"strings"

	"github.com/toprent/flags/internal/audit"
	"github.com/toprent/flags/models"
)

// record has an entry appended to the audit, as the last thing in the transaction.
func (c *Changes) record(ctx context.Context, tx *models.Tx, e audit.Entry) error {
	return c.audit.Append(ctx, tx, e)
}

// record tells the audit of a revision: what it made different, in plain words and before and after.
func (d *draft) record(ctx context.Context, tx *models.Tx, revision models.Revision, lines []string) error {
	return d.audit.Append(ctx, tx, audit.Entry{Action: revision.Kind, Actor: d.author, Reason: revision.Reason, Environment: revision.Environment,
		Revision: revision.Number, Digest: revision.Digest, Lines: lines, Items: d.items()})
}

// items are all items that become different, before and after.
func (d *draft) items() []audit.Item {
	var all []audit.Item
	for _, key := range d.plans.changed(strings.Compare) {
		all = append(all, itemOf(&d.plans, key, Item{Kind: ItemPlan, Key: key}, func(p models.Plan) any { return p.Plan() }))
	}
	for _, key := range d.segments.changed(strings.Compare) {
		all = append(all, itemOf(&d.segments, key, Item{Kind: ItemSegment, Key: key}, func(s models.Segment) any { return s.Segment() }))
	}
	for _, key := range d.flags.changed(strings.Compare) {
		all = append(all, itemOf(&d.flags, key, Item{Kind: ItemFlag, Key: key}, func(f models.FeatureFlagEnvironment) any { return f.Flag(d.about.byKey[key]) }))
	}
	for _, key := range d.overrides.changed(compareOverrides) {
		all = append(all, itemOf(&d.overrides, key, key.item(), func(o models.FeatureFlagOverride) any { return o.Override(key.flag) }))
	}
	return all
}

// itemOf is one item of a table before and after.
func itemOf[K comparable, R any](t *table[K, R], key K, item Item, content func(R) any) audit.Item {
	out := audit.Item{Kind: string(item.Kind), Key: item.Key, User: item.User, Tenant: item.Tenant}
	if live, ok := t.live[key]; ok {
		out.Before = content(live)
	}
	if next := t.next[key]; next != nil {
		out.After = content(*next)
	}
	return out
}

// record tells the audit of what became different in what environments share about flags; nothing, if nothing did.
func (a *about) record(ctx context.Context, tx *models.Tx, log *audit.Log, author, reason string) error {
	if len(a.lines) == 0 {
		return nil
	}
	e := audit.Entry{Action: "flag", Actor: author, Reason: reason, Lines: a.lines}
	for _, key := range a.touched() {
		item := audit.Item{Kind: string(ItemAbout), Key: key, After: documentOf(a.byKey[key])}
		if was, ok := a.before[key]; ok {
			item.Before = documentOf(was)
		}
		e.Items = append(e.Items, item)
	}
	return log.Append(ctx, tx, e)
}
