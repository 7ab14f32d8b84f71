// Package asof computes what a subject gets, or could have got at any past moment. Where a session's pin is known, the
// answer is what its pages showed; where it is not, the answer holds for each revision that a pin could have held then. The
// pages and the command line ask the same questions here, so they cannot tell different stories.
package asof

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/toprent/flags/internal/catalog"
	"github.com/toprent/flags/middleware"
	"github.com/toprent/flags/models"
	"github.com/toprent/flags/ruleset"
	"github.com/toprent/flags/service"
)

// Inspector answers questions. It is safe for concurrent use.
type Inspector struct {
	store   *models.Store
	catalog *catalog.Catalog
}

// New makes an inspector.
func New(store *models.Store, catalog *catalog.Catalog) *Inspector {
	return &Inspector{store: store, catalog: catalog}
}

// Question is which rules, and when.
type Question struct {
	Environment string
	At          time.Time  // zero: now
	Pinned      *int64     // the revision that the session has pinned; nil: not known
	PinnedAt    *time.Time // when it did; nil: at the moment itself
}

// Errors of questions that nobody can answer.
var (
	ErrFuture  = errors.New("that moment is still to come")
	ErrNotThen = errors.New("there was no such revision then")
)

// Moment is an environment at a moment: its newest revision, and all that a pin could have held.
type Moment struct {
	Question
	Past     bool
	At       time.Time            // the moment, by the database's clock
	Newest   *catalog.Environment // as it was then
	Since    time.Time            // when that revision was published; zero for revision 0
	Possible []Possible           // oldest first; one if there is no doubt
	More     int                  // possible ones that are older still, and not looked at
}

// Possible is one pin that a session could have had.
type Possible struct {
	Revision ruleset.ID
	Pinned   time.Time
	rules    *ruleset.Revision
	state    *catalog.Environment
}

// mostPossible is how many pins are looked at. Nobody publishes as often within the life of a pin, but a program could.
const mostPossible = 24

// Moment finds the rules that a question asks for. It returns ErrFuture, ErrNotThen or service.ErrNoEnvironment.
func (i *Inspector) Moment(ctx context.Context, q Question) (*Moment, error) {
	now, err := i.store.Now(ctx)
	if err != nil {
		return nil, err
	}
	m := &Moment{Question: q, At: now, Past: !q.At.IsZero()}
	if m.Past {
		if m.At = q.At.UTC(); m.At.After(now) {
			return nil, fmt.Errorf("%s: %w", q.At.Format(time.RFC3339), ErrFuture)
		}
	}
	if m.Newest, err = i.newest(ctx, m); err != nil {
		return nil, err
	}
	switch {
	case q.Pinned != nil:
		err = i.known(ctx, m)
	case m.Past:
		err = i.guess(ctx, m)
	default:
		m.Possible = []Possible{possible(m, m.Newest, m.At)}
	}
	if err != nil {
		return nil, err
	}
	return m, nil
}

// newest gives the environment as it was at the moment, and notes since when.
func (i *Inspector) newest(ctx context.Context, m *Moment) (*catalog.Environment, error) {
	if !m.Past {
		present, err := i.catalog.Environment(ctx, m.Environment)
		if err == nil && present.Head > 0 {
			var revision models.Revision
			revision, err = i.store.Revision(ctx, m.Environment, present.Head)
			m.Since = revision.PublishedAt.Time
		}
		return present, err
	}
	rows, _, err := i.store.NewestWithin(ctx, m.Environment, m.At, m.At)
	if err != nil {
		return nil, err
	}
	if len(rows) == 0 {
		return i.catalog.At(ctx, m.Environment, 0)
	}
	last := rows[len(rows)-1]
	m.Since = last.PublishedAt.Time
	return i.catalog.At(ctx, m.Environment, last.Number)
}

// known is a session whose pin is recorded: there is no doubt.
func (i *Inspector) known(ctx context.Context, m *Moment) error {
	if *m.Pinned < 0 || *m.Pinned > m.Newest.Head {
		return fmt.Errorf("revision %d of %s: %w", *m.Pinned, m.Environment, ErrNotThen)
	}
	at := m.At
	if m.PinnedAt != nil {
		at = m.PinnedAt.UTC()
	}
	state, err := i.catalog.At(ctx, m.Environment, *m.Pinned)
	if err != nil {
		return err
	}
	m.Possible = []Possible{possible(m, state, at)}
	return nil
}

// guess finds every revision that a pin could have held: those that were the newest within a pin's life before the moment,
// and were not recalled. Where rules read the time, it matters when a session pinned one, so both ends are looked at.
func (i *Inspector) guess(ctx context.Context, m *Moment) error {
	after := m.At.Add(-middleware.PinLife)
	spans, err := i.spans(ctx, m, after)
	if err != nil {
		return err
	}
	if m.More = max(0, len(spans)-mostPossible); m.More > 0 {
		spans = spans[m.More:]
	}
	for _, s := range spans {
		state, err := i.catalog.At(ctx, m.Environment, s.number)
		if err != nil {
			return err
		}
		first := possible(m, state, s.from)
		if first.rules.Timed() && !s.from.Truncate(service.TimeGrain).Equal(s.until.Truncate(service.TimeGrain)) {
			m.Possible = append(m.Possible, first)
		}
		last := first
		last.Pinned = s.until
		m.Possible = append(m.Possible, last)
	}
	return nil
}

// span is from when until when sessions pinned a revision.
type span struct {
	number      int64
	from, until time.Time
}

// spans are all that a pin could hold at the moment, oldest first.
func (i *Inspector) spans(ctx context.Context, m *Moment, after time.Time) ([]span, error) {
	rows, empty, err := i.store.NewestWithin(ctx, m.Environment, after, m.At)
	if err != nil {
		return nil, err
	}
	var spans []span
	if empty {
		spans = append(spans, span{0, after, m.At})
	}
	for _, row := range rows {
		from := row.PublishedAt.Time
		if from.Before(after) {
			from = after
		}
		if row.Kind == recall {
			spans = nil // sessions below it moved up on their next page
		}
		if len(spans) > 0 {
			spans[len(spans)-1].until = from
		}
		spans = append(spans, span{row.Number, from, m.At})
	}
	return spans, nil
}

const recall = "recall" // the kind of the revisions that raise the floor

func possible(m *Moment, state *catalog.Environment, at time.Time) Possible {
	return Possible{Revision: state.ID(), Pinned: at, state: state, rules: ruleset.Overlay(state.Revision(), m.Newest.Revision())}
}

// grain is the time that rules read in a session that was pinned then.
func (p Possible) grain() time.Time { return p.Pinned.UTC().Truncate(service.TimeGrain) }

// Values are what the subject got in a session with this pin.
func (p Possible) Values(subject ruleset.Subject) ruleset.Values {
	return p.rules.Evaluate(subject, p.grain())
}
