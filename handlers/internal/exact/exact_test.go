package exact_test

import (
	"testing"

	"github.com/toprent/flags/handlers/internal/exact"
	"github.com/toprent/flags/ruleset"
)

func TestADriftIsMoreThanOnePersonAndMoreThanAHundredth(t *testing.T) {
	for _, c := range []struct {
		asked     ruleset.Share
		in, known int
		want      bool
	}{
		{10_000, 100, 1000, false},
		{10_000, 101, 1000, false}, // one person
		{10_000, 99, 1000, false},
		{10_000, 102, 1000, true},
		{10_000, 98, 1000, true},
		{10_000, 10_100, 100_000, false}, // a hundredth
		{10_000, 10_101, 100_000, true},
		{10_000, 9899, 100_000, true},
		{1, 1, 100, false}, // of a hundred thousandth of a hundred nobody is to be in
		{1, 2, 100, true},
		{25_000, 0, 0, false},
		{ruleset.Everyone, 50, 50, false},
	} {
		s := exact.Share{Asked: c.asked, Now: exact.Reach{In: c.in, Known: c.known}}
		if s.Drifted() != c.want {
			t.Errorf("%d of %d where %s %% is asked for, which would be %d: drifted %v", c.in, c.known, c.asked, s.Wanted(), s.Drifted())
		}
	}
}

func TestTheRealShareIsWrittenInPercent(t *testing.T) {
	for want, r := range map[string]exact.Reach{"0 %": {}, "9.53 %": {143, 1500}, "100 %": {7, 7}, "0.001 %": {1, 100_000}} {
		if got := r.Percent(); got != want {
			t.Errorf("%+v is written %s, want %s", r, got, want)
		}
	}
}
