package flagtest

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/toprent/flags/ruleset"
	"github.com/toprent/flags/service"
)

// Source is a source of revisions in memory, with a clock that stands still unless it is moved: for tests of what
// happens when flags change. It is safe for concurrent use.
type Source struct {
	mu        sync.Mutex
	now       time.Time
	revisions []revision // number n at n-1
	published uint64     // times, those that were restored away included
	floor     int64
	down      error
	reads     map[string]time.Time
}

type revision struct {
	id         ruleset.ID
	definition ruleset.Definition
	published  time.Time
}

// NewSource returns a source in which nothing was published yet. Its clock begins at noon of 1 June 2026, UTC.
func NewSource() *Source {
	return &Source{now: time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC), reads: map[string]time.Time{}}
}

// Publish makes a definition, which must not be changed afterwards, the newest revision. Services see it when they
// refresh.
func (s *Source) Publish(definition ruleset.Definition) ruleset.ID {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.published++
	id := ruleset.ID{Environment: Environment, Number: int64(len(s.revisions) + 1)}
	sum := sha256.Sum256(binary.BigEndian.AppendUint64(nil, s.published)) // so that no two are the same
	copy(id.Digest[:], sum[:])
	s.revisions = append(s.revisions, revision{id, definition, s.now})
	return id
}

// Recall raises the floor to the newest revision: sessions pinned below it move up on their next page.
func (s *Source) Recall() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.floor = int64(len(s.revisions))
}

// Restore goes back to a revision as a restored backup does: all later ones are gone, and their numbers come again,
// with other digests. Restore(0) goes back to before the first.
func (s *Source) Restore(number int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.revisions = s.revisions[:number]
	s.floor = min(s.floor, number)
}

// Advance moves the clock.
func (s *Source) Advance(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.now = s.now.Add(d)
}

// Now is the source's clock; give it to service.Config.Clock.
func (s *Source) Now() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.now
}

// Down makes every question fail until Up.
func (s *Source) Down() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.down = errors.New("the source is down")
}

// Up ends Down.
func (s *Source) Up() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.down = nil
}

// Head satisfies service.Source.
func (s *Source) Head(_ context.Context, environment string) (service.Head, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	head := service.Head{ID: ruleset.ID{Environment: environment}, Floor: s.floor, Now: s.now}
	if n := len(s.revisions); n > 0 {
		head.ID, head.PublishedAt = s.revisions[n-1].id, s.revisions[n-1].published
	}
	return head, s.refuse(environment)
}

// Recent satisfies service.Source.
func (s *Source) Recent(_ context.Context, environment string, since time.Time) ([]ruleset.ID, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var ids []ruleset.ID
	for i, r := range s.revisions {
		if i == len(s.revisions)-1 || s.revisions[i+1].published.After(since) {
			ids = append(ids, r.id)
		}
	}
	return ids, s.refuse(environment)
}

// Load satisfies service.Source.
func (s *Source) Load(_ context.Context, id ruleset.ID) (ruleset.Definition, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.refuse(id.Environment); err != nil {
		return ruleset.Definition{}, err
	}
	if id.Number < 1 || id.Number > int64(len(s.revisions)) || s.revisions[id.Number-1].id != id {
		return ruleset.Definition{}, fmt.Errorf("there is no revision %d with digest %s", id.Number, id.Digest)
	}
	return s.revisions[id.Number-1].definition, nil
}

// RecordReads satisfies service.Source.
func (s *Source) RecordReads(_ context.Context, environment string, at time.Time, keys []string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.refuse(environment); err != nil {
		return err
	}
	for _, key := range keys {
		s.reads[key] = at
	}
	return nil
}

// LastRead says when a flag was last recorded as read; the zero time if never.
func (s *Source) LastRead(key string) time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.reads[key]
}

func (s *Source) refuse(environment string) error {
	if s.down == nil && environment != Environment {
		return service.ErrNoEnvironment
	}
	return s.down
}
