package changes

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/toprent/flags/internal/audit"
	"github.com/toprent/flags/models"
	"github.com/toprent/flags/ruleset"
)

// Status is how far a change request is.
type Status = string

// The states of a change request.
const (
	Draft     Status = "draft"     // its author works at it
	InReview  Status = "review"    // waits for approvals
	Approved  Status = "approved"  // waits for somebody to apply it
	Scheduled Status = "scheduled" // is applied by itself when its time comes
	Applied   Status = "applied"
	Rejected  Status = "rejected"
	Withdrawn Status = "withdrawn"
)

// What happens to a request.
const (
	EventCreated   = "created"
	EventEdited    = "edited"
	EventSent      = "sent"
	EventApproved  = "approved"
	EventRejected  = "rejected"
	EventWithdrawn = "withdrawn"
	EventComment   = "comment"
	EventApplied   = "applied"
	EventSkipped   = "skipped"
	EventFailed    = "failed"
)

// Request is a change of one environment that is looked at before it is applied.
type Request struct {
	models.ChangeRequest
	Steps      []Step
	Recurrence *Recurrence                 // nil: it does not recur
	Events     []models.ChangeRequestEvent // oldest first

	audit *audit.Log // while something is done with it
}

// Step is one of the things that a request does, one after another.
type Step struct {
	models.ChangeRequestStep
	Edits []Edit
}

// Content is what a request is about: what its author writes, and others approve.
type Content struct {
	Title      string // defaults to the reason's first line
	Reason     string // required
	Kind       string // of the revision: publish (the default), rollback, promote or import
	Steps      []Planned
	Recurrence *Recurrence // in place of steps
	Impact     string      // JSON of what the first step does to the people seen; empty: not counted
}

// Planned is what is done at a time.
type Planned struct {
	At    *time.Time // nil: when somebody applies it, which is for a single step alone
	Edits []Edit
}

// Done reports whether nothing more can become of the request.
func (r Request) Done() bool { return r.EndedAt != nil }

// Authors are the ids of all who have written at the request. None of them can approve it.
func (r Request) Authors() []string {
	ids := []string{r.AuthorID}
	for _, e := range r.Events {
		if e.Kind == EventEdited {
			ids = append(ids, e.PersonID)
		}
	}
	return ids
}

// WrittenBy reports whether somebody has written at the request. On the command line nobody is signed in, so there a name
// is all that says who it was.
func (r Request) WrittenBy(by Actor) bool {
	if slices.Contains(r.Authors(), by.ID) || r.AuthorID == "" && r.Author == by.Name {
		return true
	}
	return slices.ContainsFunc(r.Events, func(e models.ChangeRequestEvent) bool {
		return e.Kind == EventEdited && e.PersonID == "" && e.Person == by.Name
	})
}

// Approvals are those of the present round.
func (r Request) Approvals() (approvals []models.ChangeRequestEvent) {
	for _, e := range r.Events {
		if e.Kind == EventApproved && e.Round == r.Round {
			approvals = append(approvals, e)
		}
	}
	return approvals
}

// Waiting are the steps that are not done yet.
func (r Request) Waiting() (steps []Step) {
	for _, s := range r.Steps {
		if s.Status == models.StepWaiting {
			steps = append(steps, s)
		}
	}
	return steps
}

// RequestError says that what was asked of a request cannot be done, and why. Nothing was changed.
type RequestError struct {
	ID      int64
	Message string
}

func (e *RequestError) Error() string { return fmt.Sprintf("change request %d: %s", e.ID, e.Message) }

func (r *Request) refuse(format string, args ...any) error {
	return &RequestError{r.ID, fmt.Sprintf(format, args...)}
}

// MaxSteps is how many steps a request may have, and MaxEdits how many edits each of them.
const (
	MaxSteps   = 20
	MaxEdits   = 20000
	maxTitleOf = 200 // characters of a request's title
)

// Request makes a change request; with send it is sent for review at once, otherwise it stays a draft. What all
// environments share about a flag changes no value and needs no approval: edits of that are stored at once. It returns
// what Publish returns: nothing is asked for that could not be published now.
func (c *Changes) Request(ctx context.Context, environment string, by Actor, content Content, send bool) (request Request, err error) {
	if err := checkContent(by, &content); err != nil {
		return Request{}, err
	}
	err = c.write(ctx, "request a change", func(tx *models.Tx) error {
		locked, err := tx.Lock(ctx, environment)
		if err != nil {
			return err
		}
		request, err = c.create(ctx, tx, locked, by, content, send)
		return err
	})
	return request, err
}

// create is Request within a transaction that has locked the environment.
func (c *Changes) create(ctx context.Context, tx *models.Tx, environment models.Environment, by Actor, content Content, send bool) (Request, error) {
	now, err := tx.Now(ctx)
	if err != nil {
		return Request{}, err
	}
	if err := c.checkSteps(ctx, tx, environment, by, &content); err != nil {
		return Request{}, err
	}
	return c.add(ctx, tx, environment, by, content, send, now)
}

// add stores a request whose content was found to be without mistakes.
func (c *Changes) add(ctx context.Context, tx *models.Tx, environment models.Environment, by Actor, content Content, send bool, now time.Time) (Request, error) {
	row, err := tx.AddChangeRequest(ctx, models.ChangeRequest{Environment: environment.Name, Title: content.Title, Reason: content.Reason, Kind: content.Kind,
		Status: Draft, Author: by.Name, AuthorID: by.ID, Recurrence: content.Recurrence.encode(), Impact: content.Impact,
		CreatedAt: models.At(now), UpdatedAt: models.At(now)})
	if err != nil {
		return Request{}, err
	}
	r := Request{ChangeRequest: row, audit: c.audit}
	if err := r.plan(ctx, tx, content, 0); err != nil {
		return Request{}, err
	}
	if err := r.note(ctx, tx, EventCreated, by, "", now); err != nil {
		return Request{}, err
	}
	if send {
		if err := r.send(ctx, tx, environment, by, now); err != nil {
			return Request{}, err
		}
	}
	return readRequest(ctx, tx, row.ID)
}

// Revise puts another content in a request's place, which voids its approvals: it is sent for review anew, or stays a
// draft. Round is that of the request which the edit was made against; if it has moved on, that is a ConflictError.
func (c *Changes) Revise(ctx context.Context, id, round int64, by Actor, content Content, send bool) (Request, error) {
	if err := checkContent(by, &content); err != nil {
		return Request{}, err
	}
	return c.change(ctx, id, round, func(tx *models.Tx, r *Request, environment models.Environment, now time.Time) error {
		if r.Done() {
			return r.refuse("it is %s, so it cannot be edited: make a new one", r.Status)
		}
		if err := c.checkSteps(ctx, tx, environment, by, &content); err != nil {
			return err
		}
		if err := tx.RemoveWaitingSteps(ctx, r.ID); err != nil {
			return err
		}
		if err := r.plan(ctx, tx, content, len(r.Steps)-len(r.Waiting())); err != nil {
			return err
		}
		r.Title, r.Reason, r.Recurrence, r.Impact = content.Title, content.Reason, content.Recurrence, content.Impact
		r.ChangeRequest.Recurrence = content.Recurrence.encode()
		r.Round++
		r.Status = Draft
		if err := r.note(ctx, tx, EventEdited, by, "", now); err != nil {
			return err
		}
		if send {
			return r.send(ctx, tx, environment, by, now)
		}
		return r.store(ctx, tx, now)
	})
}

// Send sends a draft for review. Where no approval is needed, it is approved by that.
func (c *Changes) Send(ctx context.Context, id, round int64, by Actor) (Request, error) {
	return c.change(ctx, id, round, func(tx *models.Tx, r *Request, environment models.Environment, now time.Time) error {
		if r.Status != Draft {
			return r.refuse("it is no draft any more, it is %s", r.Status)
		}
		return r.send(ctx, tx, environment, by, now)
	})
}

// Withdraw takes a request back. What it has done already stays.
func (c *Changes) Withdraw(ctx context.Context, id, round int64, by Actor, why string) (Request, error) {
	return c.end(ctx, id, round, by, Withdrawn, EventWithdrawn, why)
}

// end ends a request without applying it.
func (c *Changes) end(ctx context.Context, id, round int64, by Actor, status Status, event, why string) (Request, error) {
	if err := checkNames(by.Name, why); err != nil {
		return Request{}, err
	}
	return c.change(ctx, id, round, func(tx *models.Tx, r *Request, _ models.Environment, now time.Time) error {
		if r.Done() {
			return r.refuse("it is %s already", r.Status)
		}
		if err := r.note(ctx, tx, event, by, why, now); err != nil {
			return err
		}
		return r.finish(ctx, tx, status, now)
	})
}

// Comment adds a comment to a request.
func (c *Changes) Comment(ctx context.Context, id int64, by Actor, text string) error {
	if err := checkNamesAndReason(by.Name, text); err != nil {
		return err
	}
	return c.write(ctx, "comment", func(tx *models.Tx) error {
		r, err := readRequest(ctx, tx, id)
		if err != nil {
			return err
		}
		now, err := tx.Now(ctx)
		if err != nil {
			return err
		}
		r.audit = c.audit
		return r.note(ctx, tx, EventComment, by, text, now)
	})
}

// ReadRequest returns a request with all that belongs to it, or models.ErrNotFound.
func (c *Changes) ReadRequest(ctx context.Context, id int64) (Request, error) {
	return readRequest(ctx, c.store, id)
}

// requests is what requests are read from: a store, or a transaction.
type requests interface {
	ChangeRequest(ctx context.Context, id int64) (models.ChangeRequest, error)
	ChangeRequestSteps(ctx context.Context, request int64) ([]models.ChangeRequestStep, error)
	ChangeRequestEvents(ctx context.Context, request int64) ([]models.ChangeRequestEvent, error)
}

func readRequest(ctx context.Context, from requests, id int64) (Request, error) {
	row, err := from.ChangeRequest(ctx, id)
	if err != nil {
		return Request{}, err
	}
	r := Request{ChangeRequest: row}
	if r.Recurrence, err = decodeRecurrence(row.Recurrence); err != nil {
		return Request{}, err
	}
	steps, err := from.ChangeRequestSteps(ctx, id)
	if err != nil {
		return Request{}, err
	}
	for _, step := range steps {
		edits, err := decodeEdits(step.Edits)
		if err != nil {
			return Request{}, fmt.Errorf("step %d of change request %d: %w", step.Position, id, err)
		}
		r.Steps = append(r.Steps, Step{step, edits})
	}
	r.Events, err = from.ChangeRequestEvents(ctx, id)
	return r, err
}

// change locks a request's environment, and lets do change the request as it then is.
func (c *Changes) change(ctx context.Context, id, round int64, do func(*models.Tx, *Request, models.Environment, time.Time) error) (changed Request, err error) {
	err = c.write(ctx, "change request", func(tx *models.Tx) error {
		row, err := tx.ChangeRequest(ctx, id)
		if err != nil {
			return err
		}
		environment, err := tx.Lock(ctx, row.Environment) // who holds it is the only one to move a request of it
		if err != nil {
			return err
		}
		r, err := readRequest(ctx, tx, id)
		if err != nil {
			return err
		}
		if r.Round != round {
			return &ConflictError{Environment: r.Environment, Conflicts: []Conflict{{
				Item: Item{Kind: ItemRequest, Key: fmt.Sprint(id)}, Base: round, Version: r.Round, Theirs: r}}}
		}
		now, err := tx.Now(ctx)
		if err != nil {
			return err
		}
		r.audit = c.audit
		if err := do(tx, &r, environment, now); err != nil {
			return err
		}
		changed, err = readRequest(ctx, tx, id)
		return err
	})
	return changed, err
}

// send freezes how many approvals the request takes.
func (r *Request) send(ctx context.Context, tx *models.Tx, environment models.Environment, by Actor, now time.Time) error {
	if strings.TrimSpace(r.Reason) == "" {
		return &RefusedError{[]Problem{{Problem: ruleset.Problem{Path: "reason", Message: errReason.Error()}}}}
	}
	r.Status, r.Required = InReview, 0
	if environment.TakesRequests() {
		r.Required = environment.Approvals
	}
	if err := r.note(ctx, tx, EventSent, by, "", now); err != nil {
		return err
	}
	return r.proceed(ctx, tx, 0, now)
}

// proceed makes a request approved or scheduled if it has the approvals that it takes, and stores it.
func (r *Request) proceed(ctx context.Context, tx *models.Tx, approvals int, now time.Time) error {
	waiting := r.Waiting()
	switch {
	case approvals < r.Required:
	case len(waiting) > 0 && waiting[0].At != nil:
		r.Status = Scheduled
	default:
		r.Status = Approved
	}
	return r.store(ctx, tx, now)
}

func (r *Request) store(ctx context.Context, tx *models.Tx, now time.Time) error {
	r.UpdatedAt = models.At(now)
	return tx.UpdateChangeRequest(ctx, r.ChangeRequest)
}

func (r *Request) finish(ctx context.Context, tx *models.Tx, status Status, now time.Time) error {
	at := models.At(now)
	r.Status, r.EndedAt = status, &at
	return r.store(ctx, tx, now)
}

// note keeps what happens to the request.
func (r *Request) note(ctx context.Context, tx *models.Tx, kind string, by Actor, text string, now time.Time) error {
	added, err := tx.AddChangeRequestEvent(ctx, models.ChangeRequestEvent{RequestID: r.ID, Round: r.Round, Kind: kind,
		Person: by.Name, PersonID: by.ID, Text: strings.TrimSpace(text), At: models.At(now)})
	switch {
	case err != nil:
		return err
	case !added:
		return r.refuse("%s has approved it already", by.Name)
	}
	return r.audit.Append(ctx, tx, audit.Entry{Action: "request-" + kind, Actor: by.Name, ActorID: by.ID, Environment: r.Environment, Request: fmt.Sprint(r.ID),
		Reason: text, Title: r.Title})
}

// plan stores the steps of a content, behind those that are done.
func (r *Request) plan(ctx context.Context, tx *models.Tx, content Content, done int) error {
	var rows []models.ChangeRequestStep
	r.Steps = r.Steps[:done]
	for i, planned := range content.Steps {
		edits, err := encodeEdits(planned.Edits)
		if err != nil {
			return err
		}
		row := models.ChangeRequestStep{RequestID: r.ID, Position: int64(done + i + 1), At: models.AtOptional(planned.At), Edits: edits, Status: models.StepWaiting}
		if content.Recurrence != nil {
			opens := opening(planned.Edits)
			row.Opens = &opens
		}
		rows = append(rows, row)
		r.Steps = append(r.Steps, Step{row, planned.Edits})
	}
	return tx.AddChangeRequestSteps(ctx, rows)
}

// checkContent refuses what no database is needed for to see that it is wrong, and fills in what was left out.
func checkContent(by Actor, content *Content) error {
	if err := checkNames(by.Name, content.Reason); err != nil {
		return err
	}
	if content.Kind == "" {
		content.Kind = KindPublish
	}
	if err := checkKind(content.Kind, KindPublish, KindRollback, KindPromote, kindImport); err != nil {
		return err
	}
	if content.Title = oneLine(content.Title); content.Title == "" {
		title, _, _ := strings.Cut(strings.TrimSpace(content.Reason), "\n")
		content.Title = oneLine(title)
	}
	if content.Title == "" {
		content.Title = "Without a title"
	}
	if runes := []rune(content.Title); len(runes) > maxTitleOf {
		content.Title = string(runes[:maxTitleOf-1]) + "…"
	}
	refuse := func(path, message string) error {
		return &RefusedError{[]Problem{{Problem: ruleset.Problem{Path: path, Message: message}}}}
	}
	if message := unstorable(content.Title); message != "" {
		return refuse("title", message)
	}
	if !utf8.ValidString(content.Impact) || content.Impact != "" && !json.Valid([]byte(content.Impact)) {
		return refuse("impact", "the impact is no JSON")
	}
	return content.checkPlan(refuse)
}

// oneLine is a title as lists, letters and terminals show it: without breaks and what else is not seen.
func oneLine(title string) string {
	return strings.Join(strings.FieldsFunc(title, func(r rune) bool {
		return unicode.IsSpace(r) || r != 0 && unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r)
	}), " ")
}

// storableTime reports whether a time is in a year that both databases, and JSON, can hold.
func storableTime(t *time.Time) bool {
	return t == nil || t.UTC().Year() >= 1970 && t.UTC().Year() <= 9999
}

// checkPlan refuses steps that could not be taken one after another.
func (content *Content) checkPlan(refuse func(path, message string) error) error {
	if content.Recurrence != nil {
		if message := content.Recurrence.mistake(); message != "" {
			return refuse("recurrence", message)
		}
	}
	if n := len(content.Steps); n == 0 && content.Recurrence == nil || n > MaxSteps {
		return refuse("steps", fmt.Sprintf("a request has 1 to %d steps", MaxSteps))
	}
	var last *time.Time
	for i, step := range content.Steps {
		switch {
		case len(step.Edits) == 0 || len(step.Edits) > MaxEdits:
			return refuse("steps", fmt.Sprintf("step %d has %d edits: 1 to %d are allowed", i+1, len(step.Edits), MaxEdits))
		case step.At == nil && len(content.Steps) > 1:
			return refuse("steps", fmt.Sprintf("step %d says no time: of several steps, each is applied at a time", i+1))
		case !storableTime(step.At):
			return refuse("steps", fmt.Sprintf("step %d is in a year that there is no calendar for: use one from 1970 to 9999", i+1))
		case last != nil && !step.At.After(*last):
			return refuse("steps", fmt.Sprintf("step %d is not after the one before it", i+1))
		case step.At != nil && slices.ContainsFunc(step.Edits, lifts):
			return refuse("steps", "a kill is lifted by a person who looks, not by a schedule: leave the time out")
		}
		last = step.At
	}
	return nil
}

func lifts(e Edit) bool { _, ok := e.(LiftFlag); return ok }
