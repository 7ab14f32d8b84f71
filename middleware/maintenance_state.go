package middleware

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/toprent/flags/ruleset"
	"github.com/toprent/flags/service"
)

// MaintenanceState is what a request has to know of maintenance. The zero state says that there is none. Give it to
// templates, so that they can announce it:
//
//	{{ with .Maintenance }}{{ if .Announced }}From {{ .From.Format "15:04" }}: {{ .Message }}{{ end }}{{ end }}
type MaintenanceState struct {
	Announced bool // it begins at From
	On        bool // it has begun, for whoever asks and for this path
	Draining  bool // it has begun, and this session, which was at work, may go on until DrainUntil
	Passing   bool // it has begun, and this request is let through all the same

	Message    string
	From       time.Time // zero: since it was published
	Until      time.Time // zero: no end is known
	DrainUntil time.Time
	Paths      []string // what it concerns; empty: the whole site

	wait time.Duration
}

// MaintenanceOf says what a request has to know of maintenance, for banners and for pages of the host's own. It needs New,
// and works without Maintenance too.
func MaintenanceOf(c *gin.Context) MaintenanceState {
	r, ok := requestOf(c)
	if !ok {
		return MaintenanceState{}
	}
	state := r.maintenanceState(c)
	if state == nil {
		return MaintenanceState{}
	}
	known := *state
	known.Passing = r.passing
	return known
}

// maintenances are what the newest revision says of maintenance, read once for each revision.
type maintenances struct {
	newest ruleset.ID
	found  map[string]*ruleset.Maintenance // by variant: those that are on and that somebody could be served
}

// maintenancesIn gives what the newest revision says. Where somebody asks for the first time, mistakes are logged.
func (m *middleware) maintenancesIn(view service.View) *maintenances {
	known := m.maintenances.Load()
	if known != nil && known.newest == view.Newest() {
		return known
	}
	fresh, mistakes := readMaintenances(view, m.MaintenanceFlag)
	if m.maintenances.CompareAndSwap(known, fresh) {
		for _, mistake := range mistakes {
			m.log.Error("flags: the maintenance flag cannot be followed, so there is no maintenance by it", "flag", m.MaintenanceFlag, "revision", fresh.newest.Number, "error", mistake)
		}
	}
	return fresh
}

func readMaintenances(view service.View, key string) (_ *maintenances, mistakes []error) {
	all := &maintenances{newest: view.Newest(), found: map[string]*ruleset.Maintenance{}}
	flag, variants, ok := view.Reachable(key)
	switch {
	case !ok:
		return all, nil
	case flag.Kind != ruleset.Operational:
		return all, []error{fmt.Errorf("it is of the kind %s: make an operational one, which every session follows at once", flag.Kind)}
	}
	for _, v := range variants {
		read, err := ruleset.ParseMaintenance(v.Value)
		switch {
		case err != nil:
			mistakes = append(mistakes, fmt.Errorf("variant %q: %w", v.Name, err))
		case read.On:
			all.found[v.Name] = &read
		}
	}
	return all, mistakes
}

// concern reports whether anybody could have anything to know now.
func (all *maintenances) concern(now time.Time) bool {
	for _, m := range all.found {
		if m.Begun(now) || m.Announced(now) {
			return true
		}
	}
	return false
}

// maintenanceState finds out what concerns the request, once; nil: nothing. Where nobody is concerned, no flag is
// evaluated.
func (r *request) maintenanceState(c *gin.Context) *MaintenanceState {
	r.ask.Do(func() {
		m, now := r.middleware, time.Time{}
		var found *ruleset.Maintenance
		switch {
		case r.view.IsZero():
			return
		case r.preview != nil:
			now, found = m.Flags.Now(), r.previewedMaintenance(c)
		default:
			all := m.maintenancesIn(r.view)
			if len(all.found) > 0 {
				now = m.Flags.Now()
			}
			if !all.concern(now) {
				r.view.NoteRead(m.MaintenanceFlag)
				return
			}
			found = all.found[r.valuesNow(c).Variant(m.MaintenanceFlag)]
		}
		if found != nil {
			r.maintenance = r.stateOf(c.Request, found, now)
		}
	})
	return r.maintenance
}

// previewedMaintenance reads what this browser alone is shown.
func (r *request) previewedMaintenance(c *gin.Context) *ruleset.Maintenance {
	var value json.RawMessage
	if !r.valuesNow(c).Decode(r.middleware.MaintenanceFlag, &value) {
		return nil
	}
	read, err := ruleset.ParseMaintenance(value)
	if err != nil {
		return nil // whoever publishes it is told
	}
	return &read
}

// stateOf is what a maintenance means for this request now; nil: nothing.
func (r *request) stateOf(asked *http.Request, m *ruleset.Maintenance, now time.Time) *MaintenanceState {
	state := &MaintenanceState{Message: m.Message, Paths: m.Paths, wait: m.Wait(now)}
	if m.Start != nil {
		state.From = *m.Start
	}
	if m.End != nil {
		state.Until = *m.End
	}
	switch {
	case m.Announced(now):
		state.Announced = true
	case m.Begun(now) && m.Covers(asked.URL.Path):
		state.On = true
		if until, ok := m.Drained(); ok && now.Before(until) && r.preview == nil && r.wasWorking(asked, *m.Start) {
			state.Draining, state.DrainUntil = true, until
		}
	default:
		return nil
	}
	return state
}

// retryAfter is what the header of that name says: whole seconds.
func (s *MaintenanceState) retryAfter() string {
	return strconv.FormatInt(int64((s.wait+time.Second-1)/time.Second), 10)
}
