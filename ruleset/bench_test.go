package ruleset_test

import (
	"fmt"
	"strconv"
	"testing"

	"github.com/cespare/xxhash/v2"

	"github.com/toprent/flags/ruleset"
)

// hundredFlags are 40 plain flags, 30 percentages, 20 targeted ones (15 by a list, 3 by a number, 2 by nested
// conditions) and 10 three-way splits; the browser sees 60.
func hundredFlags() ruleset.Definition {
	countries := []string{"DE", "FR", "IT", "ES", "PL", "NL"}
	var flags []ruleset.Flag
	for i := range 100 {
		key := fmt.Sprintf("feature-%03d", i)
		var f ruleset.Flag
		switch {
		case i < 40 && i%2 == 0:
			f = boolean(key, serve("on"))
		case i < 40:
			f = boolean(key)
		case i < 70:
			f = boolean(key, percent(float64(i), "on"))
		case i < 85:
			f = boolean(key, when(is("country", countries[i%6], countries[(i+1)%6])))
		case i < 88:
			f = boolean(key, when(compare("seats", ruleset.Greater, strconv.Itoa(i))))
		case i < 90:
			f = boolean(key, when(ruleset.Condition{All: []ruleset.Condition{is("language", "de", "fr"), compare("email", ruleset.EndsWith, "@toprent.app")}}))
		default:
			f = text(key, []string{"control", "a", "b"}, splitBy("", map[string]ruleset.Weight{"control": 34_000, "a": 33_000, "b": 33_000}))
		}
		f.ClientVisible = i%5 < 3
		flags = append(flags, f)
	}
	return define(flags...)
}

func thousandSubjects() []ruleset.Subject {
	subjects := make([]ruleset.Subject, 1000)
	for i := range subjects {
		subjects[i] = ruleset.Subject{
			User: fmt.Sprint("user-", i), Visitor: fmt.Sprint("visitor-", i), Tenant: fmt.Sprint("tenant-", i/10), Plan: "pro",
			Attributes: map[string]any{
				"country": []string{"DE", "FR", "IT", "ES"}[i%4], "language": []string{"de", "fr", "it"}[i%3],
				"seats": i % 200, "email": fmt.Sprintf("user-%d@%s", i, []string{"toprent.app", "example.com"}[i%2]),
			},
		}
	}
	return subjects
}

// floor is what one would write by hand: a loop over all flags that hashes key:user (XXH64, in a buffer that is
// reused), looks the flag up in a map, and appends the JSON of what the browser sees.
type floor struct {
	keys  []string
	flags map[string]floorFlag
	hash  []byte
}

type floorFlag struct {
	share   uint64
	visible bool
}

func newFloor(d ruleset.Definition) *floor {
	f := &floor{flags: map[string]floorFlag{}}
	for i, flag := range d.Flags {
		f.keys = append(f.keys, flag.Key)
		f.flags[flag.Key] = floorFlag{uint64(i), flag.ClientVisible}
	}
	return f
}

func (f *floor) evaluate(user string) []byte {
	out := append(make([]byte, 0, 2048), '{') // room enough, so that it never grows
	for _, key := range f.keys {
		f.hash = append(append(append(f.hash[:0], key...), ':'), user...)
		flag := f.flags[key]
		on := xxhash.Sum64(f.hash)%100 < flag.share
		if !flag.visible {
			continue
		}
		if len(out) > 1 {
			out = append(out, ',')
		}
		out = append(append(append(out, '"'), key...), `":`...)
		out = strconv.AppendBool(out, on)
	}
	return append(out, '}')
}

var sink struct {
	on     bool
	values ruleset.Values
	json   []byte
	place  int32
	stage  ruleset.Stage
}

func BenchmarkOneCheckByKey(b *testing.B) {
	v := sound(b, hundredFlags()).Evaluate(thousandSubjects()[0], noon)
	b.ReportAllocs()
	for b.Loop() {
		sink.on = v.On("feature-055")
	}
}

func BenchmarkAllHundred(b *testing.B) {
	r, subjects := sound(b, hundredFlags()), thousandSubjects()
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		sink.values = r.Evaluate(subjects[i%len(subjects)], noon)
	}
}

func BenchmarkAllHundredWithJSON(b *testing.B) {
	r, subjects := sound(b, hundredFlags()), thousandSubjects()
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		sink.json = r.Evaluate(subjects[i%len(subjects)], noon).JSON()
	}
}

func BenchmarkFloor(b *testing.B) {
	f, subjects := newFloor(hundredFlags()), thousandSubjects()
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		sink.json = f.evaluate(subjects[i%len(subjects)].User)
	}
}

func BenchmarkSubjectKey(b *testing.B) {
	r, subjects := sound(b, hundredFlags()), thousandSubjects()
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		var buffer [512]byte
		sink.on = len(r.AppendKey(buffer[:0], &subjects[i%len(subjects)])) > 0
	}
}

// clientsByTenant is a migration that asks for all that it may.
func clientsByTenant() ruleset.Definition {
	d := define(staged("clients", ruleset.StageShadow, ruleset.Rule{When: ptr(is("tenant.region", "eu", "us")), Serve: "shadow"},
		ruleset.Rule{When: ptr(compare("plan.rank", ruleset.GreaterEqual, "10")), Serve: "live"},
		ruleset.Rule{Percent: &ruleset.Percent{Unit: "tenant", Share: 30_000, Serve: "live"}}))
	for i := range 20 {
		d.Overrides = append(d.Overrides, ruleset.Override{Flag: "clients", Tenant: fmt.Sprint("pilot-", i), Variant: "live"})
	}
	return d
}

func BenchmarkStage(b *testing.B) {
	decider, attributes := sound(b, clientsByTenant()).StageDecider("clients"), map[string]any{"tenant.region": "asia"}
	b.ReportAllocs()
	for b.Loop() {
		sink.stage, sink.on = decider.Decide("tenant-1", "free", attributes)
	}
}

func BenchmarkCompile(b *testing.B) {
	d := hundredFlags()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := ruleset.Compile(ruleset.ID{}, d, nil); err != nil {
			b.Fatal(err)
		}
	}
}
