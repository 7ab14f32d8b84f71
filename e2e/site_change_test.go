package e2e

import (
	"fmt"
	"reflect"
	"testing"
	"time"

	"github.com/toprent/flags/middleware"
	"github.com/toprent/flags/ruleset"
)

// disabled is a change of a flag's settings.
func disabled(f *ruleset.Flag) { f.Enabled = false }

func TestAChangeIsSeenOnceThePinHasExpiredAndNotBefore(t *testing.T) {
	site := newSampleSite(t)
	ann := site.welcomes(chromium(t), "u-ann")
	ann.visits("/listings")
	site.turns("concierge-chat", disabled)
	site.turns("listing-map", disabled)
	for _, wait := range []time.Duration{0, middleware.PinLife - time.Second} {
		site.clock.advance(wait)
		ann.runs(`flags.refresh()`)
		ann.sees(`flags.isEnabled("concierge-chat") && flags.isEnabled("listing-map")`)
		ann.visits("/listings")
		ann.shows("chat", true)
		ann.shows("map", true)
	}
	site.clock.advance(time.Second)
	ann.runs(`flags.refresh()`)
	ann.sees(`!flags.isEnabled("concierge-chat") && !flags.isEnabled("listing-map")`)
	ann.shows("chat", false)
	ann.visits("/listings")
	ann.shows("chat", false)
	ann.shows("map", false)
	ann.agrees()
}

func TestAnExpiredPinTurnsOnTheNextPageToo(t *testing.T) {
	site := newSampleSite(t)
	ann := site.welcomes(chromium(t), "u-ann")
	site.turns("concierge-chat", disabled)
	site.pinsExpire()
	ann.visits("/listings")
	ann.shows("chat", false)
	ann.agrees()
}

func TestAKillIsSeenOnTheNextPageAndMovesNothingElse(t *testing.T) {
	site := newSampleSite(t)
	ann := site.welcomes(chromium(t), "u-ann")
	ann.visits("/reports")
	before := ann.values()
	site.turns("concierge-chat", disabled) // waits for the pin
	site.kills("advanced-reports")
	ann.sees(`flags.isEnabled("advanced-reports")`)
	if status := ann.status("/reports/advanced"); status != 404 {
		t.Errorf("what was killed answers %d", status)
	}
	ann.visits("/reports")
	ann.shows("advanced", false)
	ann.shows("offer", false) // nobody is sold what is killed
	want := before
	want["advanced-reports"] = false
	if after := ann.values(); !reflect.DeepEqual(after, want) {
		t.Errorf("after the kill\n%v, want\n%v", after, want)
	}
	ann.agrees()

	site.lifts("advanced-reports")
	ann.visits("/reports")
	ann.shows("advanced", true)
}

func TestOperationalFlagsFollowAtOnce(t *testing.T) {
	site := newSampleSite(t)
	ann := site.welcomes(chromium(t), "u-ann")
	ann.visits("/listings")
	ann.sees(`document.querySelectorAll(".listing").length == 6 && document.querySelectorAll(".instant").length == 6`)
	site.turns("concierge-chat", disabled)
	site.turns("instant-booking", disabled)
	site.turns("listings-per-page", func(f *ruleset.Flag) { f.Otherwise = "many" })
	ann.runs(`flags.refresh()`)
	ann.sees(`!flags.isEnabled("instant-booking") && flags.isEnabled("concierge-chat")`)
	ann.visits("/listings")
	ann.sees(`document.querySelectorAll(".listing").length == 12 && document.querySelectorAll(".instant").length == 0`)
	ann.shows("chat", true)
	ann.agrees()
}

// byHand makes a page's clock stand still but for passes(ms), which lets time go by, and everything that is due happen.
// Its waits are the longest that chance allows.
const byHand = `(() => {
	const { now } = Date, start = now(), every = setInterval;
	let ahead = 0, looks = 0, underway = 0;
	Date.now = () => start + ahead;
	Math.random = () => 1 - 1e-9;
	setInterval = (f) => every(() => { f(); looks++ }, 1);
	const send = fetch;
	asked = 0;
	fetch = async (...a) => {
		asked++;
		underway++;
		const ends = () => setTimeout(() => underway--); // once whoever waits for the whole answer has gone on
		try {
			const answer = await send(...a), text = answer.text.bind(answer);
			answer.text = () => text().finally(ends);
			return answer;
		} catch (error) {
			ends();
			throw error;
		}
	};
	passes = (ms) => {
		ahead += ms;
		const from = looks;
		return new Promise((done) => {
			const wait = every(() => {
				if (looks < from + 2 || underway) return;
				clearInterval(wait);
				done();
			}, 1);
		});
	};
})()`

func TestAnOpenPageHasAChangeWithinFiveMinutes(t *testing.T) {
	site := newSampleSite(t)
	ann := site.welcomes(chromium(t), "u-ann", byHand)
	site.pinsExpire()

	// The worst case: the page is pinned just before a poll that comes as late as it may, and no hint comes at all.
	const slowestPoll = 6 * time.Second
	site.turnsUnseen("concierge-chat", disabled)
	site.clock.advance(slowestPoll)
	ann.visits("/listings")
	site.polls()
	passed := slowestPoll
	pass := func(d time.Duration) {
		passed += d
		site.clock.advance(d)
		ann.runs(fmt.Sprintf(`passes(%d)`, d.Milliseconds()))
	}
	pass(middleware.PinLife - time.Second)
	ann.sees(`asked == 0 && flags.isEnabled("concierge-chat")`)
	for passed <= 5*time.Minute && evaluated[bool](ann.tab, displayed("chat")) {
		pass(time.Second)
	}
	if passed > 5*time.Minute {
		t.Fatalf("after %v the page still shows what was turned off", passed)
	}
	ann.sees(`asked == 1`)
	t.Logf("the change was seen %v after it was published", passed)
}

func TestTwoTabsTurnTogether(t *testing.T) {
	site := newSampleSite(t)
	chrome := chromium(t)
	one := site.welcomes(chrome, "u-ann")
	other := somebody{chrome.window(), site}
	other.watches()
	one.visits("/listings")
	other.visits("/")
	site.turns("concierge-chat", disabled)
	one.runs(`flags.refresh()`)
	one.shows("chat", true)

	site.pinsExpire()
	before := len(site.exchanges("/feature-values"))
	one.runs(`flags.refresh()`)
	one.shows("chat", false)
	other.comesToSee(`!` + displayed("chat"))
	if !reflect.DeepEqual(one.values(), other.values()) {
		t.Errorf("the tabs differ:\n%v\n%v", one.values(), other.values())
	}
	if asked := len(site.exchanges("/feature-values")) - before; asked != 2 {
		t.Errorf("the tabs asked %d times, want once each", asked)
	}
}

func TestAPageThatComesBackHasWhatChangedMeanwhile(t *testing.T) {
	site := newSampleSite(t)
	ann := site.welcomes(chromium(t), "u-ann")
	ann.runs(`kept = true`)
	ann.visits("/listings")
	site.turns("concierge-chat", disabled)
	site.pinsExpire()
	ann.goesBack()
	ann.sees(`window.kept === true`) // from the back/forward cache, or this tests nothing
	ann.comesToSee(`!` + displayed("chat"))
}

// values are all values of the page that is open.
func (p somebody) values() map[string]any {
	p.t.Helper()
	return evaluated[map[string]any](p.tab, `flags.all()`)
}
