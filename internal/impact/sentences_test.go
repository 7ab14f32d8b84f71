package impact_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/toprent/flags/internal/impact"
)

func people(n, inTenants int) impact.Reach { return impact.Reach{People: n, InTenants: inTenants} }

func move(from, to string, n, inTenants int) impact.Move {
	m := impact.Move{From: impact.Side{Variant: from, On: from == "on"}, To: impact.Side{Variant: to, On: to == "on"}}
	m.Reach = people(n, inTenants)
	return m
}

func TestAnImpactIsToldInPlainWords(t *testing.T) {
	flag := func(on, off impact.Reach, moves ...impact.Move) impact.Flag {
		f := impact.Flag{Key: "new-home", Boolean: on != off, On: on, Off: off, Moves: moves}
		f.Changed = people(on.People+off.People, on.InTenants)
		for _, m := range moves {
			if m.Turns() == "" || !f.Boolean {
				f.Changed.People += m.People
			}
		}
		return f
	}
	none := impact.Reach{}
	alone := move("off", "on", 0, 0)
	alone.Tenants = 3
	for want, f := range map[string]impact.Flag{
		"Turns on for 1,204 people in 37 tenants, off for 3; variant control → off for 80.": flag(people(1204, 37), people(3, 1), move("off", "on", 1204, 37), move("on", "off", 3, 1), move("control", "off", 80, 5)),
		"Turns on for 1 person in 1 tenant.":                                                flag(people(1, 1), none, move("off", "on", 1, 1)),
		"Turns off for 1,000,000 people.":                                                   flag(none, people(1_000_000, 0), move("on", "off", 1_000_000, 0)),
		"Turns on for 3 tenants asked for alone.":                                           flag(impact.Reach{Tenants: 3}, none, alone),
		"Variant a → b for 80 people in 12 tenants, b → c for 3.":                           flag(none, none, move("a", "b", 80, 12), move("b", "c", 3, 1)),
		"Variant a with another value for 80 people in 12 tenants.":                         flag(none, none, move("a", "a", 80, 12)),
		"Variant the code’s fallback → a for 2 people in 1 tenant.":                         flag(none, none, move("", "a", 2, 1)),
	} {
		changed := f.Changed
		if f.On.Tenants > 0 {
			changed = f.On
		}
		i := impact.Impact{State: impact.Counted, Compared: 1, People: 10, Changed: changed, Flags: []impact.Flag{f}}
		if got := strings.Join(i.Sentences(), "|"); got != want {
			t.Errorf("told is %q, want %q", got, want)
		}
	}
}

func TestManyFlagsAreToldFirstTogetherThenOneByOne(t *testing.T) {
	i := impact.Impact{State: impact.Counted, Compared: 300, Changed: people(1500, 40), Rest: impact.Rest{Count: 1, Changes: 2}}
	for n := range 7 {
		f := impact.Flag{Key: fmt.Sprint("f", n), Boolean: true, Changed: people(100, 10), On: people(100, 10), Moves: []impact.Move{move("off", "on", 100, 10)}}
		i.Flags = append(i.Flags, f)
	}
	got := i.Sentences()
	if len(got) != 7 || got[0] != "1,500 people in 40 tenants get something else, in 8 flags." || got[1] != "“f0” turns on for 100 people in 10 tenants." || got[6] != "3 more flags change." {
		t.Errorf("%q", got)
	}
	i = impact.Impact{State: impact.Counted, Compared: 2, Changed: people(100, 10), Flags: i.Flags[:1]}
	if got := i.Sentences(); len(got) != 1 || got[0] != "“f0” turns on for 100 people in 10 tenants." {
		t.Errorf("one of two: %q", got)
	}
}

func TestNobodyIsToldAsNobody(t *testing.T) {
	i := impact.Impact{State: impact.Counted, Compared: 2, People: 100}
	if got := i.Sentences(); len(got) != 1 || got[0] != "Nobody who was seen gets anything else." {
		t.Errorf("%q", got)
	}
}
