//go:build unix

package settings

import (
	"fmt"
	"net/http"
	"testing"
	"time"
)

// reviewsARule changes an exact share before a hundred thousand people. What that does to them is shown first: the rows are
// read, the share is counted, and everybody is evaluated with it and without. Saving counts for what is kept with it.
func (h *largeHost) reviewsARule(t *testing.T) {
	for len(picture(t, h.Directory, "production").People) < largePeople { // it may have looked before they were there
	}
	admin, path, share := h.As("admin"), "/flags/"+largeKey(largeFlags/2)+"/production/rules", 30
	form := admin.Opens(path)
	t.Run("looked at", func(t *testing.T) {
		soon(t, time.Second, func() {
			share++ // which nobody has counted yet
			admin.Tries(form, path, "rules.0.share", fmt.Sprint(share)).Is(http.StatusOK).Sees("Turns on for")
		})
	})
	t.Run("saved without a look", func(t *testing.T) {
		soon(t, time.Second, func() {
			share++
			form = admin.Tries(form, path, "rules.0.share", fmt.Sprint(share), "confirm", "yes").Is(http.StatusOK).Sees("Saved. The rules are published")
		})
	})
}
