package requests

import (
	"strings"
	"time"

	"github.com/toprent/flags/changes"
)

// window is a beginning or an end that comes, in words.
type window struct{ Says, Remark string }

// shownWindows are how many of them are told.
const shownWindows = 5

func windowsOf(r *changes.Recurrence) (all []window) {
	if r == nil {
		return nil
	}
	for _, o := range r.Next(time.Now(), shownWindows) {
		verb := "disables"
		if o.Opens {
			verb = "enables"
		}
		all = append(all, window{o.At.Format("Mon, 2 Jan 2006, 15:04 MST") + ": " + verb + " " + strings.Join(r.Flags, ", "), o.Remark})
	}
	return all
}
