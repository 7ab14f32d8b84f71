package words_test

import (
	"reflect"
	"testing"
	"time"

	"github.com/toprent/flags/internal/words"
	"github.com/toprent/flags/ruleset"
)

func TestAnItemIsShownBeforeAndAfter(t *testing.T) {
	de := country("DE")
	was, is := rulesOf(share("Germany", 25_000, &de)), rulesOf(share("Germany", 50_000, &de))
	was.Enabled = true
	want := []words.Side{{Name: "Enabled", Was: "yes", Is: "no", Differs: true},
		{Name: "Rules", Was: "1. “Germany”: 25 % of users where country is DE get on", Is: "1. “Germany”: 50 % of users where country is DE get on", Differs: true}}
	if got := words.Differing(words.Sides(was, is, time.UTC)); !reflect.DeepEqual(got, want) {
		t.Errorf("of a flag it shows %+v", got)
	}
	if got := words.Differing(words.Sides(was, was, time.UTC)); len(got) != 0 {
		t.Errorf("of the same flag it shows %+v", got)
	}
	want = []words.Side{{Name: "Title", Is: "Pro", Differs: true}, {Name: "Rank", Is: "7", Differs: true}, {Name: "Features", Is: "a\nb", Differs: true}}
	if got := words.Sides(nil, ruleset.Plan{Key: "pro", Title: "Pro", Rank: 7, Features: []string{"a", "b"}}, time.UTC); !reflect.DeepEqual(got, want) {
		t.Errorf("of a new plan it shows %+v", got)
	}
	want = []words.Side{{Name: "Gets", Was: "“on”", Differs: true}, {Name: "Expires", Was: "never", Differs: true}}
	if got := words.Sides(ruleset.Override{Flag: "a", User: "u", Variant: "on"}, nil, time.UTC); !reflect.DeepEqual(got, want) {
		t.Errorf("of a removed override it shows %+v", got)
	}
	want = []words.Side{{Name: "Who", Was: "Country is DE", Is: "Country is FR", Differs: true}}
	if got := words.Sides(ruleset.Segment{When: de}, ruleset.Segment{When: country("FR")}, time.UTC); !reflect.DeepEqual(got, want) {
		t.Errorf("of a segment it shows %+v", got)
	}
}
