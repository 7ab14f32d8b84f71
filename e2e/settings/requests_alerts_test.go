package settings

import (
	"context"
	"strings"
	"sync"
	"testing"

	"github.com/toprent/flags/changes"
	"github.com/toprent/flags/internal/settingstest"
	"github.com/toprent/flags/models"
)

func TestApproversAreToldOfRequests(t *testing.T) {
	settingstest.OnBoth(t, func(t *testing.T, store *models.Store) {
		site := settingstest.On(t, store, inside)
		site.Sample()
		site.Protects("production", 1)
		chat := newReceiver(t)
		admin := site.As("admin")
		approvers := channelAt(t, admin, "#approvers", "slack", chat.URL)
		watches(t, admin, approvers, "production", "", "requests")
		watches(t, admin, approvers, "production", "", "kills") // beside it
		_, path := asksFor(t, site)
		first := chat.waits(t, 1)[0].text(t)
		for _, want := range []string{"WAITS FOR APPROVAL: change request 1 in production", "eve@toprent.example", "ready for everybody", "https://toprent.example/settings/requests/production/1"} {
			if !strings.Contains(first, want) {
				t.Errorf("the alert does not say %q: %q", want, first)
			}
		}
		abe := site.As("approver")
		abe.Submits(abe.Opens(path), "/comment", "text", "why now?")
		abe.Submits(abe.Opens(path), "/approve", "comment", "fine")
		abe.Submits(abe.Opens(path), "/apply")
		all := ""
		for _, m := range chat.waits(t, 4) {
			all += m.text(t) + "\n"
		}
		for _, want := range []string{"COMMENTED ON", "why now?", "APPROVED: ", "APPLIED: "} {
			if !strings.Contains(all, want) {
				t.Errorf("nobody is told %q:\n%s", want, all)
			}
		}
		until(t, "everything is sent once", func() bool {
			rows := deliveriesOf(t, store)
			sent := 0
			for _, row := range rows {
				if row.Status == models.AlertSent {
					sent++
				}
			}
			return len(rows) == 4 && sent == 4
		})
		admin.Opens("/alerts/deliveries").Sees("Change request 1 of production Approved", "Change request 1 of production Applied")
	})
}

func TestFiftyInstancesTellOfARequestOnce(t *testing.T) {
	settingstest.OnBoth(t, func(t *testing.T, store *models.Store) {
		site := settingstest.On(t, store)
		site.Sample()
		site.Protects("production", 1)
		admin := site.As("admin")
		watches(t, admin, channelAt(t, admin, "#approvers", "slack", "https://hooks.example.com/x"), "", "", "requests")
		by := changes.Actor{ID: "p-editor", Name: "Eve"}
		for range 5 {
			_, err := site.Changes.Request(t.Context(), "production", by, changes.Content{Reason: "once",
				Steps: []changes.Planned{{Edits: []changes.Edit{changes.SetEnabled{Key: "new-home", Enabled: true}}}}}, true)
			if err != nil {
				t.Fatal(err)
			}
		}
		var instances sync.WaitGroup
		for range 50 {
			instances.Go(func() { _, _, _ = store.FollowRequestsForAlerts(context.WithoutCancel(t.Context())) })
		}
		instances.Wait()
		until(t, "all events are passed", func() bool {
			_, more, err := store.FollowRequestsForAlerts(t.Context())
			return err == nil && !more && len(deliveriesOf(t, store)) >= 5
		})
		if n := len(deliveriesOf(t, store)); n != 5 {
			t.Errorf("%d deliveries for 5 requests that were sent", n)
		}
	})
}
