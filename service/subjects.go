package service

import (
	"context"
	"errors"
	"slices"

	"github.com/toprent/flags/ruleset"
)

// Subjects is how a host finds subjects by id: what it satisfies if IsFeatureEnabled and EnabledFeatures are to know
// more of a user than the id.
type Subjects interface {
	// Subject returns the user with tenant, plan and attributes. Ids are unique across tenants. For someone in
	// several tenants it returns ErrAmbiguous: a caller with no tenant in hand cannot know which plan counts.
	// Callers for the same id share one call, so its ctx is of none of them, though it has the values of one; it is
	// done after two seconds. The subject is kept for a minute and must not be changed.
	Subject(ctx context.Context, userID string) (ruleset.Subject, error)
}

// ErrAmbiguous says that a user belongs to several tenants, so that an id alone does not name a subject.
var ErrAmbiguous = errors.New("the user belongs to several tenants: ask with a subject")

// ErrNoRevision says that there are no rules yet: neither the source nor the last good file had any.
var ErrNoRevision = errors.New("no revision is loaded: check the database and the last good file")

// IsFeatureEnabled reports whether a flag is on for a user, by the newest revision. When the host cannot say who the
// user is, or not within two seconds, flags that need a plan are off, all others as for a user of whom only the id is
// known.
func (s *FeatureFlagService) IsFeatureEnabled(ctx context.Context, userID, name string) bool {
	return s.valuesByID(ctx, userID).On(name)
}

// EnabledFeatures gives the keys of all flags that are on for a user, in order.
func (s *FeatureFlagService) EnabledFeatures(ctx context.Context, userID string) []string {
	return s.valuesByID(ctx, userID).Enabled()
}

// PlanChanged says that a tenant moved from one plan to another, or bought or ended an add-on: what is remembered of
// its users for look-ups by id is dropped. Pages need no telling, since they bring their subject anew. Other
// instances follow within a minute.
func (s *FeatureFlagService) PlanChanged(_ context.Context, tenant, from, to string) {
	dropped := s.byID.dropTenant(tenant)
	s.log.Info("plan changed", "tenant", tenant, "from", from, "to", to, "dropped", dropped)
	s.mu.Lock()
	moves := s.moves
	s.mu.Unlock()
	for _, hear := range moves {
		hear(tenant, from, to)
	}
}

// OnPlanChanged calls hear each time that PlanChanged is told. It must be quick, and safe for concurrent use.
func (s *FeatureFlagService) OnPlanChanged(hear func(tenant, from, to string)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.moves = append(slices.Clip(s.moves), hear)
}

// NoteSubjectFailed counts a subject that a host could not find out, in a request or by id. The middleware tells it.
func (s *FeatureFlagService) NoteSubjectFailed() { s.counts.subjectErrors.Add(1) }

func (s *FeatureFlagService) valuesByID(ctx context.Context, userID string) ruleset.Values {
	return s.Newest().ValuesFor(ctx, s.subjectByID(ctx, userID), s.Now(), true)
}

func (s *FeatureFlagService) subjectByID(ctx context.Context, userID string) ruleset.Subject {
	if s.subjects == nil {
		return ruleset.Subject{User: userID}
	}
	subject, err := s.byID.get(ctx, userID, s.subjects)
	if err != nil {
		s.NoteSubjectFailed()
		s.seen.once("subject", userID, func() {
			s.log.Warn("flags: the subject could not be found, so flags that need a plan are off for it", "user", userID, "error", err)
		})
		return ruleset.Subject{User: userID}
	}
	return subject
}
