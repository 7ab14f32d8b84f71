package changes

import (
	"context"

	"github.com/toprent/flags/internal/audit"
	"github.com/toprent/flags/models"
)

// record has an entry appended to the audit, as the last thing in the transaction.
func (c *Changes) record(ctx context.Context, tx *models.Tx, e audit.Entry) error {
	return c.audit.Append(ctx, tx, e)
}

// record tells the audit of a revision: what it made different, in plain words and before and after.
func (d *draft) record(ctx context.Context, tx *models.Tx, revision models.Revision, lines []string) error {
	return d.audit.Append(ctx, tx, audit.Entry{Action: revision.Kind, Actor: d.author, ActorID: d.authorID, Request: d.request, Reason: revision.Reason, Environment: revision.Environment,
		Revision: revision.Number, Digest: revision.Digest, Lines: lines, Items: d.items()})
}

// items are all items that become different, before and after.
func (d *draft) items() []audit.Item {
	var all []audit.Item
	for _, change := range d.changed() {
		all = append(all, audit.Item{Kind: string(change.Item.Kind), Key: change.Item.Key, User: change.Item.User, Tenant: change.Item.Tenant, Before: change.Was, After: change.Is})
	}
	return all
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
