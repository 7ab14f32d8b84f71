package changes

import (
	"context"

	"github.com/toprent/flags/models"
	"github.com/toprent/flags/ruleset"
)

// StepBack is a step of a migration back to shadow, where the old side answers and both are written.
type StepBack struct {
	Environment string
	Flag        string
	Tenant      string // empty: everybody, which kills the flag
	Reason      string // required
	Author      string // required
}

// StepBack steps back at once: it waits for no approval and for no instance, and where changes have to be approved,
// somebody looks at it afterwards. Whose answers come from the old side already stays where they are, and nothing is
// published. It returns a RefusedError with a CutoverError where the old side does not have all rows, ErrNoFlag,
// service.ErrNoEnvironment or ErrUnavailable.
func (c *Changes) StepBack(ctx context.Context, s StepBack) (published Published, err error) {
	if err := checkNamesAndReason(s.Author, s.Reason); err != nil {
		return Published{}, err
	}
	err = c.write(ctx, "step back", func(tx *models.Tx) error {
		var d *draft
		if s.Tenant == "" {
			d, err = c.everybodyBack(ctx, tx, s)
		} else {
			d, err = c.tenantBack(ctx, tx, s)
		}
		if err != nil {
			return err
		}
		if published, err = d.publish(ctx, tx, kindStepBack, s.Reason); err != nil {
			return err
		}
		return d.emergency(ctx, tx, s.Flag, Actor{Name: s.Author}, published)
	})
	if err != nil {
		return Published{}, err
	}
	return published, nil
}

// everybodyBack kills the flag, for which nothing but itself has to be sound.
func (c *Changes) everybodyBack(ctx context.Context, tx *models.Tx, s StepBack) (*draft, error) {
	d, err := c.openFlag(ctx, tx, s.Environment, s.Flag, s.Author)
	if err != nil {
		return nil, err
	}
	if err := d.hasStages(s.Flag); err != nil {
		return nil, err
	}
	if err := d.checkKill(ctx, tx, s.Flag); err != nil {
		return nil, err
	}
	d.rewrite(s.Flag, func(settings *models.FlagSettings) { settings.Killed = true })
	return d, nil
}

// tenantBack gives the tenant shadow by an override.
func (c *Changes) tenantBack(ctx context.Context, tx *models.Tx, s StepBack) (*draft, error) {
	drafts, err := c.openAll(ctx, tx, []Change{{Environment: s.Environment, Author: s.Author}})
	if err != nil {
		return nil, err
	}
	d := drafts[0]
	if _, ok := d.flags.live[s.Flag]; !ok {
		return nil, noFlag(models.ErrNotFound, s.Flag, s.Environment)
	}
	if err := d.hasStages(s.Flag); err != nil {
		return nil, err
	}
	def := only(d.definition(), []string{s.Flag})
	if _, err := d.readAgain(ctx, tx, &def); err != nil {
		return nil, err
	}
	at := whereabouts(stagesOf(def), s.Flag, s.Tenant)
	if _, fresh := authorities(at); !fresh {
		return d, nil
	}
	progress, err := tx.CutoverProgressOf(ctx, s.Environment)
	if err != nil {
		return nil, err
	}
	if message := noReturn(at, progress[s.Flag]); message != "" {
		d.refuseCutover(CutoverError{Flag: s.Flag, Rule: CutoverNoReturn, Tenant: s.Tenant, From: at.Max(), To: at.Max().Capped(), Progress: progress[s.Flag], Message: message})
		return nil, d.refusedCutover()
	}
	d.putOverride(ruleset.Override{Flag: s.Flag, Tenant: s.Tenant, Variant: ruleset.StageShadow.String(), Reason: s.Reason})
	d.cutover.later = true // it waits for nobody
	if err := d.checkCutover(ctx, tx, false); err != nil {
		return nil, err
	}
	return d, settle(drafts)
}

// whereabouts are the stages at which a tenant can be: one, unless rules ask for more than its id, such as its plan.
func whereabouts(in *stages, key, tenant string) ruleset.StageSet {
	flag, _ := in.flag(key)
	q := &questions{thresholds: map[string][]uint64{}, named: map[string]bool{}}
	if q.ask(flag, in.def.Segments); q.data {
		return in.can(key, tenant)
	}
	return ruleset.StagesOf(in.of(key)(tenant))
}

// hasStages refuses what only migrations in stages have.
func (d *draft) hasStages(key string) error {
	if flag := d.about.byKey[key]; staged(flag.Kind, flag.Type) {
		return nil
	}
	d.refuse(ruleset.Problem{Flag: key, Message: "it has no stages: those are for migration flags whose values are texts"})
	return d.refusedCutover()
}
