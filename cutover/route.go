package cutover

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/toprent/flags/ruleset"
	"github.com/toprent/flags/service"
)

// router says which stage each call of one entity is at. It follows the newest revision, never a pin; where that cannot be
// trusted, the last rules that could be; and where there are none, nobody reads or writes anything.
type router struct {
	key     string
	flags   *service.FeatureFlagService
	journal *Journal
	tenant  func(ctx context.Context, tenant string, asks []string) (ruleset.Subject, error) // what is known of a tenant; nil: nobody knows
	synced  func() bool                                                                      // both sides were verified, and kept equal since
	log     *slog.Logger

	now atomic.Pointer[routing]

	mu      sync.Mutex
	asked   bool     // the journal has answered what it has
	older   []*rules // with calls that may be under way
	problem string   // the last that was logged
}

// routing is what a router knows after a look at a revision. It never changes.
type routing struct {
	seen    ruleset.ID // the revision that was looked at
	good    int64      // the number of the last revision that these rules follow
	rules   *rules     // nil: none can be trusted
	problem error      // why the newest revision is not followed; nil: it is
}

// Begin returns where the rows of the subject's tenant are; see Stages.
func (r *router) Begin(subject *ruleset.Subject, writing bool) (Place, error) {
	rules, err := r.enter()
	if err != nil {
		return Place{}, err
	}
	if len(rules.data.asks) > 0 && subject.Tenant != "" {
		rules.data.note(subject)
	}
	return rules.place(rules.decide(subject, writing))
}

// place is where rows of that stage are, for a call that was counted.
func (r *rules) place(stage ruleset.Stage, err error) (Place, error) {
	if err != nil {
		r.calls.Add(-1)
		return Place{}, err
	}
	place := Place{Stage: stage, Moving: r.moving, Revision: r.revision, Trailing: r.trailing.Load(), calls: &r.calls}
	if r.whole.Load() {
		place.Turn = r.turn
	}
	return place, nil
}

// enter counts a call to the newest rules.
func (r *router) enter() (*rules, error) {
	for {
		at := r.current()
		if at.rules == nil {
			return nil, at.problem
		}
		at.rules.calls.Add(1)
		if r.now.Load().rules == at.rules { // else nobody may have seen that it was counted
			return at.rules, nil
		}
		at.rules.calls.Add(-1)
	}
}

// current is the routing by the newest revision.
func (r *router) current() *routing {
	view := r.flags.Newest()
	if at := r.now.Load(); at != nil && at.seen == view.Newest() {
		return at
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.follow(r.flags.Newest())
}

// follow looks at a revision, once. It needs mu.
func (r *router) follow(view service.View) *routing {
	at := r.now.Load()
	if at != nil && at.seen == view.Newest() {
		return at
	}
	return r.look(view, at)
}

// look makes the routing after a look at a revision. It needs mu.
func (r *router) look(view service.View, at *routing) *routing {
	next := &routing{seen: view.Newest()}
	if at != nil {
		next.rules, next.good = at.rules, at.good
	}
	fresh, err := r.trusted(view, next)
	var stopped *stoppedError
	if errors.As(err, &stopped) && next.rules != nil {
		if fresh, err = stopped.stopped(view.Newest(), next.rules); err == nil {
			next.problem = stopped
		}
	}
	switch {
	case err != nil && next.rules == nil:
		next.problem = fmt.Errorf("%s: %w (%w)", r.key, ErrNoStage, err)
	case err != nil:
		next.problem = err
	default:
		next.good = view.Newest().Number
		if fresh.same(next.rules) {
			fresh.revision = next.rules.revision
			fresh.durable.Store(next.rules.durable.Load())
		}
		if !fresh.same(next.rules) || next.rules.borrowed {
			fresh.follows(next.rules, r.synced)
			r.leave(next.rules)
			next.rules = fresh
		}
	}
	r.now.Store(next)
	r.tell(next.problem)
	return next
}

// trusted gives the rules of a revision if they may be followed.
func (r *router) trusted(view service.View, known *routing) (*rules, error) {
	switch {
	case view.IsZero():
		return nil, errors.New("no revision is loaded")
	case view.Newest().Number < known.good:
		return nil, fmt.Errorf("revision %d is older than revision %d, which was followed before: it comes from an old file or a restored database. Find out which side has the rows; then publish on, or remove the entity from the journal's table cutover_stages and start again", view.Newest().Number, known.good)
	case !r.asked && r.flags.Status().State == service.FromDisk:
		return nil, errors.New("the revision comes from a file, and the journal cannot be asked whether there was a newer one")
	}
	return rulesOf(view.Published(), r.key)
}

// leave keeps rules in mind until their calls have ended. It needs mu.
func (r *router) leave(old *rules) {
	if old != nil {
		r.older = append(r.older, old)
	}
}

// tell logs a problem when it is another than before. It needs mu.
func (r *router) tell(problem error) {
	text := ""
	if problem != nil {
		text = problem.Error()
	}
	if text == r.problem {
		return
	}
	r.problem = text
	if text == "" {
		r.log.Info("cutover: the newest stages are followed again", "entity", r.key)
		return
	}
	r.log.Error("cutover: the newest stages cannot be followed", "entity", r.key, "error", problem)
}

// refresh asks the journal if need be, and looks at the newest revision again if there was a problem. It
// stores durably what is followed.
func (r *router) refresh(ctx context.Context) error {
	err := r.ask(ctx)
	at := r.current()
	if at.problem != nil {
		r.mu.Lock()
		at = r.look(r.flags.Newest(), r.now.Load())
		r.mu.Unlock()
	}
	if err != nil || at.rules == nil || at.rules.durable.Load() {
		return err
	}
	if err := r.journal.setStage(ctx, r.flags.Environment(), r.key, storedStage{at.rules.revision, at.rules.stored}); err != nil {
		return fmt.Errorf("store the stage of %s: %w", r.key, err)
	}
	at.rules.durable.Store(true)
	return nil
}

// ask reads what the journal has: once, and again while revisions do not reach the instance but may reach others.
func (r *router) ask(ctx context.Context) error {
	r.mu.Lock()
	asked := r.asked
	r.mu.Unlock()
	if asked && r.flags.Status().State == service.Live {
		return nil
	}
	s, found, err := r.journal.stage(ctx, r.flags.Environment(), r.key)
	if err != nil {
		return fmt.Errorf("read the stored stage of %s: %w", r.key, err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.asked = true
	at := r.now.Load()
	if !found || at != nil && at.rules != nil && at.good >= s.Revision {
		return nil
	}
	stored, err := rulesFrom(r.flags.Environment(), r.key, s)
	if err != nil {
		return err
	}
	stored.follows(nil, r.synced)
	next := &routing{good: s.Revision, rules: stored, problem: errors.New("the stored stage is used until a newer revision is loaded")}
	if at != nil {
		r.leave(at.rules)
		next.seen = at.seen
	}
	r.now.Store(next)
	r.look(r.flags.Newest(), next)
	return nil
}

// acknowledged is the newest revision by whose stages all calls that are under way began, and which is stored durably, so
// that a start without the flag database is never two stages behind.
func (r *router) acknowledged() (int64, bool) {
	at := r.current()
	r.mu.Lock()
	defer r.mu.Unlock()
	r.older = slices.DeleteFunc(r.older, func(old *rules) bool { return old.calls.Load() == 0 })
	if at != r.now.Load() || at.rules == nil || !at.rules.durable.Load() || len(r.older) > 0 {
		return 0, false
	}
	return at.good, true
}

// ready says why the entity cannot be used; nil if it can.
func (r *router) ready() error {
	if at := r.current(); at.rules == nil {
		return at.problem
	}
	return nil
}

// unsettled reports whether refresh has something to do.
func (r *router) unsettled() bool {
	at := r.current()
	r.mu.Lock()
	defer r.mu.Unlock()
	return !r.asked || at.problem != nil || at.rules == nil || !at.rules.durable.Load()
}

// trouble says why the newest revision is not followed; nil if it is.
func (r *router) trouble() error { return r.current().problem }

// moving reports whether tenants can be at a stage in which both sides matter.
func (r *router) moving() bool {
	at := r.current()
	return at.rules != nil && at.rules.moving
}

// OnNew reports whether the new side is a tenant's authority; "" asks for all tenants.
func (r *router) OnNew(tenant string) bool {
	isNew, err := r.onNew(context.Background(), tenant)
	return err == nil && isNew
}

// wholeSides are the sides that have every row: authorities, and the other one if it was verified and kept equal since.
func (r *router) wholeSides() (isNew []bool) {
	at := r.current()
	if at.rules == nil {
		return nil
	}
	old, fresh := at.rules.authorities()
	both := r.synced()
	if old || both {
		isNew = append(isNew, false)
	}
	if fresh || both {
		isNew = append(isNew, true)
	}
	return isNew
}

// trails reports since which revision other instances may follow an authority that is none any more.
func (r *router) trails() (since int64, yes bool) {
	at := r.current()
	if at.rules == nil || !at.rules.trailing.Load() {
		return 0, false
	}
	return at.rules.revision, true
}

// caughtUp says that all instances follow a revision.
func (r *router) caughtUp(since int64) {
	if at := r.current(); at.rules != nil && at.rules.revision <= since {
		at.rules.trailing.Store(false)
	}
}

// verified looks again whether both sides are whole.
func (r *router) verified() {
	if at := r.current(); at.rules != nil {
		at.rules.whole.Store(at.rules.bothWhole(r.synced))
	}
}

// busy reports whether a call is under way.
func (r *router) busy() bool {
	at := r.current()
	r.mu.Lock()
	defer r.mu.Unlock()
	return at.rules != nil && at.rules.calls.Load() > 0 || slices.ContainsFunc(r.older, func(old *rules) bool { return old.calls.Load() > 0 })
}
