package models

import (
	"reflect"
	"strings"
	"testing"
)

func TestWhatAnInstanceTellsLiesInTwoColumnsAndIsReadAsOne(t *testing.T) {
	side := CutoverSide{Reads: 7, ReadErrors: 1, ReadLatency: []int64{3, 4}}
	told := CutoverStats{Old: side, Compared: 9, Different: 2, Queue: 1, Oldest: 1.5, Problem: "the journal is away", Samples: []CutoverSample{{Tenant: "acme", What: "client 7"}},
		Tenants: []CutoverTenant{{Tenant: "acme", Compared: 9, Different: 2}}, Stages: map[string]int64{"live": 9}}
	var row CutoverInstance
	if err := row.Tell(told); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(row.Stats, "acme") || !strings.Contains(row.Details, "acme") {
		t.Errorf("tenants and samples are in the stats, which are read of all entities: %s; the details are %s", row.Stats, row.Details)
	}
	if got := row.Told(); !reflect.DeepEqual(got, told) {
		t.Errorf("read is %+v, told was %+v", got, told)
	}
	row.Details = ""
	if got := row.Told(); got.Compared != 9 || got.Problem != told.Problem || got.Tenants != nil {
		t.Errorf("without the details, read is %+v", got)
	}
}

func TestWhatAnOlderInstanceTellsIsReadFromOneColumn(t *testing.T) {
	row := CutoverInstance{Stats: `{"old":{"reads":7},"compared":9,"tenants":[{"tenant":"acme","compared":9}]}`, Details: `{}`}
	if got := row.Told(); got.Old.Reads != 7 || got.Compared != 9 || len(got.Tenants) != 1 {
		t.Errorf("read is %+v", got)
	}
	row.Details = `{"old":`
	if got := row.Told(); got.Compared != 9 {
		t.Errorf("with details that cannot be read, read is %+v", got)
	}
}
