package changes

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/toprent/flags/models"
)

// Approve approves a request in its present round, and with the last approval that it takes makes it ready: approved, or
// scheduled. Nobody approves what they have written at, and nobody approves twice. One that has lost an approval, since its
// giver is no approver any more, takes another in its place. That the person is an approver of the
// environment is for the caller to see to, and for Options.MayApprove.
func (c *Changes) Approve(ctx context.Context, id, round int64, by Actor, comment string) (Request, error) {
	if err := checkNames(by.Name, comment); err != nil {
		return Request{}, err
	}
	for {
		r, err := c.approve(ctx, id, round, by, comment)
		if !errors.Is(err, errApprovedMeanwhile) {
			return r, err
		}
	}
}

// errApprovedMeanwhile says that somebody has approved a request of whom it was not asked yet whether they may.
var errApprovedMeanwhile = errors.New("somebody has approved it in the meantime")

func (c *Changes) approve(ctx context.Context, id, round int64, by Actor, comment string) (Request, error) {
	valid, err := c.stillApprovers(ctx, id, by.ID)
	if err != nil {
		return Request{}, err
	}
	return c.change(ctx, id, round, func(tx *models.Tx, r *Request, _ models.Environment, now time.Time) error {
		switch {
		case by.ID == "":
			return r.refuse("only somebody who is signed in can approve it")
		case r.Status != InReview && !r.Lacks(len(r.valid(valid))):
			return r.refuse("it is not in review, it is %s", r.Status)
		case r.WrittenBy(by):
			return r.refuse("you have written at it, so somebody else has to approve it")
		case !valid[by.ID]:
			return r.refuse("you are no approver of %s", r.Environment)
		}
		for _, e := range r.Approvals() {
			if _, asked := valid[e.PersonID]; !asked { // or it would count for nothing, and two at once would never be two
				return errApprovedMeanwhile
			}
		}
		if err := r.note(ctx, tx, EventApproved, by, comment, now); err != nil {
			return err
		}
		return r.proceed(ctx, tx, len(r.valid(valid))+1, now)
	})
}

// Lacks reports whether a request that was approved has fewer approvals that count than it takes, since somebody who gave
// one is no approver any more. Somebody else can approve it then.
func (r Request) Lacks(counted int) bool {
	return (r.Status == Approved || r.Status == Scheduled) && counted < r.Required
}

// Reject ends a request without applying it. Its author withdraws it instead.
func (c *Changes) Reject(ctx context.Context, id, round int64, by Actor, why string) (Request, error) {
	if err := checkNamesAndReason(by.Name, why); err != nil {
		return Request{}, err
	}
	return c.end(ctx, id, round, by, Rejected, EventRejected, why)
}

// valid are the approvals of the present round by people who are approvers still.
func (r Request) valid(approvers map[string]bool) []models.ChangeRequestEvent {
	return slices.DeleteFunc(r.Approvals(), func(e models.ChangeRequestEvent) bool { return !approvers[e.PersonID] })
}

// stillApprovers asks, before a transaction is begun, who of those that have approved the request may approve it now, and
// whether those named may. An approval that comes between is not among them, so it does not count yet.
func (c *Changes) stillApprovers(ctx context.Context, id int64, others ...string) (map[string]bool, error) {
	row, err := c.store.ChangeRequest(ctx, id)
	if err != nil {
		return nil, err
	}
	events, err := c.store.ChangeRequestEvents(ctx, id)
	if err != nil {
		return nil, err
	}
	for _, e := range events {
		if e.Kind == EventApproved {
			others = append(others, e.PersonID)
		}
	}
	valid := map[string]bool{}
	for _, person := range others {
		valid[person] = true
		if c.options.MayApprove == nil {
			continue
		}
		if valid[person], err = c.options.MayApprove(ctx, person, row.Environment); err != nil {
			return nil, err
		}
	}
	return valid, nil
}
