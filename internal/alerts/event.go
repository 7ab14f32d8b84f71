package alerts

import (
	"context"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/toprent/flags/models"
)

// Event is what an alert tells of: a published revision, something that happened to a change request, or a test.
type Event struct {
	ID          string // stays the same through all attempts, so that receivers can tell what they have had
	Kind        string // publish, kill, lift, maintenance, maintenance-end, import, recall, rollback, promote, copy; request.sent, request.approved …; test
	Environment string
	Revision    int64  // 0: it tells of a change request
	Request     int64  // 0: it tells of a revision
	Title       string // of the request
	Author      string
	Reason      string
	At          time.Time
	Flags       []Change // those whose settings or overrides changed
	Segments    []Change
	Plans       []Change
	Link        string // to the page about it; empty: none is known
}

// Change is what became different about one item.
type Change struct {
	Key  string
	What []string // in plain words
}

// testEvent is what "send a test" sends.
func (a *Alerts) testEvent(id, author string) Event {
	return Event{ID: id, Kind: "test", Author: author, At: time.Now().UTC(), Link: a.link("alerts")}
}

// event tells what a delivery is about. Revisions never change, so each attempt tells the same.
func (a *Alerts) event(ctx context.Context, d models.AlertDelivery) (Event, error) {
	if d.RequestEvent != 0 {
		return a.requestEvent(ctx, d)
	}
	revision, err := a.store.Revision(ctx, d.Environment, d.Revision)
	if err != nil {
		return Event{}, err
	}
	rows, err := a.store.RowsChangedBy(ctx, d.Environment, d.Revision)
	if err != nil {
		return Event{}, err
	}
	keys, err := a.store.FlagKeys(ctx)
	if err != nil {
		return Event{}, err
	}
	e := Event{ID: d.ID, Kind: revision.Kind, Environment: d.Environment, Revision: d.Revision,
		Author: revision.Author, Reason: revision.Reason, At: revision.PublishedAt.Time}
	e.Flags = flagChanges(rows, keys, d.Revision)
	e.Segments = itemChanges(rows.Segments, d.Revision, func(s models.Segment) (string, models.Version) { return s.Key, s.Version })
	e.Plans = itemChanges(rows.Plans, d.Revision, func(p models.Plan) (string, models.Version) { return p.Key, p.Version })
	e.Link = a.link("changes")
	if len(e.Flags) == 1 && len(e.Segments) == 0 && len(e.Plans) == 0 {
		e.Link = a.link("flags", e.Flags[0].Key, d.Environment)
	}
	return e, nil
}

// link is the address of a settings page, as it is reached from outside.
func (a *Alerts) link(parts ...string) string {
	if a.options.URL == "" {
		return ""
	}
	var b strings.Builder
	b.WriteString(a.options.URL)
	for _, part := range parts {
		b.WriteString("/" + url.PathEscape(part))
	}
	return b.String()
}

func byKey(a, b Change) int { return strings.Compare(a.Key, b.Key) }

// flagChanges says what became different about flags: in their settings, and how many overrides came and went.
func flagChanges(rows models.Rows, keys map[string]string, n int64) []Change {
	type sides struct {
		before, after *models.FlagSettings
		came, went    int
	}
	byID := map[string]*sides{}
	of := func(id string) *sides {
		if byID[id] == nil {
			byID[id] = &sides{}
		}
		return byID[id]
	}
	for _, row := range rows.Flags {
		if row.FromRevision == n {
			of(row.FeatureID).after = &row.FlagSettings
		} else {
			of(row.FeatureID).before = &row.FlagSettings
		}
	}
	for _, row := range rows.Overrides {
		if row.FromRevision == n {
			of(row.FeatureID).came++
		} else {
			of(row.FeatureID).went++
		}
	}
	var out []Change
	for id, s := range byID {
		what := settingsChanged(s.before, s.after)
		if changed := min(s.came, s.went); changed > 0 {
			what = append(what, counted(changed, "override changed", "overrides changed"))
		}
		if came := s.came - s.went; came > 0 {
			what = append(what, counted(came, "override added", "overrides added"))
		} else if came < 0 {
			what = append(what, counted(-came, "override removed", "overrides removed"))
		}
		out = append(out, Change{keys[id], what})
	}
	slices.SortFunc(out, byKey)
	return out
}

// settingsChanged names what differs between two versions of a flag's settings.
func settingsChanged(before, after *models.FlagSettings) (what []string) {
	if after == nil {
		return nil
	}
	if before == nil {
		return []string{"new here"}
	}
	say := func(different bool, words string) {
		if different {
			what = append(what, words)
		}
	}
	say(!before.Killed && after.Killed, "killed")
	say(before.Killed && !after.Killed, "the kill lifted")
	say(!before.Archived && after.Archived, "archived")
	say(before.Archived && !after.Archived, "no longer archived")
	say(!before.Enabled && after.Enabled, "enabled")
	say(before.Enabled && !after.Enabled, "disabled")
	say(before.RolloutStrategy != after.RolloutStrategy, "rules changed")
	say(before.OtherwiseVariant != after.OtherwiseVariant, "otherwise serves another variant")
	say(before.OffVariant != after.OffVariant || before.DefaultVariant != after.DefaultVariant || before.Variants != after.Variants, "variants changed")
	say(before.Prerequisites != after.Prerequisites, "prerequisites changed")
	say(before.TierRequired != after.TierRequired, "needs another plan")
	say(before.ClientVisible != after.ClientVisible, "visibility to browsers changed")
	return what
}

// itemChanges says which segments or plans are new, changed or gone.
func itemChanges[R any](rows []R, n int64, version func(R) (string, models.Version)) []Change {
	came, went := map[string]bool{}, map[string]bool{}
	for _, row := range rows {
		if key, v := version(row); v.FromRevision == n {
			came[key] = true
		} else {
			went[key] = true
		}
	}
	var out []Change
	for key := range came {
		if went[key] {
			out = append(out, Change{key, []string{"changed"}})
		} else {
			out = append(out, Change{key, []string{"new"}})
		}
	}
	for key := range went {
		if !came[key] {
			out = append(out, Change{key, []string{"removed"}})
		}
	}
	slices.SortFunc(out, byKey)
	return out
}
