package cli

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/toprent/flags/internal/sample"
	"github.com/toprent/flags/models"
	"github.com/toprent/flags/service"
)

type serve struct {
	Sample bool `default:"true" negatable:"" env:"SAMPLE" help:"Fill an empty database with the sample's flags (default: yes)."`
}

// Run serves until the context is done, and then ends what it began.
func (cmd serve) Run(ctx context.Context, settings *Settings, s streams) error {
	keys, err := settings.keys()
	if err == nil && keys == nil {
		keys, err = settings.developmentKeys()
	}
	if err != nil {
		return err
	}
	store, err := settings.open(ctx)
	if err != nil {
		return err
	}
	defer store.Close()
	ctx, cancel := context.WithCancel(ctx)
	var background sync.WaitGroup
	defer background.Wait()
	defer cancel()

	down := cmd.prepare(ctx, store)
	if down != nil && !models.Unavailable(down) {
		return down
	}
	flags, err := service.New(ctx, service.Config{
		Source:      store,
		Environment: settings.Environment,
		LastGood:    settings.lastGoodFile(),
		Subjects:    sample.Subjects{Store: store},
		Logger:      s.log,
	})
	if err != nil {
		return err
	}
	if down != nil {
		s.log.Error("the database is down; it is prepared as soon as it is back", "error", down)
		background.Go(func() { cmd.prepareLater(ctx, store, flags, s) })
	}
	background.Go(func() { _ = flags.Run(ctx) })

	gin.SetMode(gin.ReleaseMode)
	site, err := sample.New(sample.Config{Store: store, Flags: flags, Keys: keys, Secure: settings.production(), Logger: s.log})
	if err != nil {
		return err
	}
	return listen(ctx, settings, site, s)
}

// prepare migrates, and fills an empty database.
func (cmd serve) prepare(ctx context.Context, store *models.Store) error {
	err := prepare(ctx, store)
	if err == nil && cmd.Sample {
		_, err = sample.Fill(ctx, store)
	}
	return err
}

// prepareLater goes on trying while the database is down.
func (cmd serve) prepareLater(ctx context.Context, store *models.Store, flags *service.FeatureFlagService, s streams) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-time.After(2 * time.Second):
		}
		err := cmd.prepare(ctx, store)
		if err == nil {
			flags.Hint()
			return
		}
		if !models.Unavailable(err) {
			s.log.Error("the database is back, but cannot be prepared", "error", err)
		}
	}
}

// Bounds on what a client may make the server wait for.
const (
	headerTimeout = 10 * time.Second
	idleTimeout   = 2 * time.Minute
	drainTimeout  = 10 * time.Second // for requests under way when the server ends
)

func listen(ctx context.Context, settings *Settings, site http.Handler, s streams) error {
	listener, err := net.Listen("tcp", settings.Listen)
	if err != nil {
		return fmt.Errorf("LISTEN=%s: %w: is something else running there?", settings.Listen, err)
	}
	fmt.Fprintf(s.out, "Toprent is at http://%s (%s). Press Ctrl-C to end it.\n", listener.Addr(), settings.Environment)
	server := &http.Server{Handler: site, ReadHeaderTimeout: headerTimeout, IdleTimeout: idleTimeout}
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(listener) }()
	select {
	case err := <-ended:
		return err
	case <-ctx.Done():
	}
	drain, cancel := context.WithTimeout(context.WithoutCancel(ctx), drainTimeout)
	defer cancel()
	if err := server.Shutdown(drain); err != nil {
		return errors.Join(err, server.Close())
	}
	return nil
}
