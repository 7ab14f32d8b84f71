package directory_test

import (
	"fmt"
	"testing"

	"github.com/toprent/flags/directory"
	"github.com/toprent/flags/ruleset"
)

func people(n int) []ruleset.Subject {
	all := make([]ruleset.Subject, n)
	for i := range all {
		all[i] = ruleset.Subject{User: fmt.Sprint("user-", i), Tenant: fmt.Sprint("tenant-", i/10), Plan: "pro", AddOns: []string{"reports"},
			Attributes: map[string]any{"country": "DE", "email": fmt.Sprintf("user-%d@toprent.example", i), "seats": i}}
	}
	return all
}

func TestSeeingSomebodyAgainAllocatesNothing(t *testing.T) {
	d := directory.New(nil, directory.Options{Attributes: []string{"country", "email"}})
	someone := people(1)[0]
	d.Saw("production", someone)
	if allocations := testing.AllocsPerRun(1000, func() { d.Saw("production", someone) }); allocations > 0 {
		t.Errorf("%v allocations", allocations)
	}
}

func BenchmarkSawAgain(b *testing.B) {
	d := directory.New(nil, directory.Options{Attributes: []string{"country", "email"}})
	all := people(1000)
	for _, s := range all {
		d.Saw("production", s)
	}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		d.Saw("production", all[i%len(all)])
	}
}

func BenchmarkSawAgainOnAllCores(b *testing.B) {
	d := directory.New(nil, directory.Options{Attributes: []string{"country", "email"}})
	all := people(1000)
	for _, s := range all {
		d.Saw("production", s)
	}
	b.RunParallel(func(pb *testing.PB) {
		for i := 0; pb.Next(); i++ {
			d.Saw("production", all[i%len(all)])
		}
	})
}
