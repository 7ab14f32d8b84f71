package settings

import (
	"context"
	"errors"
	"net/http"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/toprent/flags/directory"
	"github.com/toprent/flags/handlers/settings"
	"github.com/toprent/flags/internal/settingstest"
	"github.com/toprent/flags/service"
)

// Whoever ends what runs beside requests is left with nothing that goes on: no goroutine, however far the work was.
func TestWhatRunsBesideRequestsEndsWithItsContext(t *testing.T) {
	store := settingstest.SQLite(t)
	crowd(t, store, largePeople/5)
	site := settingstest.On(t, store, inside)
	site.Sample()
	hangs := make(chan struct{})
	receiver := newReceiver(t)
	receiver.answers(func(_ http.ResponseWriter, r *http.Request) {
		select {
		case <-r.Context().Done():
		case <-hangs:
		}
	})
	admin := site.As("admin")
	watches(t, admin, channelAt(t, admin, "#ops", "slack", receiver.URL), "", "", "all")
	http.DefaultClient.CloseIdleConnections()
	flags, err := service.New(t.Context(), service.Config{Source: store, Environment: "development"})
	if err != nil {
		t.Fatal(err)
	}

	others := goleak.IgnoreCurrent()
	ctx, cancel := context.WithCancel(t.Context())
	seen := directory.New(store, directory.Options{Flush: time.Millisecond})
	config := settings.Config{Store: store, Flags: flags, Directory: seen, Person: asAdmin}
	inside(&config) // with the key of the other instance: either of them may send what is sealed
	pages, err := settings.New(config)
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 2)
	go func() { ended <- pages.Run(ctx) }()
	go func() { ended <- seen.Run(ctx) }()
	if _, err := seen.Snapshot(ctx, "development"); err != nil { // which goes on reading
		t.Fatal(err)
	}
	publishesFlag(t, site, "production", "winter-look", "snow")
	until(t, "it is being sent, by one of the two", func() bool { return len(receiver.all()) == 1 })
	cancel()
	for range 2 {
		<-ended
	}
	close(hangs)
	// A request that came late is told so if not even the first reading was over.
	if _, err := seen.Snapshot(t.Context(), "development"); err != nil && !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	var left error
	defer func() {
		if t.Failed() {
			t.Log(left)
		}
	}()
	until(t, "nothing goes on", func() bool { // of the site, which goes on, something may for a moment
		left = goleak.Find(others)
		return left == nil
	})
}
