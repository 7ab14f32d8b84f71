package sample

import (
	"context"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/toprent/flags/models"
	"github.com/toprent/flags/ruleset"
)

const (
	// subscriptionTimeout is how long a page waits for what its tenant has bought, if nothing else is said.
	subscriptionTimeout = 500 * time.Millisecond

	// subscriptionPause is how long nobody asks after that has failed, and then one request alone: a database that
	// hangs must not hold up every page.
	subscriptionPause = 2 * time.Second
)

// subscriptions asks what tenants have bought, anew for each request, so that a change shows on the next page. While
// that cannot be found out, plans are unknown: what needs a plan is off, and everything else goes on.
type subscriptions struct {
	store   *models.Store
	log     *slog.Logger
	timeout time.Duration
	again   atomic.Int64 // when to ask again, in nanoseconds since 1970; 0: all is well
}

// of puts plan and add-ons into a subject.
func (s *subscriptions) of(ctx context.Context, subject *ruleset.Subject) {
	again := s.again.Load()
	now := time.Now()
	if again != 0 && (now.UnixNano() < again || !s.again.CompareAndSwap(again, now.Add(subscriptionPause).UnixNano())) {
		return
	}
	asking, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	plan, addOns, err := s.store.Subscription(asking, subject.Tenant)
	switch {
	case err == nil:
		subject.Plan, subject.AddOns = plan, addOns
		if s.again.Swap(0) != 0 {
			s.log.Info("subscriptions can be read again")
		}
	case ctx.Err() == nil: // else whoever asked is gone, which says nothing of the database
		if s.again.Swap(time.Now().Add(subscriptionPause).UnixNano()) == 0 {
			s.log.Error("subscriptions cannot be read, so plans are unknown", "tenant", subject.Tenant, "error", err)
		}
	}
}
