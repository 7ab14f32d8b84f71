package changes

import (
	"context"
	"time"

	"github.com/toprent/flags/models"
)

// Proposal is what somebody wants to be done: published where that may be done at once, and asked for where it has to be
// approved.
type Proposal struct {
	By      Actor
	Changes []Change
	Title   string     // of requests; defaults to the reason's first line
	Draft   bool       // keep all of it as drafts of requests
	At      *time.Time // apply all of it then, where it may be done at once too; nil: now, or once it is approved
}

// Proposed says what came of a proposal.
type Proposed struct {
	Published []Published // one for each change, in their order; what was asked for has published nothing
	Requests  []Request
}

// Propose does all of it in one transaction, or nothing. It refuses what Publish refuses, the mistakes of all
// environments at once. Edits that make nothing different do nothing.
func (c *Changes) Propose(ctx context.Context, p Proposal) (done Proposed, err error) {
	for i := range p.Changes {
		p.Changes[i].Author = p.By.Name
	}
	if err := checkChanges(p.Changes); err != nil {
		return Proposed{}, err
	}
	err = c.write(ctx, "publish", func(tx *models.Tx) error {
		drafts, err := c.openAll(ctx, tx, p.Changes)
		if err != nil {
			return err
		}
		for i, d := range drafts {
			d.authorID, d.cutover.later = p.By.ID, p.At != nil
			if err := d.make(ctx, tx, p.Changes[i].Edits); err != nil {
				return err
			}
		}
		if err := settle(drafts); err != nil {
			return err
		}
		done, err = c.divide(ctx, tx, drafts, p)
		return err
	})
	if err != nil {
		return Proposed{}, err
	}
	return done, nil
}

// divide publishes what may be published at once, and makes requests of the rest.
func (c *Changes) divide(ctx context.Context, tx *models.Tx, drafts []*draft, p Proposal) (done Proposed, err error) {
	var lines []string
	if len(drafts) > 0 {
		lines = drafts[0].about.lines
		if err := drafts[0].about.store(ctx, tx); err != nil {
			return Proposed{}, err
		}
		if err := drafts[0].about.record(ctx, tx, c.audit, p.By.Name, p.Changes[0].Reason); err != nil {
			return Proposed{}, err
		}
	}
	for i, d := range drafts {
		published := Published{ID: d.environment.ID()}
		switch {
		case d.empty() && !d.recall:
		case p.Draft || p.At != nil || d.allowed(d.kind) != nil:
			var request Request
			if request, err = c.ask(ctx, tx, d, p, p.Changes[i]); err == nil {
				done.Requests = append(done.Requests, request)
			}
		default:
			published, err = d.publishAs(ctx, tx, p.Changes[i])
		}
		if err != nil {
			return Proposed{}, err
		}
		if i == 0 {
			published.Changes = append(lines[:len(lines):len(lines)], published.Changes...)
		}
		done.Published = append(done.Published, published)
	}
	return done, nil
}

// ask makes a request of a change that was found to be without mistakes.
func (c *Changes) ask(ctx context.Context, tx *models.Tx, d *draft, p Proposal, change Change) (Request, error) {
	content := Content{Title: p.Title, Reason: change.Reason, Kind: change.Kind, Impact: change.Impact,
		Steps: []Planned{{At: p.At, Edits: withoutAbout(change.Edits)}}}
	if err := checkContent(p.By, &content); err != nil {
		return Request{}, err
	}
	return c.add(ctx, tx, d.environment, p.By, content, !p.Draft, d.now)
}

// withoutAbout are the edits that change the environment: what all environments share needs no approval.
func withoutAbout(edits []Edit) (kept []Edit) {
	for _, edit := range edits {
		if put, ok := edit.(PutFlag); ok {
			if put.Flag == nil {
				continue
			}
			put.About, put.AboutBase = nil, 0
			edit = put
		}
		kept = append(kept, edit)
	}
	return kept
}
