package cli

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/toprent/flags/analytics"
	"github.com/toprent/flags/changes"
	"github.com/toprent/flags/directory"
	"github.com/toprent/flags/handlers/settings"
	"github.com/toprent/flags/internal/access"
	"github.com/toprent/flags/internal/sample"
	"github.com/toprent/flags/middleware"
	"github.com/toprent/flags/models"
	"github.com/toprent/flags/service"
)

type serve struct{}

// Run serves until the context is done, and then ends what it began. The address is taken first: where something else
// has it already, nothing is made or changed. Who connects before all is ready waits.
func (cmd serve) Run(ctx context.Context, settings *Settings, s streams) error {
	listener, err := net.Listen("tcp", settings.Listen)
	if err != nil {
		return cannotListen("LISTEN", settings.Listen, err)
	}
	defer listener.Close()
	watch, err := settings.watch(ctx, settings.Environment, s)
	if err != nil {
		return err
	}
	defer func() { _ = watch.stop() }() // there is nobody left to tell
	s.telemetry = watch.hooks
	keys, err := settings.sessionKeys()
	if err != nil {
		return err
	}
	store, err := settings.open(ctx)
	if err != nil {
		return err
	}
	defer closeSoon(store)
	ctx, cancel := context.WithCancel(ctx)
	var background sync.WaitGroup
	defer background.Wait()
	defer cancel()
	background.Go(func() { watch.serve(ctx, s) })
	accounts, err := settings.accounts(store)
	if err != nil {
		return err
	}
	firstLink := func() { printFirstLink(ctx, accounts, settings.site(listener), s) }
	flags, prepared, err := cmd.follow(ctx, store, &background, settings, s, firstLink)
	if err != nil {
		return err
	}
	watch.metrics.Watch(flags)
	gin.SetMode(gin.ReleaseMode)
	clients, closeClients, err := settings.clients(ctx, store, flags, s)
	if err != nil {
		return err
	}
	defer closeClients()
	defer background.Wait() // before their databases are closed
	defer cancel()
	background.Go(func() { _ = clients.Run(ctx) })
	answering, answered := context.WithCancel(context.WithoutCancel(ctx)) // what the last requests show is recorded, too
	defer answered()
	site, err := cmd.site(answering, settings.site(listener), store, flags, clients, accounts, keys, watch, &background, settings, s)
	if err != nil {
		return err
	}
	if flags.Ready() && flags.Newest().Revision().Number == 0 {
		s.log.Warn("there are no flags yet: import a flags file, or start with SAMPLE=yes for the sample's", "environment", settings.Environment)
	}
	fmt.Fprintf(s.out, "Toprent is at http://%s (%s). Press Ctrl-C to end it.\n", listener.Addr(), settings.Environment)
	if prepared {
		firstLink()
	}
	return answer(ctx, listener, site, s)
}

// site is the sample site with the settings pages beside it.
func (serve) site(ctx context.Context, address string, store *models.Store, flags *service.FeatureFlagService, clients *sample.Clients, accounts *access.Accounts, keys [][]byte, watch *watching, background *sync.WaitGroup, cfg *Settings, s streams) (http.Handler, error) {
	seen := directory.New(store, directory.Options{Attributes: []string{"country"}, Logger: s.log, Telemetry: s.telemetry})
	audit, err := cfg.auditKey()
	if err != nil {
		return nil, err
	}
	recording, endSinks, err := cfg.record(ctx, s.log)
	if err != nil {
		return nil, err
	}
	recording.Key, recording.Telemetry = eventKey(audit, keys), s.telemetry
	recorder := analytics.New(store, flags, recording)
	watch.metrics.WatchDirectory(seen)
	watch.metrics.WatchQueue("events", recorder)
	for _, queue := range recorder.SinkQueues() {
		watch.metrics.WatchQueue(queue.Name(), queue)
	}
	looking := &middleware.Preview{Key: keys[0], URL: cfg.URL} // which derives keys of its own
	config := settings.Config{Store: store, Flags: flags, Directory: seen, Recorder: recorder, Accounts: accounts, Secure: cfg.secure(), Preview: looking, Telemetry: s.telemetry, Logger: s.log}
	cfg.Alerts.apply(&config, address)
	if err := cfg.applyAudit(&config); err != nil {
		return nil, err
	}
	if len(config.AuditKey) == 0 {
		s.log.Warn("there is no AUDIT_KEY: the audit is chained without a key, so that whoever can write the whole database could write another chain")
	}
	pages, err := settings.New(config)
	if err != nil {
		return nil, err
	}
	site, err := sample.New(sample.Config{Store: store, Flags: flags, Clients: clients, Keys: keys, Secure: cfg.secure(), Logger: s.log,
		Directory: seen, Recorder: recorder, Preview: looking, Trace: watch.request, Settings: pages.Mount, SettingsPath: settingsPath})
	if err != nil {
		return nil, err
	}
	background.Go(func() { _ = seen.Run(ctx) })
	background.Go(func() { _ = recorder.Run(ctx); endSinks() })
	background.Go(func() { _ = pages.Run(ctx) })
	return site, nil
}

// site is the address under which people know the site.
func (s *Settings) site(listener net.Listener) string {
	if s.URL != "" {
		return strings.TrimSuffix(s.URL, "/")
	}
	return "http://" + listener.Addr().String()
}

// follow prepares the database, if it is up, and starts to follow its flags in the background. It reports whether the
// database is prepared; if it is not yet, later is called once it is.
func (cmd serve) follow(ctx context.Context, store *models.Store, background *sync.WaitGroup, settings *Settings, s streams, later func()) (*service.FeatureFlagService, bool, error) {
	down := cmd.prepare(ctx, store, settings)
	if down != nil && !models.Unavailable(down) {
		return nil, false, down
	}
	starting, cancel := context.WithTimeout(ctx, startTimeout(down))
	defer cancel()
	flags, err := service.New(starting, service.Config{
		Source:      store,
		Environment: settings.Environment,
		LastGood:    settings.lastGoodFile(),
		Subjects:    sample.Subjects{Store: store},
		Logger:      s.log,
		Telemetry:   s.telemetry,
	})
	if err != nil {
		return nil, false, err
	}
	if down != nil {
		s.log.Error("the database is down; it is prepared as soon as it is back", "error", down)
		background.Go(func() { cmd.prepareLater(ctx, store, flags, settings, s, later) })
	}
	background.Go(func() { _ = flags.Run(ctx) })
	return flags, down == nil, nil
}

// startTimeout is how long a start waits for the first revision: where the database is known to be down, hardly, since
// the last good one is there.
func startTimeout(down error) time.Duration {
	if down != nil {
		return 100 * time.Millisecond
	}
	return 10 * time.Second
}

func cannotListen(setting, address string, err error) error {
	if errors.Is(err, syscall.EADDRINUSE) {
		return fmt.Errorf("%s=%s: something else is running there: end it, or choose another port: %w", setting, address, err)
	}
	return fmt.Errorf("%s=%s: %w", setting, address, err)
}

// prepare migrates, and fills an empty database.
func (serve) prepare(ctx context.Context, store *models.Store, settings *Settings) error {
	err := prepare(ctx, store)
	if err == nil {
		err = settings.exists(ctx, store)
	}
	if err == nil && settings.fills() {
		var options changes.Options
		if options, err = settings.auditing(); err == nil {
			_, err = sample.Fill(ctx, store, options)
		}
	}
	return err
}

// prepareLater goes on trying while the database is down, or is not as it must be. What is wrong is logged when it is
// something new.
func (cmd serve) prepareLater(ctx context.Context, store *models.Store, flags *service.FeatureFlagService, settings *Settings, s streams, done func()) {
	logged := ""
	for {
		select {
		case <-ctx.Done():
			return
		case <-time.After(prepareAgain):
		}
		err := cmd.prepare(ctx, store, settings)
		if err == nil {
			s.log.Info("the database is back and prepared")
			flags.Hint()
			done()
			return
		}
		if !models.Unavailable(err) && ctx.Err() == nil && err.Error() != logged {
			logged = err.Error()
			s.log.Error("the database is back, but cannot be prepared", "error", err)
		}
	}
}

const prepareAgain = 2 * time.Second // after an attempt to prepare a database that was down

// Bounds on what a client may make the server wait for.
const (
	headerTimeout = 10 * time.Second
	readTimeout   = time.Minute // for a whole request: who sends a form byte by byte holds nothing open
	writeTimeout  = 2 * time.Minute
	idleTimeout   = 2 * time.Minute
	drainTimeout  = 10 * time.Second // for requests under way when the server ends
)

// answer serves until the context is done, and lets the requests end that are then under way.
func answer(ctx context.Context, listener net.Listener, site http.Handler, s streams) error {
	server := &http.Server{
		Handler:           site,
		ReadHeaderTimeout: headerTimeout,
		ReadTimeout:       readTimeout,
		WriteTimeout:      writeTimeout,
		IdleTimeout:       idleTimeout,
		ErrorLog:          slog.NewLogLogger(s.log.Handler(), slog.LevelWarn),
	}
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
