package cutovers

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/toprent/flags/changes"
	"github.com/toprent/flags/handlers/internal/shell"
	"github.com/toprent/flags/internal/access"
	"github.com/toprent/flags/internal/catalog"
	"github.com/toprent/flags/internal/lifecycle"
	"github.com/toprent/flags/models"
	"github.com/toprent/flags/ruleset"
)

// onePage is an entity in an environment.
type onePage struct {
	shell.Page
	*Standing
	In         *catalog.Environment
	Path       []pathStage
	Groups     []Group
	MoreGroups int
	Latency    []latencyRow
	Instances  []instanceRow
	Requests   []models.ChangeRequest
	Kill       changes.KillEffect
	Reached    time.Time // when it reached everyone; zero: it has not
	Archivable time.Time // from when on it can be archived

	MayEdit, MayApprove bool
	Form                *shell.Form // what was asked last, and why it was refused
	Copying, Limit, Go  *shell.Form // of the copying, the limits and the instances
}

// pathStage is a stage on the way from off to complete.
type pathStage struct {
	StageWords
	Share   *ShareOf // nil: nobody is in it
	Present bool
	Past    bool // before the earliest one that somebody is in
}

func (b *board) show(c *shell.Context) error {
	p, err := b.open(c)
	if err != nil {
		return err
	}
	return p.render(c, http.StatusOK)
}

// open begins the page about the entity that the path names.
func (b *board) open(c *shell.Context) (*onePage, error) {
	ctx, cancel := c.Ctx()
	defer cancel()
	p := &onePage{Form: shell.NewForm()}
	var err error
	if p.In, err = c.Environment(); err != nil {
		return nil, err
	}
	if p.Page, err = c.Page("", "migrations"); err != nil {
		return nil, err
	}
	about, flag, err := find(ctx, c, p.In)
	if err != nil {
		return nil, err
	}
	now := time.Now()
	told, err := tellOf(ctx, c.App.Store, p.In, about, now)
	if err != nil {
		return nil, err
	}
	seen, err := c.App.Directory.Snapshot(ctx, p.In.Name)
	if err != nil {
		return nil, err
	}
	p.Standing = told.standingOf(p.In, about, flag, now)
	p.Tally = b.counts.of(p.In, flag, seen, 0, now)
	p.Page.Title = p.Standing.Name()
	p.MayEdit, p.MayApprove = c.Person.In(p.In.Name) >= access.Editor, c.Person.In(p.In.Name) >= access.Approver
	p.fill(c.Zone(), now)
	if p.Kill, err = c.App.Changes.KillWould(ctx, p.In.Name, about.Name); err != nil {
		return nil, err
	}
	if p.Requests, err = c.App.Store.RequestsAbout(ctx, p.In.Name, about.Name, shownRequests); err != nil {
		return nil, err
	}
	return p, p.rest(ctx, c, now)
}

// shownRequests is how many change requests about the entity stand at the top; all of them stand under Requests.
const shownRequests = 5

// find gives the migration flag that the path names.
func find(ctx context.Context, c *shell.Context, in *catalog.Environment) (models.FeatureFlag, *catalog.Flag, error) {
	key := c.Param("key")
	all, err := c.App.Catalog.Flags(ctx)
	if err != nil {
		return models.FeatureFlag{}, nil, err
	}
	flag, ok := in.Flag(key)
	switch {
	case !ok:
		return models.FeatureFlag{}, nil, shell.NotFound("The flag %q is not in this environment. It may be in another one, or its key may be mistyped.", key)
	case flag.Kind != ruleset.Migration:
		return models.FeatureFlag{}, nil, shell.NotFound("The flag %q moves nothing from one database to another: it is a %s flag.", key, flag.Kind)
	case flag.Archived:
		return models.FeatureFlag{}, nil, shell.NotFound("The flag %q is archived here, so its move is over.", key)
	}
	return all.ByKey[key], flag, nil
}

// fill makes of what is known what the page shows.
func (p *onePage) fill(zone *time.Location, now time.Time) {
	p.Groups, p.MoreGroups = groupsOf(p.Flag, p.Tally, zone)
	shares := p.Shares()
	for _, words := range p.stages() {
		stage := pathStage{StageWords: words, Present: p.Stages.Reachable.Has(words.Stage)}
		stage.Past = !p.Stages.Reachable.Empty() && words.Stage < p.Stages.Reachable.Min()
		if i := slices.IndexFunc(shares, func(s ShareOf) bool { return s.Stage == words.Stage }); i >= 0 {
			stage.Share = &shares[i]
		}
		p.Path = append(p.Path, stage)
	}
	p.Latency = latencyOf(p.Told.Old, p.Told.New)
	p.Instances = instancesOf(p.Rows, p.Changed, now)
	p.Copying = shell.NewForm("rate", rateText(p.Limits.Rate))
	p.Limit = limitsForm(p.Limits)
	p.Go = shell.NewForm()
}

// stages are the words of those that the entity can be in.
func (p *onePage) stages() []StageWords {
	if p.Stages.Staged {
		return stageWords()
	}
	return []StageWords{twoStageWords(ruleset.StageOff), twoStageWords(ruleset.StageComplete)}
}

// rest finds out since when the entity has reached everyone: its flag stays for thirty days after that.
func (p *onePage) rest(ctx context.Context, c *shell.Context, now time.Time) error {
	rows, err := c.App.Store.FlagSpans(ctx, p.In.Name, []string{p.About.ID})
	if err != nil {
		return err
	}
	spans := make([]lifecycle.Span, len(rows))
	for i, row := range rows {
		spans[i] = lifecycle.Span{From: row.PublishedAt.Time, Flag: row.Flag(p.About)}
	}
	if reached, ok := lifecycle.ReachedEveryone(spans, now); ok && p.Stages.Reachable.Is(ruleset.StageComplete) {
		p.Reached, p.Archivable = reached, reached.Add(lifecycle.Rest)
	}
	return nil
}

// Rests reports whether the flag cannot be archived yet, though the entity is moved.
func (p *onePage) Rests() bool { return time.Now().Before(p.Archivable) }

// Version is the base of edits of the flag.
func (p *onePage) Version() string { return strconv.FormatInt(p.Flag.Version, 10) }

// Editable reports whether the person may make steps.
func (p *onePage) Editable() bool { return p.MayEdit && !p.Stages.Malformed }

// Backfills reports whether the system copies the entity's rows: of a flag with two stages the host does.
func (p *onePage) Backfills() bool { return p.Stages.Staged }

func (p *onePage) render(c *shell.Context, status int) error {
	return c.Render(status, "cutovers/one", p)
}

// refused shows the page again with why something was not done, and reports whether err says so.
func (p *onePage) refused(c *shell.Context, err error) (bool, error) {
	var none shell.Form
	switch {
	case p.Form.Unavailable(err):
		return true, p.render(c, http.StatusServiceUnavailable)
	case none.Refused(err, shell.Nowhere):
		if p.Form.Message = none.Message; p.Form.Message == "" { // somebody has gone back from the review
			return true, p.render(c, http.StatusOK)
		}
		return true, p.render(c, http.StatusUnprocessableEntity)
	}
	if _, ok := shell.Conflict(err); ok {
		p.Form.Message = "Somebody else has changed this flag in the meantime: what is below is how it is now. Look at it, and make your step again."
		return true, p.render(c, http.StatusConflict)
	}
	if message, ok := notNow(err); ok {
		p.Form.Message = message
		return true, p.render(c, http.StatusConflict)
	}
	return false, err
}

// notNow is what stands against a change as things are, for people.
func notNow(err error) (string, bool) {
	if errors.Is(err, context.Canceled) {
		return "", false
	}
	return shell.NotNow(err)
}
