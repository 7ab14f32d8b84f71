package e2e

import (
	"context"
	"errors"
	"testing"

	"github.com/toprent/flags/changes"
	"github.com/toprent/flags/internal/pgtest"
	"github.com/toprent/flags/models"
	"github.com/toprent/flags/ruleset"
)

// listener counts hints.
type listener struct {
	hints chan struct{}
	ended chan error
	stop  context.CancelFunc
}

func (s *storage) listens(environment string) *listener {
	ctx, stop := context.WithCancel(context.Background())
	l := &listener{hints: make(chan struct{}, 1000), ended: make(chan error, 1), stop: stop}
	go func() { l.ended <- s.store.Listen(ctx, environment, func() { l.hints <- struct{}{} }) }()
	s.t.Cleanup(stop)
	<-l.hints // connected
	return l
}

func TestAListenerHearsWhatIsPublished(t *testing.T) {
	for name, open := range map[string]func(*testing.T) *models.Store{"SQLite": openSQLite, "PostgreSQL": openPostgres} {
		t.Run(name, func(t *testing.T) {
			s := newStorage(t, open(t))
			production, staging := s.listens(prod), s.listens("staging")
			s.publishes(newFlag("a"))
			<-production.hints
			s.kills("a")
			<-production.hints
			if len(staging.hints) != 0 {
				t.Error("staging hears what is published in production")
			}
			if _, err := s.tries(changes.PutPlan{Plan: ruleset.Plan{Key: "NO"}}); err == nil || len(production.hints) != 0 {
				t.Errorf("a refused change is heard of; %v", err)
			}
			production.stop()
			wantIs(t, <-production.ended, context.Canceled)
		})
	}
}

func TestAListenerEndsWithTheServerAndIsHintedWhenItIsBack(t *testing.T) {
	server := pgtest.Server(t)
	s := newStorage(t, openURL(t, server.URL()))
	s.publishes(newFlag("a"))
	l := s.listens(prod)
	server.Stop()
	if err := <-l.ended; err == nil || errors.Is(err, context.Canceled) {
		t.Errorf("ended with %v", err)
	}
	if err := s.store.Listen(t.Context(), prod, func() { t.Error("a hint from a stopped server") }); err == nil {
		t.Error("listening to a stopped server goes well")
	}
	server.Start()
	again := s.listens(prod)
	s.kills("a")
	<-again.hints
}

func TestEditsAreRefusedWhileTheDatabaseIsDown(t *testing.T) {
	server := pgtest.Server(t)
	s := newStorage(t, openURL(t, server.URL()))
	before := s.publishes(newFlag("a"))
	server.Stop()
	_, publishErr := s.tries(newFlag("b"))
	_, killErr := s.changes.Kill(t.Context(), prod, "a", "ann", "it hurts")
	_, importErr := s.changes.Import(t.Context(), document(), changes.ImportOptions{Author: "ann"})
	_, exportErr := s.changes.Export(t.Context())
	for _, err := range []error{publishErr, killErr, importErr, exportErr} {
		wantIs(t, err, changes.ErrUnavailable)
	}
	if _, err := s.store.Head(t.Context(), prod); !models.Unavailable(err) {
		t.Errorf("the head: %v", err)
	}

	// Opened while it is down, a store works once it is up.
	late := &storage{t: t, store: openURL(t, server.URL())}
	server.Start()
	wantEqual(t, "the head", late.head(prod), before.ID)
	s.kills("a")
	wantEqual(t, "killed", late.flag("a").Killed, true)
}

func TestADatabaseThatIsSetBackHasOtherDigests(t *testing.T) {
	server := pgtest.Server(t)
	s := newStorage(t, openURL(t, server.URL()))
	s.publishes(newFlag("a"))
	saved := server.Save()
	lost := s.kills("a").ID
	server.Restore(saved)
	waitFor(t, "the pool to connect anew", func() bool { _, err := s.store.Head(t.Context(), prod); return err == nil })
	again := s.kills("a").ID
	if again.Number != lost.Number || again.Digest == lost.Digest {
		t.Errorf("lost %v, again %v", lost, again)
	}
	_, err := s.store.Load(t.Context(), lost)
	wantIs(t, err, models.ErrNotFound)
}
