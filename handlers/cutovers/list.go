package cutovers

import (
	"context"
	"net/http"
	"time"

	"github.com/toprent/flags/cutover/readiness"
	"github.com/toprent/flags/handlers/internal/shell"
	"github.com/toprent/flags/internal/access"
	"github.com/toprent/flags/internal/catalog"
	"github.com/toprent/flags/models"
	"github.com/toprent/flags/ruleset"
)

// listPage are all entities of an environment.
type listPage struct {
	shell.Page
	Rows    []*listRow
	Ready   int // how many are ready for their next step
	Trouble int // how many have a problem
	Others  []models.Environment
}

// listRow is one of them.
type listRow struct {
	*Standing
	Elsewhere []elsewhere
}

// elsewhere is an entity's stage in another environment.
type elsewhere struct {
	Environment models.Environment
	Stages      string // empty: the flag is not there
}

func (b *board) list(c *shell.Context) error {
	ctx, cancel := c.Ctx()
	defer cancel()
	others, err := c.App.Catalog.Environments(ctx) // all at once, and then the page's own is known
	if err != nil {
		return err
	}
	in, err := c.Environment()
	if err != nil {
		return err
	}
	p := listPage{}
	if p.Page, err = c.Page("Migrations", "migrations"); err != nil {
		return err
	}
	standings, err := b.standings(ctx, c, in)
	if err != nil {
		return err
	}
	for _, s := range standings {
		row := &listRow{Standing: s}
		for _, other := range others {
			if other.Name != in.Name && c.Person.In(other.Name) >= access.Viewer {
				row.Elsewhere = append(row.Elsewhere, elsewhereOf(other, s.About.Name))
			}
		}
		p.Rows = append(p.Rows, row)
		if s.Verdict.Ready() {
			p.Ready++
		}
		if s.Worst() != "" {
			p.Trouble++
		}
	}
	return c.Render(http.StatusOK, "cutovers/list", p)
}

// standings are all entities of an environment.
func (b *board) standings(ctx context.Context, c *shell.Context, in *catalog.Environment) ([]*Standing, error) {
	flags, about, err := entities(ctx, c, in)
	if err != nil || len(flags) == 0 {
		return nil, err
	}
	now := time.Now()
	told, err := tell(ctx, c.App.Store, in, about, now)
	if err != nil {
		return nil, err
	}
	seen, err := c.App.Directory.Snapshot(ctx, in.Name)
	if err != nil {
		return nil, err
	}
	all := make([]*Standing, len(flags))
	for i, flag := range flags {
		all[i] = told.standingOf(in, about[i], flag, now)
		all[i].Tally = b.counts.of(in, flag, seen, sampleOf, now)
	}
	return all, nil
}

func elsewhereOf(in *catalog.Environment, key string) elsewhere {
	e := elsewhere{Environment: in.Environment}
	if stages, ok := in.Migrations().Stages(key); ok {
		e.Stages = titlesOf(stages.Reachable)
		if stages.Malformed {
			e.Stages = "cannot be read"
		}
	}
	return e
}

// Name is how the entity is called.
func (s *Standing) Name() string {
	if s.About.Title != "" {
		return s.About.Title
	}
	return s.About.Name
}

// ShareOf is how many tenants are in a stage.
type ShareOf struct {
	StageWords
	Tenants int
	Percent string // of those that were asked about; empty: nobody was
	Width   int    // of the part of a bar, of a thousand
	At      int    // where that begins
}

// Shares are the stages that can be served, with who is in them.
func (s *Standing) Shares() (shares []ShareOf) {
	at := 0
	for _, stage := range ruleset.Stages {
		tenants := s.Tally.ByStage[stage]
		if !s.Stages.Reachable.Has(stage) && tenants == 0 {
			continue
		}
		share := ShareOf{StageWords: wordsOf(stage), Tenants: tenants, At: at}
		if s.Tally.Tenants > 0 {
			share.Width = 1000 * tenants / s.Tally.Tenants
			share.Percent = readiness.Parts(int64(1000*tenants/s.Tally.Tenants) * 1000)
		}
		at += share.Width
		shares = append(shares, share)
	}
	return shares
}

// Many reports whether tenants are in several stages.
func (s *Standing) Many() bool { return len(s.Stages.Reachable.All()) > 1 }

// Copying is what the copying does, for people.
func (s *Standing) Copying() string {
	title, _ := copyingWords(s.Progress, s.Limits.Paused)
	return title
}

// CopyingState is how that looks.
func (s *Standing) CopyingState() string {
	_, state := copyingWords(s.Progress, s.Limits.Paused)
	return state
}

// Copies reports whether rows are being copied or compared, so that there is something to show of it.
func (s *Standing) Copies() bool {
	return s.Progress != nil && (s.Progress.State == models.CutoverCopying || s.Progress.State == models.CutoverVerifying || s.Progress.State == models.CutoverFailed)
}

// Done is how many rows are copied or, while they are verified, compared.
func (s *Standing) Done() int64 {
	if s.Progress.State == models.CutoverVerifying {
		return min(s.Progress.Compared, max(s.Progress.Total, s.Progress.Compared))
	}
	return s.Progress.Copied
}

// Agreement is the share of comparisons that agreed over the time that the limits name; empty: there were none.
func (s *Standing) Agreement() string {
	if s.Agreed.Compared == 0 {
		return ""
	}
	return readiness.Parts(s.agreement())
}

func (s *Standing) agreement() int64 {
	return readiness.Agreement(s.Agreed.Compared, s.Agreed.Different)
}

// Agrees reports whether that is as much as the entity has to reach.
func (s *Standing) Agrees() bool { return s.agreement() >= s.Limits.Agreement }

// Enough reports whether as much was compared as the limits ask for. With less, nothing is said.
func (s *Standing) Enough() bool { return s.Agreed.Compared >= max(1, s.Limits.Compared) }

// Over is the time that the limits name.
func (s *Standing) Over() string { return readiness.Over(s.Limits) }

// Been is for how long the entity is in its stages; empty: that is not known.
func (s *Standing) Been() string {
	if s.Since.IsZero() {
		return ""
	}
	return span(time.Since(s.Since))
}

// Oldest is how long the oldest write waits for repair.
func (s *Standing) Oldest() string { return span(time.Duration(s.Told.Oldest * float64(time.Second))) }

// Worst is the worst that is known of the entity; empty: nothing is wrong.
func (s *Standing) Worst() string {
	switch {
	case s.Stages.Malformed:
		return "Its flag cannot be read: the last good definition is used"
	case len(s.Told.Problems) > 0:
		return s.Told.Problems[0]
	case s.Progress != nil && s.Progress.Error != "":
		return "Copying: " + s.Progress.Error
	case s.Enough() && !s.Agrees():
		return "Too many comparisons differ"
	case s.Told.Oldest > 60:
		return "Writes have waited for repair for " + s.Oldest()
	case len(s.Silent()) > 0:
		return counted(int64(len(s.Silent())), "instance") + " fell silent"
	case s.Told.Unjournaled > 0:
		return counted(s.Told.Unjournaled, "write") + " made without the journal"
	case s.Stages.Killed:
		return "Killed: the old database answers"
	}
	return ""
}

// Silent are the instances that may still run, and said nothing for a while.
func (s *Standing) Silent() (rows []models.CutoverInstance) {
	for _, row := range s.Rows {
		if row.Runs() && !readiness.Runs(row, time.Now()) {
			rows = append(rows, row)
		}
	}
	return rows
}
