package service

import (
	"context"
	"fmt"
	"strconv"
	"sync"
	"time"

	"github.com/patrickmn/go-cache"
	"github.com/toprent/flags/ruleset"
	"golang.org/x/sync/singleflight"
)

const (
	maxSubjects   = 20_000          // remembered
	maxLookups    = 64              // at the same time, so that a host that hangs holds no more than that
	lookupTimeout = 2 * time.Second // for one look-up, the wait for its turn included
)

// subjectCache remembers for a minute what the host said of a user.
type subjectCache struct {
	lookups singleflight.Group
	turns   chan struct{} // holds one for each look-up under way

	mu      sync.Mutex // guards changes, and keeps items from being added while some are dropped
	changes uint64     // times that something was dropped
	items   *cache.Cache
}

func newSubjectCache() *subjectCache {
	// Without go-cache's own janitor, which nothing can stop: Run sweeps.
	return &subjectCache{items: cache.New(cacheLife, 0), turns: make(chan struct{}, maxLookups)}
}

// get remembers a user, or asks the host. It never waits longer than lookupTimeout, nor than ctx.
func (c *subjectCache) get(ctx context.Context, userID string, subjects Subjects) (ruleset.Subject, error) {
	if found, ok := c.items.Get(userID); ok {
		return found.(ruleset.Subject), nil
	}
	shared := context.WithoutCancel(ctx) // one caller that gives up must not fail the others
	before := c.seen()
	answer := c.lookups.DoChan(strconv.FormatUint(before, 10)+" "+userID, func() (any, error) {
		ctx, cancel := context.WithTimeout(shared, lookupTimeout)
		defer cancel()
		subject, err := c.ask(ctx, userID, subjects)
		if err == nil {
			c.keep(userID, subject, before)
		}
		return subject, err
	})
	ctx, cancel := context.WithTimeout(ctx, lookupTimeout)
	defer cancel()
	select {
	case found := <-answer:
		return found.Val.(ruleset.Subject), found.Err
	case <-ctx.Done():
		return ruleset.Subject{}, fmt.Errorf("look up user %q: %w", userID, ctx.Err())
	}
}

// ask asks the host in turn. Its panic is an error like any other: flags must not take a job down with them.
func (c *subjectCache) ask(ctx context.Context, userID string, subjects Subjects) (subject ruleset.Subject, err error) {
	select {
	case c.turns <- struct{}{}:
		defer func() { <-c.turns }()
	case <-ctx.Done():
		return ruleset.Subject{}, fmt.Errorf("look up user %q: %d others are being looked up: %w", userID, maxLookups, ctx.Err())
	}
	defer func() {
		if p := recover(); p != nil {
			subject, err = ruleset.Subject{}, fmt.Errorf("look up user %q: panic: %v", userID, p)
		}
	}()
	subject, err = subjects.Subject(ctx, userID)
	if subject.User == "" {
		subject.User = userID
	}
	return subject, err
}

// seen is how many changes there were.
func (c *subjectCache) seen() uint64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.changes
}

// keep remembers a user, unless there was a change since the host was asked: the answer may be of before.
func (c *subjectCache) keep(userID string, subject ruleset.Subject, before uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.changes == before && c.items.ItemCount() < maxSubjects {
		c.items.SetDefault(userID, subject)
	}
}

// dropTenant forgets the users of a tenant, and whatever is being looked up.
func (c *subjectCache) dropTenant(tenant string) (dropped int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.changes++
	for userID, item := range c.items.Items() {
		if item.Object.(ruleset.Subject).Tenant == tenant {
			c.items.Delete(userID)
			dropped++
		}
	}
	return dropped
}

func (c *subjectCache) sweep() { c.items.DeleteExpired() }
