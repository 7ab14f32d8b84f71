package ruleset_test

import (
	"reflect"
	"testing"

	"pgregory.net/rapid"
)

func TestOneFlagIsDecidedAsAllTogetherAre(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		d := someDefinition().Draw(rt, "definition")
		r := sound(t, d)
		subjects := rapid.SliceOfN(someone(), 1, 4).Draw(rt, "subjects")
		keys := []string{"no such flag"}
		for _, f := range d.Flags {
			keys = append(keys, f.Key)
		}
		for _, key := range keys {
			decider := r.Decider(key)
			for _, s := range subjects { // one after another: nothing of one may reach the next
				want := r.Evaluate(s, noon).Detail(key)
				if got := decider.Decide(&s, noon); !reflect.DeepEqual(got, want) {
					rt.Fatalf("%s alone: %+v, with all others %+v", key, got, want)
				}
				if got := r.Decide(key, s, noon); !reflect.DeepEqual(got, want) {
					rt.Fatalf("%s alone, once: %+v, with all others %+v", key, got, want)
				}
			}
		}
	})
}

func TestDecidingOneFlagDoesNotCountAsReadingIt(t *testing.T) {
	r := sound(t, hundredFlags())
	r.Decide("feature-055", thousandSubjects()[0], noon)
	if keys := r.TakeReads(); len(keys) > 0 {
		t.Errorf("read: %q", keys)
	}
}

func BenchmarkOneFlagForManySubjects(b *testing.B) {
	r, subjects := sound(b, hundredFlags()), thousandSubjects()
	for kind, key := range map[string]string{"plain": "feature-000", "percentage": "feature-055", "targeted": "feature-080", "nested": "feature-089", "split": "feature-095"} {
		b.Run(kind, func(b *testing.B) {
			d := r.Decider(key)
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				sink.on = d.Decide(&subjects[i%len(subjects)], noon).Variant == "on"
			}
		})
	}
}
