package e2e

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/toprent/flags/assets"
)

// screens are those of a desk and of a phone, by day and by night.
var screens = []screen{
	{width: 1280, height: 800}, {width: 1280, height: 800, dark: true},
	{width: 390, height: 844}, {width: 390, height: 844, dark: true},
}

func TestWhatIsPaintedFirstIsTheFinalPage(t *testing.T) {
	site := newSampleSite(t)
	ann := site.welcomes(chromium(t), "u-ann", countsShifts)
	ann.isSlow(6)
	frames := 0
	film := func(path, flag string, on bool, id string) {
		for _, s := range screens {
			ann.looksThrough(s)
			seen := ann.films(site.URL + path)
			for try := 0; try < 2 && len(seen.frames) != 1 && seen.shift == 0; try++ { // a busy machine may send a frame that is half painted
				seen = ann.films(site.URL + path)
			}
			frames += seen.taken
			if len(seen.frames) != 1 || seen.shift != 0 {
				t.Errorf("%s with %s %t on %+v: %d different pictures in %d frames, a layout shift of %g; want one and 0",
					path, flag, on, s, len(seen.frames), seen.taken, seen.shift)
			}
			ann.shows(id, on)
		}
	}
	film("/", "new-home", true, "new-home")
	film("/listings", "concierge-chat", true, "chat")
	site.kills("new-home")
	site.kills("concierge-chat")
	film("/", "new-home", false, "new-home")
	film("/listings", "concierge-chat", false, "chat")
	t.Logf("%d frames", frames)
}

// TestAFilmShowsWhatFlickers proves that the film above could show a flicker: the same page flickers when its client
// comes after the first paint, and does not when it stands where the server puts it.
func TestAFilmShowsWhatFlickers(t *testing.T) {
	site := newClientSite(t, values{"new": true})
	painted := make(chan struct{}, 1)
	site.page("/painted", func(http.ResponseWriter, *http.Request) {
		select {
		case painted <- struct{}{}:
		default: // it is painted more than once
		}
	})
	site.page("/late.js", func(w http.ResponseWriter, r *http.Request) {
		select {
		case <-painted:
		case <-r.Context().Done():
		}
		w.Header().Set("Content-Type", "text/javascript")
		fmt.Fprint(w, assets.Client())
	})
	body := `<h1 data-flag-off="new">The old heading</h1><h1 data-flag="new">The new heading</h1><p>What stands below</p>`
	withLate := `<script>new PerformanceObserver(() => fetch("/painted")).observe({ type: "paint", buffered: true })</script>
		{block}<script async src="/late.js"></script>`
	site.shows("/early", endpoint, showing(body))
	site.shows("/late", endpoint, strings.ReplaceAll(showing(body), "{flags}", withLate))
	ann := chromium(t).window(countsShifts)
	ann.isSlow(6)
	ann.looksThrough(screens[0])

	early := ann.films(site.URL + "/early")
	for try := 0; try < 2 && len(early.frames) != 1; try++ { // a busy machine may send a frame that is half painted
		early = ann.films(site.URL + "/early")
	}
	if len(early.frames) != 1 || early.shift != 0 {
		t.Errorf("with its client in place, the page showed %d pictures and shifted by %g", len(early.frames), early.shift)
	}
	late := ann.films(site.URL + "/late")
	for try := 0; try < 2 && len(late.frames) < 2; try++ { // or leave out the first one
		ann.opens("about:blank") // so that the page before tells nothing any more
		select {
		case <-painted:
		default:
		}
		late = ann.films(site.URL + "/late")
	}
	if len(late.frames) < 2 || late.shift == 0 {
		t.Errorf("with its client late, the page showed %d pictures and shifted by %g, which the film should have shown", len(late.frames), late.shift)
	}
}
