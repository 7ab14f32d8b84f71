package analytics

import (
	"hash/maphash"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/toprent/flags/internal/noted"
	"github.com/toprent/flags/middleware"
	"github.com/toprent/flags/models"
	"github.com/toprent/flags/ruleset"
	"github.com/toprent/flags/service"
)

// Recorder records what happens in one process. It is safe for concurrent use.
type Recorder struct {
	Options
	store *models.Store
	flags *service.FeatureFlagService

	seed  maphash.Seed
	noted *noted.Table // what was told today

	recording atomic.Pointer[recording] // what is recorded of flags beyond the usual

	mu      sync.Mutex // guards what follows, and putting into noted
	events  []models.FeatureFlagEvent
	plans   map[string][]models.PlanSeen // by tenant, in their order
	refused map[string]int64             // by cause
	limits  limits
	named   named

	followed time.Time         // when moves of tenants were last heard of
	hidden   map[string]uint64 // hashes of the tenants that are stored under other names, by these

	sifted time.Time // when those who were forgotten were last looked for in what waits for sinks; Run's

	dropped atomic.Int64
	told    told
	queues  []*SinkQueue // one for each sink
}

var _ middleware.Recorder = (*Recorder)(nil)

// New makes a recorder of what a service answers: one for each service, since two would count its answers twice. Nothing is
// stored before Run is called.
func New(store *models.Store, flags *service.FeatureFlagService, options Options) *Recorder {
	r := &Recorder{Options: options.complete(), store: store, flags: flags, seed: maphash.MakeSeed(), noted: noted.New(1 << 18),
		plans: map[string][]models.PlanSeen{}, refused: map[string]int64{}, hidden: map[string]uint64{}}
	r.told.last = map[service.Checked]uint64{}
	r.told.checks = map[checkedAt]int64{}
	r.followed = flags.Now()
	for _, sink := range r.Sinks {
		r.queues = append(r.queues, newQueue(sink, r.MaxWaiting, r.Logger))
	}
	flags.OnPlanChanged(r.planChanged)
	return r
}

// Answered records what a request showed, and, of flags whose every check is recorded, what it asked for.
func (r *Recorder) Answered(who *ruleset.Subject, place string, values ruleset.Values, sent bool) {
	special := r.recording.Load()
	if special != nil && special.raw {
		r.recordChecks(special, who, place, values)
	}
	r.seePlan(who, place)
	if !sent {
		return
	}
	person := r.person(who)
	tag := values.ReadDigest(person)
	if tag == 0 || r.noted.Has(tag|1, tag|1) { // nothing was read, or all of it was told today
		return
	}
	r.show(who, place, values, person, tag|1)
}

// show records what a page showed, as far as it is new.
func (r *Recorder) show(who *ruleset.Subject, place string, values ruleset.Values, person, tag uint64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	all := true
	for detail := range values.Read() {
		all = r.once(models.EventExposure, who, place, values, detail, person) && all
	}
	for detail := range values.Offered() {
		all = r.once(models.EventPrompt, who, place, values, detail, person) && all
	}
	if all {
		r.noted.Put(tag, tag)
	}
}

// Exposed records that somebody was shown a value by something else than a page.
func (r *Recorder) Exposed(who *ruleset.Subject, place string, values ruleset.Values, shown ruleset.Detail) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.once(models.EventExposure, who, place, values, shown, r.person(who))
}

// Gated records what a gate did: each time for a flag that depends on the plan, since who was let into what they pay for is
// audited; else only that somebody was not let through.
func (r *Recorder) Gated(who *ruleset.Subject, place string, values ruleset.Values, gate ruleset.Detail, outcome middleware.Outcome) {
	if outcome == middleware.Granted && !gate.Gated {
		return
	}
	kind := models.EventDenied
	if outcome == middleware.Granted {
		kind = models.EventGranted
	}
	r.seePlan(who, place)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.keep(r.event(kind, who, place, values, gate))
	if outcome == middleware.Offered {
		r.once(models.EventPrompt, who, place, values, gate, r.person(who))
	}
}

// Upgrading records that somebody came to the upgrade page for a flag's sake, once a day.
func (r *Recorder) Upgrading(who *ruleset.Subject, place string, values ruleset.Values, flag ruleset.Detail) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.once(models.EventUpgrade, who, place, values, flag, r.person(who))
}

// once records what counts once a day for each person, unless it was told already. Who is nobody in particular, such as a
// browser that has sent a form before it had a visitor's id, cannot be counted. It is false if there was no room.
func (r *Recorder) once(kind models.EventKind, who *ruleset.Subject, place string, values ruleset.Values, d ruleset.Detail, person uint64) bool {
	if who.User == "" && who.Visitor == "" && who.Tenant == "" {
		return true
	}
	h := person
	for _, text := range [...]string{string(kind), d.Key, d.Variant} {
		h = mix(h, maphash.String(r.seed, text))
	}
	if r.noted.Has(h|1, h|1) {
		return true
	}
	share := int64(ruleset.Everyone)
	if kind == models.EventExposure {
		share = r.recording.Load().share(d.Key)
	}
	if keeps(share, d.Key, who) {
		event := r.event(kind, who, place, values, d)
		event.ID, event.Share = idOf(event), share
		if !r.keep(event) {
			return false
		}
	}
	r.noted.Put(h|1, h|1)
	return true
}

// event makes an event of now. Its texts may be pieces of a whole request, so they are copied.
func (r *Recorder) event(kind models.EventKind, who *ruleset.Subject, place string, values ruleset.Values, d ruleset.Detail) models.FeatureFlagEvent {
	e := r.about(kind, who, place)
	e.Flag, e.Variant, e.Reason, e.Revision = d.Key, d.Variant, d.Reason.String(), values.Revision().Number
	return e
}

// about makes an event that concerns no flag.
func (r *Recorder) about(kind models.EventKind, who *ruleset.Subject, place string) models.FeatureFlagEvent {
	at := models.At(r.flags.Now())
	return models.FeatureFlagEvent{
		Day: models.Day(at.Time), ID: newID(), At: at, Kind: kind, Environment: r.flags.Environment(),
		Place: r.place(place), UserID: r.private(who.User), VisitorID: r.private(who.Visitor), Tenant: r.private(who.Tenant), Plan: r.private(who.Plan),
		Share: int64(ruleset.Everyone),
	}
}

// keep puts an event among those that wait, here and for each sink. It is false if there is no room.
func (r *Recorder) keep(e models.FeatureFlagEvent) bool {
	r.toSinks(e)
	switch {
	case r.OnlySinks:
		return true
	case len(r.events) >= r.MaxWaiting:
		r.dropped.Add(1)
		return false
	}
	r.events = append(r.events, e)
	return true
}

// person gives a hash of who somebody is, with what a change of which is to be noticed, for today.
func (r *Recorder) person(who *ruleset.Subject) uint64 {
	h := uint64(r.flags.Now().Unix() / (24 * 60 * 60))
	if who.User != "" {
		h = mix(h, maphash.String(r.seed, who.User))
	} else {
		h = mix(^h, maphash.String(r.seed, who.Visitor))
	}
	if who.Tenant != "" {
		h = mix(mix(h, maphash.String(r.seed, who.Tenant)), maphash.String(r.seed, who.Plan))
	}
	return h
}

// mix combines hashes, with the finalizer of SplitMix64.
func mix(h, n uint64) uint64 {
	x := h*0x9e3779b97f4a7c15 + n
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// maxText bounds texts, in bytes.
const maxText = 256

// clean makes a text fit to be stored, and a copy of it: valid, not too long, without NUL.
func clean(text string) string {
	if len(text) > maxText {
		text = text[:maxText]
	}
	text = strings.ToValidUTF8(text, "")
	if strings.IndexByte(text, 0) >= 0 {
		return strings.ReplaceAll(text, "\x00", "")
	}
	return strings.Clone(text)
}
