package settings

import (
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/toprent/flags/internal/alerts"
	"github.com/toprent/flags/internal/audit"
	"github.com/toprent/flags/internal/settingstest"
	"github.com/toprent/flags/models"
)

const headSecret = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="

// sendsHeads are instances of a server that send the heads to a receiver.
func (a *audited) sendsHeads(to *receiver, instances int) []func() bool {
	a.t.Helper()
	out := make([]func() bool, instances)
	for i := range out {
		telling, err := alerts.New(a.store, alerts.Options{AllowPrivate: true})
		if err != nil {
			a.t.Fatal(err)
		}
		log := audit.New(a.store, audit.Options{Key: auditKey})
		out[i] = func() bool {
			return log.SendHeadsDue(a.t.Context(), func(ctx context.Context, id string, body []byte) (bool, error) {
				return telling.PostSigned(ctx, to.URL, headSecret, id, body)
			})
		}
	}
	return out
}

// setsBack makes what was noted of today's heads that much older.
func (a *audited) setsBack(by time.Duration) {
	a.t.Helper()
	now, err := a.store.Now(a.t.Context())
	if err != nil {
		a.t.Fatal(err)
	}
	db, err := a.store.SQL()
	if err != nil {
		a.t.Fatal(err)
	}
	place := "?"
	if a.store.Dialect() == "postgres" {
		place = "$1"
	}
	if _, err := db.ExecContext(a.t.Context(), "UPDATE audit_head_days SET claimed_at = "+place, models.At(now.Add(-by))); err != nil {
		a.t.Fatal(err)
	}
}

func TestTheHeadsAreSentOnceADayHoweverManyInstancesRunAndProveACutTail(t *testing.T) {
	t.Parallel()
	settingstest.OnBoth(t, func(t *testing.T, store *models.Store) {
		a, to := newAudited(t, store), newReceiver(t)
		heads := a.heads()
		instances := a.sendsHeads(to, 20)
		for range 2 {
			var running sync.WaitGroup
			for _, sends := range instances {
				running.Go(func() { sends() })
			}
			running.Wait()
			a.setsBack(time.Hour) // even after the lease, since they were sent
		}
		got := to.all()
		if len(got) != 1 {
			t.Fatalf("they were sent %d times", len(got))
		}
		got[0].checksSignature(t, headSecret)
		var said struct {
			Day   string
			Heads []audit.Head
		}
		now, err := store.Now(t.Context())
		if err == nil {
			err = json.Unmarshal([]byte(got[0].body), &said)
		}
		if err != nil || got[0].header.Get("webhook-id") != "audit-heads-"+said.Day || said.Day > now.Format(time.DateOnly) || len(said.Heads) != len(heads) {
			t.Fatalf("%s: %v", got[0].body, err)
		}
		a.isWhole(said.Heads...)

		x := a.attacker()
		cut := tamperings()[slices.IndexFunc(tamperings(), func(x tampering) bool { return x.name == "the tail is cut and the head set back" })]
		x.does(cut.sql...)
		if a.verify(said.Heads...).OK() {
			t.Error("with the head that was sent, the cut is not found")
		}
	})
}

func TestHeadsThatNobodyTookAreSentAgainThatDay(t *testing.T) {
	t.Parallel()
	settingstest.OnBoth(t, func(t *testing.T, store *models.Store) {
		a, to := newAudited(t, store), newReceiver(t)
		var down atomic.Bool
		down.Store(true)
		to.answers(func(w http.ResponseWriter, _ *http.Request) {
			if down.Load() {
				w.WriteHeader(http.StatusServiceUnavailable)
			}
		})
		instances := a.sendsHeads(to, 2)
		if instances[0]() || instances[1]() {
			t.Error("what nobody took counts as sent")
		}
		if n := len(to.all()); n != 1 {
			t.Errorf("%d attempts at once, want one: the other instance has to wait", n)
		}
		a.setsBack(6 * time.Minute)
		down.Store(false)
		if !instances[1]() || instances[0]() {
			t.Error("it was not sent again, or twice")
		}
		got := to.all()
		if len(got) != 2 || got[0].header.Get("webhook-id") != got[1].header.Get("webhook-id") {
			t.Errorf("%d came, want 2 with the same id", len(got))
		}
		got[1].checksSignature(t, headSecret)
	})
}
