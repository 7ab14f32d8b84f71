package middleware_test

import (
	"context"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/toprent/flags/flagtest"
	"github.com/toprent/flags/middleware"
	"github.com/toprent/flags/ruleset"
	"github.com/toprent/flags/service"
	"pgregory.net/rapid"
)

// pinModel is the pin protocol in a few lines, to compare the real one with.
type pinModel struct {
	revisions []pinRevision // number n at n-1
	floor     int
	now       time.Time

	pinned int // revision; 0: none
	since  time.Time
}

type pinRevision struct {
	values map[string]any
	killed bool // release-a
}

// valid reports whether the session's pin counts.
func (m *pinModel) valid() bool {
	return m.pinned > 0 && m.pinned >= m.floor && m.now.Sub(m.since) < middleware.PinLife
}

func (m *pinModel) repin() (changed bool) {
	if m.valid() {
		return false
	}
	m.pinned, m.since = len(m.revisions), m.now
	return true
}

// sees gives the values of a revision as they are under the newest.
func (m *pinModel) sees() map[string]any {
	newest := m.revisions[len(m.revisions)-1]
	under := newest
	if m.valid() {
		under = m.revisions[m.pinned-1]
	}
	values := maps.Clone(under.values)
	values["operational"] = newest.values["operational"]
	if newest.killed {
		values["release-a"] = false
	}
	return values
}

// drawDefinition draws rules of three flags: everybody gets the same, so that the model needs no engine.
func (m *pinModel) drawDefinition(tb testing.TB, t *rapid.T) ruleset.Definition {
	a, b, operational := rapid.Bool().Draw(t, "release-a"), rapid.Bool().Draw(t, "release-b"), rapid.Bool().Draw(t, "operational")
	d := flagtest.Definition(tb, "release-a", a, "release-b", b, "operational", operational)
	d.Flags[2].Kind = ruleset.Operational
	d.Flags[0].Killed = rapid.IntRange(0, 3).Draw(t, "killed") == 0
	r := pinRevision{map[string]any{"release-a": a, "release-b": b, "operational": operational}, d.Flags[0].Killed}
	m.revisions = append(m.revisions, r)
	return d
}

func TestEveryRequestFollowsThePinProtocol(t *testing.T) {
	eachJar(t, func(t *testing.T, jar func(*middleware.Config)) {
		rapid.Check(t, func(rt *rapid.T) {
			m := &pinModel{}
			s := newSite(t, m.drawDefinition(t, rt), jar)
			m.now = s.source.Now()
			ann := s.visit()
			expect := func(a *answer, cookies ...string) {
				if got := a.cookieNames(); !slices.Equal(got, cookies) {
					rt.Fatalf("cookies set: %q, want %q", got, cookies)
				}
				if got, want := a.values(), m.sees(); !reflect.DeepEqual(got, want) {
					rt.Fatalf("values %v, want %v (pinned %d since %s, now %s)", got, want, m.pinned, m.since, m.now)
				}
			}
			writes := func(ask func() *answer, mints bool) {
				changed, first := m.repin(), mints && ann.cookies["flags-visitor"] == ""
				var cookies []string
				if changed {
					cookies = append(cookies, "pin")
				}
				if first {
					cookies = append(cookies, "visitor")
				}
				expect(ask(), cookies...)
			}
			rt.Repeat(map[string]func(*rapid.T){
				"publish": func(rt *rapid.T) { s.publish(m.drawDefinition(t, rt)) },
				"recall": func(*rapid.T) {
					s.source.Recall()
					s.refresh()
					m.floor = len(m.revisions)
				},
				"time passes": func(rt *rapid.T) {
					d := time.Duration(rapid.IntRange(1, 300).Draw(rt, "seconds")) * time.Second
					s.later(d)
					m.now = m.now.Add(d)
					s.refresh()
				},
				"page":     func(*rapid.T) { writes(func() *answer { return ann.opens("/") }, true) },
				"iframe":   func(*rapid.T) { writes(func() *answer { return ann.opens("/", "Sec-Fetch-Dest", "iframe") }, true) },
				"refresh":  func(*rapid.T) { writes(func() *answer { return ann.fetches("/feature-values") }, false) },
				"script":   func(*rapid.T) { expect(ann.fetches("/api")) },
				"prefetch": func(*rapid.T) { expect(ann.opens("/", "Sec-Purpose", "prefetch;prerender")) },
				"post":     func(*rapid.T) { expect(ann.sends("/", "text/plain", reader("x"))) },
			})
		})
	})
}

func TestASessionKeepsItsValuesWhileRulesChangeUnderIt(t *testing.T) {
	s := newSite(t, hundredFlags())
	ann := s.visit("User", "ann")
	want := ann.opens("/").sets("pin", "visitor").values()
	for i := range 500 {
		if i%5 == 0 {
			d := hundredFlags()
			for k := range d.Flags {
				d.Flags[k].Salt += fmt.Sprint(i)
				d.Flags[k].Enabled = (i/5+k)%2 == 0
			}
			s.publish(d)
		}
		s.later(middleware.PinLife / 501)
		if got := ann.opens("/").sets().values(); !reflect.DeepEqual(got, want) {
			t.Fatalf("page %d: values %v, were %v", i, got, want)
		}
	}
	if got := s.visit("User", "ann").opens("/").values(); reflect.DeepEqual(got, want) {
		t.Error("somebody new sees the old rules")
	}
	s.later(middleware.PinLife / 501 * 2)
	if got := ann.opens("/").sets("pin").values(); reflect.DeepEqual(got, want) {
		t.Error("the pin does not expire")
	}
}

func TestAKillReachesTheNextRequestAndLeavesTheRest(t *testing.T) {
	s := newSite(t, flagtest.Definition(t, "a", true, "b", true, "c", false))
	ann := s.visit()
	ann.opens("/").sees("a", true, "b", true, "c", false)
	s.change("b", turnOff)
	s.change("c", turnOn)
	s.change("a", kill)
	ann.opens("/").sets().sees("a", false, "b", true, "c", false)
	ann.fetches("/api").sees("a", false, "b", true, "c", false)
	s.change("a", func(f *ruleset.Flag) { f.Killed = false })
	ann.opens("/").sets().sees("a", true, "b", true, "c", false)
}

func TestAChangeOfPlanShowsOnTheNextPage(t *testing.T) {
	s := newSite(t, premium(t))
	ann := s.visit("User", "ann", "Plan", "free")
	ann.opens("/").sees("reports", false, "other", true)
	s.change("other", turnOff)
	ann.headers["Plan"] = "pro"
	ann.opens("/").sets().sees("reports", true, "other", true)
	ann.headers["Plan"] = "free"
	ann.opens("/").sets().sees("reports", false, "other", true)
}

// premium has a flag that needs the plan pro.
func premium(t testing.TB) ruleset.Definition {
	d := flagtest.Definition(t, "reports", true, "other", true)
	d.Plans = []ruleset.Plan{{Key: "free", Rank: 0}, {Key: "pro", Rank: 10}}
	d.Flags[0].Kind, d.Flags[0].TierRequired = ruleset.Premium, "pro"
	return d
}

func TestARecallMovesPinnedSessionsOnTheirNextPage(t *testing.T) {
	s := newSite(t, flagtest.Definition(t, "a", true))
	ann := s.visit()
	ann.opens("/").sees("a", true)
	s.change("a", turnOff)
	s.source.Recall()
	ann.opens("/").sets().sees("a", true)
	s.refresh()
	ann.fetches("/api").sets().sees("a", false)
	ann.opens("/").sets("pin").sees("a", false)
}

func TestAPinAboveTheHeadWaitsForNewsAndIsLeftAlone(t *testing.T) {
	eachJar(t, func(t *testing.T, jar func(*middleware.Config)) {
		synctest.Test(t, func(t *testing.T) { // or a busy machine would take longer for the news than a request waits
			s := newSite(t, flagtest.Definition(t, "a", false), jar)
			s.source.Publish(flagtest.Definition(t, "a", true))
			ahead := flagtest.Service(t, s.source)
			here, there := s, s.again(jar, func(c *middleware.Config) { c.Flags = ahead })
			ann := there.visit()
			ann.opens("/").sets("pin", "visitor").sees("a", true)

			ann.site = here
			s.source.Down()
			s.later(time.Second)
			ann.opens("/").is(200).sets().sees("a", false)
			ann.fetches("/feature-values").is(200).sets().sees("a", false)
			s.source.Up()
			s.later(time.Second)
			ann.opens("/").sets().sees("a", true)
		})
	})
}

func TestARestoredDatabaseMakesSessionsPinAnew(t *testing.T) {
	s := newSite(t, flagtest.Definition(t, "a", false))
	s.change("a", turnOn)
	ann := s.visit()
	ann.opens("/").sees("a", true)
	s.source.Restore(1)
	s.later(time.Second)
	s.publish(flagtest.Definition(t, "a", false)) // another revision 2
	ann.fetches("/api").sets().sees("a", false)
	ann.opens("/").sets("pin").sees("a", false)
	ann.opens("/").sets().sees("a", false)
}

func TestAPinFromTheFutureIsExpiredBeyondHalfAMinute(t *testing.T) {
	s := newSite(t, flagtest.Definition(t, "a", true))
	ann := s.visit()
	ann.opens("/")
	s.change("a", turnOff)
	s.later(-30 * time.Second)
	s.refresh()
	ann.opens("/").sets().sees("a", true)
	s.later(-time.Second)
	s.refresh()
	ann.opens("/").sets("pin").sees("a", false)
}

// The share of moving grows by one thousandth of a percent each second from noon on.
func moving(t testing.TB) ruleset.Definition {
	d := flagtest.Definition(t, "moving", false)
	start := time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC)
	end := start.Add(1000 * time.Second)
	d.Flags[0].Rules = []ruleset.Rule{{Percent: &ruleset.Percent{Unit: "tenant", Serve: "on", To: ruleset.Everyone, Start: &start, End: &end}}}
	return d
}

func TestTheTimeOfASessionNeverGoesBack(t *testing.T) {
	eachJar(t, func(t *testing.T, jar func(*middleware.Config)) {
		s := newSite(t, moving(t), jar)
		s.GET("/t/:tenant", page)
		s.later(500 * time.Second)
		var on []*visitor // at 50 %, of a hundred tenants
		for i := range 100 {
			v := s.visit()
			if v.opens(fmt.Sprint("/t/", i)).values()["moving"] == true {
				v.headers["Tenant-Path"] = fmt.Sprint("/t/", i)
				on = append(on, v)
			}
		}
		if len(on) < 30 || len(on) > 70 {
			t.Fatalf("%d of 100 tenants are in 50 %%", len(on))
		}
		s.later(-25 * time.Second) // another instance's clock, say
		s.source.Publish(moving(t))
		s.source.Recall() // so that every session gets a new pin
		s.refresh()
		for _, v := range on {
			v.opens(v.headers["Tenant-Path"]).sets("pin").sees("moving", true)
		}
	})
}

// staging shows a source's revisions as those of another environment.
type staging struct{ *flagtest.Source }

func (s staging) Head(ctx context.Context, _ string) (service.Head, error) {
	head, err := s.Source.Head(ctx, flagtest.Environment)
	head.Environment = "staging"
	return head, err
}

func (s staging) Recent(ctx context.Context, _ string, since time.Time) ([]ruleset.ID, error) {
	ids, err := s.Source.Recent(ctx, flagtest.Environment, since)
	for i := range ids {
		ids[i].Environment = "staging"
	}
	return ids, err
}

func (s staging) Load(ctx context.Context, id ruleset.ID) (ruleset.Definition, error) {
	id.Environment = flagtest.Environment
	return s.Source.Load(ctx, id)
}

func TestThePinOfAnotherEnvironmentDoesNotCount(t *testing.T) {
	s := newSite(t, flagtest.Definition(t, "a", true))
	flags, err := service.New(t.Context(), service.Config{Source: staging{s.source}, Environment: "staging", Clock: s.source.Now})
	if err != nil {
		t.Fatal(err)
	}
	s.change("a", turnOff)
	ann := s.visit()
	ann.opens("/").sets("pin", "visitor").sees("a", false)
	ann.site = s.again(func(c *middleware.Config) { c.Flags = flags })
	ann.opens("/").sets("pin").sees("a", true) // above its head, too, and nothing to wait for
	ann.opens("/").sets()
}
