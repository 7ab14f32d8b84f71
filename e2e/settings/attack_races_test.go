package settings

import (
	"net/http"
	"strconv"
	"sync"
	"testing"

	"github.com/toprent/flags/internal/access"
	"github.com/toprent/flags/internal/settingstest"
	"github.com/toprent/flags/models"
)

func TestTwoAdminsWhoRemoveEachOtherAtOnceLeaveOne(t *testing.T) {
	settingstest.OnBoth(t, func(t *testing.T, store *models.Store) {
		h := standsAloneOn(t, store)
		ada := h.first()
		bob := h.joins("bob@toprent.example", everywhere(access.Admin))
		for range 5 {
			a, b := h.account("ada@toprent.example"), h.account("bob@toprent.example")
			statuses := make([]int, 2)
			var both sync.WaitGroup
			both.Go(func() {
				statuses[0] = ada.Posts("/people/accounts/"+b.ID, "base", strconv.FormatInt(b.Version, 10), "role", "none").Status
			})
			both.Go(func() {
				statuses[1] = bob.Posts("/people/accounts/"+a.ID+"/disable", "base", strconv.FormatInt(a.Version, 10)).Status
			})
			both.Wait()
			a, b = h.account("ada@toprent.example"), h.account("bob@toprent.example")
			if (a.Disabled || a.Roles[access.Everywhere] < access.Admin) && (b.Disabled || b.Roles[access.Everywhere] < access.Admin) {
				t.Fatalf("nobody is left who can manage people: %v", statuses)
			}
			// Both are admins again, and signed in.
			_ = h.accounts.SetDisabled(t.Context(), a.ID, false, a.Version)
			_ = h.accounts.SetRoles(t.Context(), b.ID, everywhere(access.Admin), b.Version)
			signsIn(ada, "ada@toprent.example", good)
			signsIn(bob, "bob@toprent.example", good)
		}
	})
}

func TestWhoeverSavesAroundAKillDoesNotLiftIt(t *testing.T) {
	settingstest.OnBoth(t, func(t *testing.T, store *models.Store) {
		site := settingstest.On(t, store)
		site.Sample()
		form := site.As("editor").Opens("/flags/new-home/development/settings")
		var all sync.WaitGroup
		for range 4 {
			all.Go(func() {
				editor := site.As("editor")
				for range 3 {
					editor.Submits(form, "/settings", "killed", "", "lift", "on", "enabled", "on")
					editor.Submits(editor.Opens("/flags/new-home/development/settings"), "/settings", "killed", "false")
				}
			})
		}
		all.Go(func() {
			site.As("approver").Posts("/flags/new-home/development/kill", "reason", "it breaks the page").Is(http.StatusOK)
		})
		all.Wait()
		site.As("viewer").Opens("/flags/new-home/development").Sees("Killed")
		if err := site.Flags.Refresh(t.Context()); err != nil {
			t.Fatal(err)
		}
		if site.Flags.Newest().Revision().Number < 2 {
			t.Error("nothing was published")
		}
	})
}

func TestATokenThatIsRevokedOpensNothingFromThenOn(t *testing.T) {
	h := standsAlone(t)
	ada := h.first()
	h.Sample()
	secret := token(t, ada, "viewer", "production")
	stop, asked := make(chan struct{}), make(chan int, 1000)
	var asking sync.WaitGroup
	for range 3 {
		asking.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
					status, _ := h.asks(secret, http.MethodGet, "/environments/production/flags", "")
					select {
					case asked <- status:
					default:
					}
				}
			}
		})
	}
	<-asked // it is in use
	ada.Submits(ada.Opens("/me"), "/revoke").Is(http.StatusOK)
	if status, _ := h.asks(secret, http.MethodGet, "/me", ""); status != http.StatusUnauthorized {
		t.Errorf("a revoked token gets %d", status)
	}
	close(stop)
	asking.Wait()
	if status, _ := h.asks(secret, http.MethodGet, "/me", ""); status != http.StatusUnauthorized {
		t.Errorf("a revoked token gets %d", status)
	}
}
