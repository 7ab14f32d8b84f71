package lifecycle_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/toprent/flags/internal/catalog"
	"github.com/toprent/flags/internal/lifecycle"
	"github.com/toprent/flags/ruleset"
)

var now = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

func ago(days int) time.Time { return now.AddDate(0, 0, -days) }

func at(t time.Time) *time.Time { return &t }

// in is a flag served in an environment, as it has been for so many days; read so many days ago.
func in(environment string, protected bool, rollout catalog.Rollout, since, read int) lifecycle.Served {
	s := lifecycle.Served{Environment: strings.ToLower(environment), Title: environment, Protected: protected, LastRead: ago(read)}
	s.Standing.Rollout = rollout
	if rollout != catalog.Partial {
		s.Standing.Since = ago(since)
	}
	return s
}

func TestAFlagIsStaleForTheReasonsThatThereAre(t *testing.T) {
	type facts = lifecycle.Facts
	for name, c := range map[string]struct {
		facts facts
		want  []lifecycle.Kind
		since time.Time // of the first reason
		words string    // in it
	}{
		"young, partial and read": {facts: facts{Created: ago(10), In: []lifecycle.Served{in("Production", true, catalog.Partial, 0, 1)}}},
		"past its removal date": {facts: facts{Created: ago(10), PlannedRemoval: at(ago(2))},
			want: []lifecycle.Kind{lifecycle.PastRemoval}, since: ago(2), words: "It was to be gone by 20 Nov 2026."},
		"to be removed today, at this moment": {facts: facts{Created: ago(10), PlannedRemoval: at(now)}},
		"off for 30 days": {facts: facts{Created: ago(40), In: []lifecycle.Served{in("Production", true, catalog.Off, 30, 1)}},
			want: []lifecycle.Kind{lifecycle.AllOff}, since: ago(30), words: "off for everybody in Production since 23 Oct 2026"},
		"off for 29 days":                        {facts: facts{Created: ago(40), In: []lifecycle.Served{in("Production", true, catalog.Off, 29, 1)}}},
		"killed is off":                          {facts: facts{Created: ago(40), In: []lifecycle.Served{in("Production", true, catalog.Killed, 31, 1)}}, want: []lifecycle.Kind{lifecycle.AllOff}, since: ago(31)},
		"on for everybody, tried elsewhere":      {facts: facts{Created: ago(40), In: []lifecycle.Served{in("Development", false, catalog.Partial, 0, 1), in("Production", true, catalog.Everyone, 35, 1)}}, want: []lifecycle.Kind{lifecycle.AllOn}, since: ago(35), words: "in Production since"},
		"on everywhere, nowhere protected":       {facts: facts{Created: ago(90), In: []lifecycle.Served{in("A", false, catalog.Everyone, 80, 1), in("B", false, catalog.Everyone, 33, 1)}}, want: []lifecycle.Kind{lifecycle.AllOn}, since: ago(33), words: "in A and B"},
		"on here and off there, none protected":  {facts: facts{Created: ago(90), In: []lifecycle.Served{in("A", false, catalog.Everyone, 80, 1), in("B", false, catalog.Off, 80, 1)}}},
		"on in one protected, off in the other":  {facts: facts{Created: ago(90), In: []lifecycle.Served{in("A", true, catalog.Everyone, 80, 1), in("B", true, catalog.Off, 80, 1)}}},
		"not read for 30 days":                   {facts: facts{Created: ago(90), In: []lifecycle.Served{in("A", false, catalog.Partial, 0, 31), in("B", false, catalog.Partial, 0, 30)}}, want: []lifecycle.Kind{lifecycle.NotRead}, since: ago(30), words: "No code has read it since 23 Oct 2026."},
		"read yesterday somewhere":               {facts: facts{Created: ago(90), In: []lifecycle.Served{in("A", false, catalog.Partial, 0, 60), in("B", false, catalog.Partial, 0, 1)}}},
		"never read, counted from its creation":  {facts: facts{Created: ago(31), In: []lifecycle.Served{{Title: "A", Standing: lifecycle.Standing{Rollout: catalog.Partial}}}}, want: []lifecycle.Kind{lifecycle.NotRead}, since: ago(31), words: "since it was made"},
		"never read, and young":                  {facts: facts{Created: ago(29), In: []lifecycle.Served{{Title: "A", Standing: lifecycle.Standing{Rollout: catalog.Partial}}}}},
		"older than six months":                  {facts: facts{Created: now.AddDate(0, -6, 0)}, want: []lifecycle.Kind{lifecycle.NoReview}, since: now, words: "older than 6 months"},
		"a day younger than six months":          {facts: facts{Created: now.AddDate(0, -6, 1)}},
		"reviewed five months ago":               {facts: facts{Created: ago(900), ReviewedAt: at(now.AddDate(0, -5, 0)), KeepUntil: at(ago(1))}},
		"reviewed seven months ago":              {facts: facts{Created: ago(900), ReviewedAt: at(now.AddDate(0, -7, 0)), KeepUntil: at(ago(1))}, want: []lifecycle.Kind{lifecycle.NoReview}, since: now.AddDate(0, -1, 0), words: "Nobody has looked"},
		"archived wherever it is":                {facts: facts{Created: ago(900), PlannedRemoval: at(ago(100)), Archived: true}},
		"several reasons, in the order of Kinds": {facts: facts{Created: ago(900), PlannedRemoval: at(ago(3)), In: []lifecycle.Served{in("A", true, catalog.Off, 50, 60)}}, want: []lifecycle.Kind{lifecycle.PastRemoval, lifecycle.AllOff, lifecycle.NotRead, lifecycle.NoReview}, since: ago(3)},
	} {
		t.Run(name, func(t *testing.T) {
			v := lifecycle.Judge(c.facts, now)
			var kinds []lifecycle.Kind
			for _, reason := range v.Reasons {
				kinds = append(kinds, reason.Kind)
			}
			if !slices.Equal(kinds, c.want) || v.Stale() != (len(c.want) > 0) {
				t.Fatalf("%v, stale %v; want %v", kinds, v.Stale(), c.want)
			}
			if len(kinds) > 0 && (!v.Reasons[0].Since.Equal(c.since) || !strings.Contains(v.Reasons[0].Words, c.words)) {
				t.Errorf("%+v; want since %v and %q", v.Reasons[0], c.since, c.words)
			}
		})
	}
}

func TestAReviewSilencesAFlagUntilItsDay(t *testing.T) {
	f := lifecycle.Facts{Created: ago(900), PlannedRemoval: at(ago(3)), ReviewedAt: at(ago(2)), KeepUntil: at(now.Add(time.Second))}
	if v := lifecycle.Judge(f, now); v.Stale() || !v.Kept.Equal(*f.KeepUntil) || len(v.Reasons) != 1 {
		t.Errorf("a flag that is kept: %+v", v)
	}
	if v := lifecycle.Judge(f, *f.KeepUntil); !v.Stale() || !v.Kept.IsZero() {
		t.Errorf("as its day comes: %+v", v)
	}
}

func flag(change func(*ruleset.Flag)) ruleset.Flag {
	f := ruleset.Flag{Type: ruleset.Boolean, Enabled: true}
	change(&f)
	return f
}

func everyone() ruleset.Flag { return flag(func(f *ruleset.Flag) { f.Otherwise = "on" }) }
func off() ruleset.Flag      { return flag(func(f *ruleset.Flag) { f.Enabled = false }) }
func killed() ruleset.Flag   { return flag(func(f *ruleset.Flag) { f.Otherwise, f.Killed = "on", true }) }

func partial() ruleset.Flag {
	return flag(func(f *ruleset.Flag) {
		f.Rules = []ruleset.Rule{{Percent: &ruleset.Percent{Unit: "user", Serve: "on", Share: 25_000}}}
	})
}

// growing is on for nobody, then for more and more, and for everybody from then on.
func growing(from, to time.Time) ruleset.Flag {
	return flag(func(f *ruleset.Flag) {
		f.Rules = []ruleset.Rule{{Percent: &ruleset.Percent{Unit: "user", Serve: "on", From: 0, To: ruleset.Everyone, Start: &from, End: &to}}}
	})
}

func TestSinceWhenAFlagIsTheSameForEverybodyComesFromItsPast(t *testing.T) {
	for name, c := range map[string]struct {
		spans   []lifecycle.Span // newest first
		rollout catalog.Rollout
		since   time.Time
		reached time.Time // everyone, last
	}{
		"nothing is known":                      {rollout: catalog.Missing},
		"on since it was published":             {spans: []lifecycle.Span{{ago(40), everyone()}, {ago(50), partial()}}, rollout: catalog.Everyone, since: ago(40), reached: ago(40)},
		"unbroken over several versions":        {spans: []lifecycle.Span{{ago(5), everyone()}, {ago(40), everyone()}, {ago(50), off()}}, rollout: catalog.Everyone, since: ago(40), reached: ago(40)},
		"broken in between":                     {spans: []lifecycle.Span{{ago(5), everyone()}, {ago(6), partial()}, {ago(40), everyone()}}, rollout: catalog.Everyone, since: ago(5), reached: ago(5)},
		"killed and off are both off":           {spans: []lifecycle.Span{{ago(5), off()}, {ago(40), killed()}, {ago(50), everyone()}}, rollout: catalog.Off, since: ago(40), reached: ago(50)},
		"a kill does not take back the rollout": {spans: []lifecycle.Span{{ago(1), everyone()}, {ago(2), killed()}, {ago(50), everyone()}}, rollout: catalog.Everyone, since: ago(1), reached: ago(50)},
		"switched off again yesterday":          {spans: []lifecycle.Span{{ago(1), off()}, {ago(10), everyone()}, {ago(50), partial()}}, rollout: catalog.Off, since: ago(1), reached: ago(10)},
		"a share that was complete last week":   {spans: []lifecycle.Span{{ago(60), growing(ago(50), ago(7))}}, rollout: catalog.Everyone, since: ago(7), reached: ago(7)},
		"a share that still grows":              {spans: []lifecycle.Span{{ago(60), growing(ago(50), now.AddDate(0, 0, 1))}}, rollout: catalog.Partial},
		"some":                                  {spans: []lifecycle.Span{{ago(60), partial()}}, rollout: catalog.Partial},
	} {
		t.Run(name, func(t *testing.T) {
			if s := lifecycle.StandingOf(c.spans, now); s.Rollout != c.rollout || !s.Since.Equal(c.since) {
				t.Errorf("%v since %v; want %v since %v", s.Rollout, s.Since, c.rollout, c.since)
			}
			if reached, did := lifecycle.ReachedEveryone(c.spans, now); !reached.Equal(c.reached) || did == c.reached.IsZero() {
				t.Errorf("reached everyone %v, %v; want %v", reached, did, c.reached)
			}
		})
	}
}
