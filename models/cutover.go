package models

// What instances tell of the entities that they move, and how far the copying is, lies in the tables cutover_progress,
// cutover_instances and cutover_limits. What decides a stage lies in the flag's own rules.

// Directions of a copy.
const (
	CutoverForward  = "forward"  // from the old side to the new one
	CutoverBackward = "backward" // from the new side to the old one
)

// States of a copy.
const (
	CutoverAbandoned = "abandoned" // one side is not written any more, or not yet
	CutoverWaiting   = "waiting"   // until every instance writes both sides
	CutoverCopying   = "copying"
	CutoverVerifying = "verifying"
	CutoverDone      = "done" // every row was compared, and both sides are kept equal since
	CutoverFailed    = "failed"
)

// CutoverProgress is how far an entity's sides are equal in one environment.
type CutoverProgress struct {
	Environment   string `gorm:"primaryKey"`
	Flag          string `gorm:"primaryKey"` // its key
	Direction     string
	State         string
	SinceRevision int64 // copying begins when every instance has acknowledged it
	Total         int64 // rows of the side that is copied from; 0: not known
	Copied        int64
	Compared      int64
	Different     int64 // found by the last verification, and mended
	StartedAt     *Time
	CopiedAt      *Time
	VerifiedAt    *Time
	UpdatedAt     Time
	Holder        string // the instance that copies
	Error         string // why it does not go on; empty: it does
}

func (CutoverProgress) TableName() string { return "cutover_progress" }

// CutoverInstance is what one instance tells of one entity.
type CutoverInstance struct {
	Instance    string `gorm:"primaryKey"`
	Environment string
	Flag        string `gorm:"primaryKey"`
	Host        string
	Revision    int64 // the newest whose stages it follows
	HeardAt     Time
	EndedAt     *Time  // when it ended; nil: it runs, or it ended without a word
	GoneAt      *Time  // when somebody said that it is gone
	Stats       string // JSON: CutoverStats
}

func (CutoverInstance) TableName() string { return "cutover_instances" }

// CutoverStats is what an instance has counted since its start. Histograms count by the upper bounds of CutoverBuckets.
type CutoverStats struct {
	Old         CutoverSide      `json:"old"`
	New         CutoverSide      `json:"new"`
	Compared    int64            `json:"compared"`
	Different   int64            `json:"different"`
	Skipped     int64            `json:"skipped"` // comparisons that were left out while too many were under way
	Samples     []CutoverSample  `json:"samples,omitempty"`
	Tenants     []CutoverTenant  `json:"tenants,omitempty"` // the worst, at most 200
	Queue       int64            `json:"queue"`             // writes that wait for repair
	Oldest      float64          `json:"oldest"`            // seconds that the oldest of them has waited
	Marked      int64            `json:"marked"`            // keys that wait to be copied
	Unjournaled int64            `json:"unjournaled"`       // writes made while the journal could not be reached
	Problem     string           `json:"problem,omitempty"` // why the entity cannot be used; empty: it can
	Stages      map[string]int64 `json:"stages,omitempty"`  // calls by stage
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

// CutoverLimits are what an entity has to reach before its next step, and how it is copied.
type CutoverLimits struct {
	Environment string `gorm:"primaryKey"`
	Flag        string `gorm:"primaryKey"`
	Agreement   int64  // of a million comparisons, how many have to agree
	Compared    int64  // how many have to be made at least
	Minutes     int64  // for how long
	StepBack    bool   // a tenant that falls below steps back by itself
	Rate        int64  // rows a second that are copied at most; 0: no limit
	Paused      bool   // copying waits
	ChangedBy   string
	ChangedAt   Time
}

func (CutoverLimits) TableName() string { return "cutover_limits" }
