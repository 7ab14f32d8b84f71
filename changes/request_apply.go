package changes

import (
	"context"
	"fmt"
	"reflect"
	"time"

	"github.com/toprent/flags/models"
)

// Apply makes what was approved the environment's next revision. Of two who apply the same request, one is told that it
// is applied already. What has moved on since it was written is a ConflictError, and nothing is applied.
func (c *Changes) Apply(ctx context.Context, id, round int64, by Actor) (published Published, err error) {
	if err := checkNames(by.Name, ""); err != nil {
		return Published{}, err
	}
	valid, err := c.stillApprovers(ctx, id)
	if err != nil {
		return Published{}, err
	}
	_, err = c.change(ctx, id, round, func(tx *models.Tx, r *Request, environment models.Environment, now time.Time) error {
		if r.Status != Approved {
			return r.refuse("%s", r.notApplicable())
		}
		published, err = c.applyStep(ctx, tx, r, environment, 0, valid, by, now)
		return err
	})
	return published, err
}

// notApplicable says why a request that is not approved cannot be applied.
func (r Request) notApplicable() string {
	switch r.Status {
	case Applied:
		for _, e := range r.Events {
			if e.Kind == EventApplied {
				return "it is applied already, by " + e.Person
			}
		}
		return "it is applied already"
	case Scheduled:
		return "it is scheduled, and is applied by itself"
	case Draft, InReview:
		return "it is not approved yet"
	}
	return "it is " + r.Status
}

// applyStep makes one step of a request the environment's next revision, and what became of it part of the same
// transaction.
func (c *Changes) applyStep(ctx context.Context, tx *models.Tx, r *Request, environment models.Environment, i int, valid map[string]bool, by Actor, now time.Time) (Published, error) {
	if err := r.checkApprovals(environment, valid); err != nil {
		return Published{}, err
	}
	about, err := readAbout(ctx, tx)
	if err != nil {
		return Published{}, err
	}
	d, err := c.begin(ctx, tx, environment, about, r.Author)
	if err != nil {
		return Published{}, err
	}
	d.approved, d.authorID, d.request = true, r.AuthorID, fmt.Sprint(r.ID)
	if err := d.make(ctx, tx, r.Steps[i].Edits); err != nil {
		return Published{}, err
	}
	if err := settle([]*draft{d}); err != nil {
		return Published{}, err
	}
	published, err := d.publishAs(ctx, tx, Change{Kind: r.Kind, Reason: fmt.Sprintf("%s (change request %d)", r.Reason, r.ID)})
	if err != nil {
		return Published{}, err
	}
	return published, r.applied(ctx, tx, d, i, published, by, now)
}

// checkApprovals refuses a request that does not have the approvals that it takes. How many is frozen in it; but what
// was asked for when none was needed does not get round a protection that has come since.
func (r *Request) checkApprovals(environment models.Environment, valid map[string]bool) error {
	if r.Required == 0 && environment.TakesRequests() {
		return r.refuse("%s has been protected since: edit the request and send it for review again", environment.Name)
	}
	if n := len(r.valid(valid)); n < r.Required {
		return r.refuse("%d of the %s that it takes count: somebody who approved it is no approver any more, so let somebody else approve it", n, Approvals(r.Required))
	}
	return nil
}

// applied notes what became of a step, and lets the steps behind it start from what it has made.
func (r *Request) applied(ctx context.Context, tx *models.Tx, d *draft, i int, published Published, by Actor, now time.Time) error {
	if published.New {
		note := models.RevisionNote{Environment: r.Environment, Revision: published.Number, RequestID: &r.ID}
		if i == 0 {
			note.Impact = r.Impact
		}
		if err := tx.AddRevisionNote(ctx, note); err != nil {
			return err
		}
		r.Steps[i].Revision = &published.Number
	}
	if err := r.stepDone(ctx, tx, i, models.StepApplied, "", now); err != nil {
		return err
	}
	text := fmt.Sprintf("revision %d", published.Number)
	if !published.New {
		text = "nothing was different"
	}
	if err := r.note(ctx, tx, EventApplied, by, text, now); err != nil {
		return err
	}
	if err := r.rebase(ctx, tx, d, i, published); err != nil {
		return err
	}
	return r.goOn(ctx, tx, i, now)
}

func (r *Request) stepDone(ctx context.Context, tx *models.Tx, i int, status, note string, now time.Time) error {
	step, at := &r.Steps[i].ChangeRequestStep, models.At(now)
	step.Status, step.DoneAt, step.Note = status, &at, note
	return tx.UpdateChangeRequestStep(ctx, *step)
}

// rebase makes the edits of later steps start from what this step has made of their items. An edit that was not made
// against what stood there until now stays as it is: it has somebody else's change to meet.
func (r *Request) rebase(ctx context.Context, tx *models.Tx, d *draft, done int, published Published) error {
	if !published.New {
		return nil
	}
	versions, before := map[Item]int64{}, versions(d.before, d.about.byKey)
	for _, change := range d.changed() {
		versions[change.Item] = published.Number
		if change.Is == nil {
			versions[change.Item] = 0
		}
	}
	for i := done + 1; i < len(r.Steps); i++ {
		step := &r.Steps[i]
		for j, edit := range step.Edits {
			version, touched := versions[edit.item()]
			if touched && reflect.DeepEqual(edit.rebased(before[edit.item()]), edit) {
				step.Edits[j] = edit.rebased(version)
			}
		}
		var err error
		if step.ChangeRequestStep.Edits, err = encodeEdits(step.Edits); err != nil {
			return err
		}
		if err := tx.UpdateChangeRequestStep(ctx, step.ChangeRequestStep); err != nil {
			return err
		}
	}
	return nil
}

// goOn plans what comes after a step that is done: the next window, the next step, or nothing, which ends the request.
func (r *Request) goOn(ctx context.Context, tx *models.Tx, i int, now time.Time) error {
	if r.Recurrence != nil {
		last := r.Steps[i]
		if next, ok := r.Recurrence.after(last.At.Time); ok {
			edits, err := encodeEdits(r.Recurrence.edits(next.opens))
			if err != nil {
				return err
			}
			at := models.At(next.at)
			if err := tx.AddChangeRequestSteps(ctx, []models.ChangeRequestStep{{RequestID: r.ID, Position: last.Position + 1, At: &at, Opens: &next.opens, Edits: edits, Status: models.StepWaiting}}); err != nil {
				return err
			}
			return r.store(ctx, tx, now)
		}
	}
	if len(r.Waiting()) > 0 {
		return r.store(ctx, tx, now)
	}
	return r.finish(ctx, tx, Applied, now)
}
