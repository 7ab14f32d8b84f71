package ruleset_test

import (
	"testing"

	"github.com/toprent/flags/ruleset"
)

// twoRevisions are what a session has pinned and the newest one, and what it is then served.
func twoRevisions(t *testing.T, pinned, newest ruleset.Definition) ruleset.Values {
	t.Helper()
	return overlay(t, pinned, newest).Evaluate(ruleset.Subject{User: "u-1", Plan: "free"}, noon)
}

func overlay(t *testing.T, pinned, newest ruleset.Definition) *ruleset.Revision {
	t.Helper()
	p, err := ruleset.Compile(ruleset.ID{Environment: "test", Number: 1}, pinned, nil)
	if err != nil {
		t.Fatal(err)
	}
	n, err := ruleset.Compile(ruleset.ID{Environment: "test", Number: 2}, newest, p)
	if err != nil {
		t.Fatal(err)
	}
	o := ruleset.Overlay(p, n)
	if o.ID() != p.ID() {
		t.Errorf("an overlay is named %v, not as the pinned revision", o.ID())
	}
	return o
}

func killed(f ruleset.Flag) ruleset.Flag   { f.Killed = true; return f }
func archived(f ruleset.Flag) ruleset.Flag { f.Archived = true; return f }
func disabled(f ruleset.Flag) ruleset.Flag { f.Enabled = false; return f }

func TestOnlyOperationalAndMigrationFlagsFollowTheNewestRevision(t *testing.T) {
	for _, kind := range ruleset.Kinds {
		v := twoRevisions(t, define(of(kind, boolean("flag", serve("on")))), define(of(kind, boolean("flag"))))
		pinnedHolds := kind != ruleset.Operational && kind != ruleset.Migration
		if kind == ruleset.Premium {
			continue // is excluded in both
		}
		if v.On("flag") != pinnedHolds {
			t.Errorf("a %s flag is served by the wrong revision", kind)
		}
	}
}

func TestAKillBeatsThePinAndMovesNothingElse(t *testing.T) {
	pinned := define(boolean("a", serve("on")), boolean("b", serve("on")), text("c", []string{"x", "y"}, serve("y")))
	newest := define(killed(boolean("a", serve("on"))), boolean("b"), text("c", []string{"x", "y"}, serve("x")), boolean("d", serve("on")))
	v := twoRevisions(t, pinned, newest)
	expect(t, v, "a", "off", ruleset.Killed)
	expect(t, v, "b", "on", ruleset.TargetingMatch)
	expect(t, v, "c", "y", ruleset.TargetingMatch)
	expect(t, v, "d", "", ruleset.FlagNotFound)
}

func TestWhatIsLiftedIsServedByThePinnedRulesAgain(t *testing.T) {
	v := twoRevisions(t, define(killed(boolean("a", serve("on")))), define(boolean("a")))
	expect(t, v, "a", "on", ruleset.TargetingMatch)
}

func TestArchivingEndsNoKill(t *testing.T) {
	live, dead := boolean("a", serve("on")), killed(boolean("a", serve("on")))
	for name, v := range map[string]ruleset.Values{
		"killed before the pin":   twoRevisions(t, define(dead), define(archived(dead))),
		"killed after the pin":    twoRevisions(t, define(live), define(archived(dead))),
		"killed and then removed": twoRevisions(t, define(dead), define()),
	} {
		if v.On("a") || v.Reason("a") != ruleset.Killed {
			t.Errorf("%s: the flag is served because of %s", name, v.Reason("a"))
		}
	}
	expect(t, twoRevisions(t, define(live), define(archived(live))), "a", "on", ruleset.TargetingMatch)
}

func TestOperationalFlagsComeAndGoWithTheNewestRevision(t *testing.T) {
	came := of(ruleset.Operational, boolean("came", serve("on")))
	went := of(ruleset.Operational, boolean("went", serve("on")))
	v := twoRevisions(t, define(went), define(came))
	expect(t, v, "came", "on", ruleset.TargetingMatch)
	expect(t, v, "went", "", ruleset.FlagNotFound)
}

func TestAFlagWhoseKindChangedIsServedByTheNewestRevision(t *testing.T) {
	f := boolean("a", serve("on"))
	for _, v := range []ruleset.Values{
		twoRevisions(t, define(of(ruleset.Operational, disabled(f))), define(f)),
		twoRevisions(t, define(disabled(f)), define(of(ruleset.Operational, f))),
	} {
		expect(t, v, "a", "on", ruleset.TargetingMatch)
	}
}

func TestPrerequisitesAreValuesOfTheSameRequest(t *testing.T) {
	pinned := define(requiring(boolean("release", serve("on")), "operation"), of(ruleset.Operational, boolean("operation", serve("on"))),
		requiring(boolean("grandchild", serve("on")), "release"), boolean("parent", serve("on")))
	expectAll := func(newest ruleset.Definition, want map[string]ruleset.Reason) {
		t.Helper()
		v := twoRevisions(t, pinned, newest)
		for key, reason := range want {
			if v.Reason(key) != reason {
				t.Errorf("%s is served because of %s, want %s", key, v.Reason(key), reason)
			}
		}
	}
	off := define(pinned.Flags[0], of(ruleset.Operational, boolean("operation")), pinned.Flags[2], pinned.Flags[3])
	expectAll(off, map[string]ruleset.Reason{"release": ruleset.PrerequisiteFailed, "grandchild": ruleset.PrerequisiteFailed, "parent": ruleset.TargetingMatch})
	gone := define(boolean("release", serve("on")), pinned.Flags[2], pinned.Flags[3])
	expectAll(gone, map[string]ruleset.Reason{"release": ruleset.PrerequisiteFailed, "grandchild": ruleset.PrerequisiteFailed})
	killedParent := define(pinned.Flags[0], pinned.Flags[1], pinned.Flags[2], killed(pinned.Flags[3]),
		requiring(of(ruleset.Operational, boolean("lever", serve("on"))), "release", "parent"))
	expectAll(killedParent, map[string]ruleset.Reason{"release": ruleset.TargetingMatch, "lever": ruleset.PrerequisiteFailed})
}

// Each revision is sound, but the pinned release flag requires the operational one, which in the newest revision
// requires the release flag: those two follow the newest revision, and nothing else does.
func TestACircleAcrossRevisionsMovesOnlyWhatIsInIt(t *testing.T) {
	operation := of(ruleset.Operational, boolean("operation", serve("on")))
	release := boolean("release", serve("on"))
	behind := requiring(boolean("behind", serve("on")), "release")
	before := boolean("before", serve("on"))
	pinned := define(requiring(release, "operation", "before"), operation, behind, before)
	newest := define(release, requiring(operation, "release"), disabled(behind), disabled(before))
	v := twoRevisions(t, pinned, newest)
	for _, key := range []string{"release", "operation", "behind", "before"} {
		expect(t, v, key, "on", ruleset.TargetingMatch)
	}
	if !overlay(t, newest, newest).Evaluate(ruleset.Subject{}, noon).On("operation") {
		t.Error("the newest revision by itself is not as expected")
	}
}

func TestAKillNeverMakesACircle(t *testing.T) {
	a, b := boolean("a", serve("on")), boolean("b", serve("on"))
	v := twoRevisions(t, define(requiring(a, "b"), b), define(disabled(a), killed(requiring(b, "a"))))
	expect(t, v, "b", "off", ruleset.Killed)
	expect(t, v, "a", "off", ruleset.PrerequisiteFailed) // by its pinned rules
}

func TestAFallbackBeatsThePlansOfNeitherRevision(t *testing.T) {
	gated := tier(boolean("gated", serve("on")), "pro")
	for name, v := range map[string]ruleset.Values{
		"a flag that is new":             twoRevisions(t, define(), define(gated)),
		"archived in the pinned":         twoRevisions(t, define(archived(gated)), define()),
		"archived in the newest":         twoRevisions(t, define(), define(archived(gated))),
		"an operational one that went":   twoRevisions(t, define(of(ruleset.Operational, gated)), define()),
		"gated only when it was pinned":  twoRevisions(t, define(archived(gated)), define(archived(boolean("gated")))),
		"gated only in the newest":       twoRevisions(t, define(archived(boolean("gated"))), define(archived(gated))),
		"pinned, excluded, in use there": twoRevisions(t, define(gated), define()),
	} {
		if v.Bool("gated", true) {
			t.Errorf("%s: the fallback beats the plan", name)
		}
	}
	if !twoRevisions(t, define(boolean("gated", serve("on"))), define(gated)).On("gated") {
		t.Error("a gate that the pinned revision does not have governs a flag that it does have")
	}
}

// The attributes of unrelated revisions are numbered apart: an overlay must still read the right ones.
func TestAnOverlayOfUnrelatedRevisionsReadsTheRightAttributes(t *testing.T) {
	pinned := sound(t, define(boolean("a", when(is("x", "1"))), boolean("b", when(is("y", "1")))))
	newest := sound(t, define(of(ruleset.Operational, boolean("c", when(is("y", "1")))), of(ruleset.Operational, boolean("d", when(is("z", "1")))), boolean("a"), boolean("b")))
	v := ruleset.Overlay(pinned, newest).Evaluate(ruleset.Subject{Attributes: map[string]any{"y": "1"}}, noon)
	for key, want := range map[string]bool{"a": false, "b": true, "c": true, "d": false} {
		if v.On(key) != want {
			t.Errorf("%s is %v", key, !want)
		}
	}
}

func TestAnOverlayOfARevisionWithItselfIsThatRevision(t *testing.T) {
	r := sound(t, define(boolean("a")))
	if ruleset.Overlay(r, r) != r {
		t.Error("it is another")
	}
}
