package models

// What instances tell of the entities that they move, and how far the copying is, lies in the tables cutover_progress,
// cutover_instances and cutover_limits. What decides a stage lies in the flag's own rules.

// CutoverStats is what an instance has counted since its start. Histograms count by the upper bounds of CutoverBuckets.
// What is zero is not stored, so that two columns can hold a part each; see [CutoverInstance.Tell].
type CutoverStats struct {
	Old         CutoverSide      `json:"old,omitzero"`
	New         CutoverSide      `json:"new,omitzero"`
	Compared    int64            `json:"compared,omitzero"`
	Different   int64            `json:"different,omitzero"`
	Skipped     int64            `json:"skipped,omitzero"` // comparisons that were left out while too many were under way
	Samples     []CutoverSample  `json:"samples,omitempty"`
	Tenants     []CutoverTenant  `json:"tenants,omitempty"`    // the worst, at most 200
	Queue       int64            `json:"queue,omitzero"`       // writes that wait for repair
	Oldest      float64          `json:"oldest,omitzero"`      // seconds that the oldest of them has waited
	Marked      int64            `json:"marked,omitzero"`      // keys that wait to be copied
	Unjournaled int64            `json:"unjournaled,omitzero"` // writes made while the journal could not be reached
	Problem     string           `json:"problem,omitempty"`    // why the entity cannot be used; empty: it can
	Stages      map[string]int64 `json:"stages,omitempty"`     // calls by stage

	// UncopiedOld and UncopiedNew name tenants of whom this instance may have written rows to that side alone, through a
	// Router; "*" stands for any.
	UncopiedOld []string `json:"uncopied_old,omitempty"`
	UncopiedNew []string `json:"uncopied_new,omitempty"`
}

// CutoverSide is how one side did.
type CutoverSide struct {
	Reads        int64   `json:"reads"`
	ReadErrors   int64   `json:"read_errors"`
	Writes       int64   `json:"writes"`
	WriteErrors  int64   `json:"write_errors"`
	ReadLatency  []int64 `json:"read_latency"`
	WriteLatency []int64 `json:"write_latency"`
}

// CutoverSample is a difference that was found, redacted as the host says.
type CutoverSample struct {
	At     Time   `json:"at"`
	Tenant string `json:"tenant,omitempty"`
	What   string `json:"what"` // the query or the row's key
	Old    string `json:"old"`
	New    string `json:"new"`
}

// CutoverTenant is how comparisons and sides did for one tenant.
type CutoverTenant struct {
	Tenant    string `json:"tenant"`
	Compared  int64  `json:"compared"`
	Different int64  `json:"different"`
	Errors    int64  `json:"errors"` // of the new side
}

// CutoverBuckets are the upper bounds of the latency histograms, in milliseconds; a last bucket counts what is slower.
var CutoverBuckets = []float64{1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 5000}
