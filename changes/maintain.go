package changes

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/toprent/flags/models"
	"github.com/toprent/flags/ruleset"
)

// Maintenance is what Maintain sets.
type Maintenance struct {
	Environment string
	Flag        string // its key; defaults to ruleset.MaintenanceKey
	By          Actor
	Reason      string              // required
	Value       ruleset.Maintenance // when, where and in which words; On goes without saying, and without a start it begins now
	Tenants     []string            // for whom; empty: for everybody
	Base        int64               // the version of the flag's settings that it was made against; 0: the environment does not have the flag
}

// What Maintain writes of a flag, and nothing else of it: one variant, and one rule in front of all others that serves it.
const (
	MaintenanceVariant = "on"
	MaintenanceRule    = "maintenance"
	maintenanceOff     = "off"
)

// Maintain turns maintenance on, or changes what is on, and makes the flag for it if there is none yet. Nobody has to
// approve it: in a protected environment it is an emergency, at which somebody else looks afterwards. So that this is no
// way to change anything else, it is refused for a flag that is not an operational one of type json, and for one that
// serves the variant “on” by itself, without this rule.
//
// It returns a ConflictError, a RefusedError, service.ErrNoEnvironment or ErrUnavailable.
func (c *Changes) Maintain(ctx context.Context, m Maintenance) (published Published, err error) {
	if err := checkNamesAndReason(m.By.Name, m.Reason); err != nil {
		return Published{}, err
	}
	m.Flag, m.Value.On = cmp.Or(m.Flag, ruleset.MaintenanceKey), true
	if err := m.check(); err != nil {
		return Published{}, err
	}
	err = c.write(ctx, kindMaintenance, func(tx *models.Tx) error {
		d, err := c.openMaintenance(ctx, tx, m)
		if err != nil {
			return err
		}
		d.maintain(m)
		if err := d.make(ctx, tx, nil); err != nil {
			return err
		}
		if err := settle([]*draft{d}); err != nil {
			return err
		}
		if err := d.about.store(ctx, tx); err != nil {
			return err
		}
		if err := d.about.record(ctx, tx, c.audit, m.By.Name, m.Reason); err != nil {
			return err
		}
		if published, err = d.publish(ctx, tx, kindMaintenance, m.Reason); err != nil {
			return err
		}
		return d.emergency(ctx, tx, m.Flag, m.By, published)
	})
	if err != nil {
		return Published{}, err
	}
	return published, nil
}

// check refuses what no database is needed for to see that it makes no sense. Each mistake's path is its field's name in JSON.
func (m Maintenance) check() error {
	err := m.Value.Check()
	if err == nil {
		return nil
	}
	refused := &RefusedError{}
	add := func(err error) {
		p := ruleset.Problem{Flag: m.Flag, Message: err.Error()}
		var problem *ruleset.MaintenanceProblem
		if errors.As(err, &problem) {
			p.Path, p.Message = problem.Field, problem.Message
		}
		refused.Problems = append(refused.Problems, Problem{Environment: m.Environment, Problem: p})
	}
	if all, ok := err.(interface{ Unwrap() []error }); ok {
		for _, one := range all.Unwrap() {
			add(one)
		}
	} else {
		add(err)
	}
	return refused
}

// openMaintenance locks the environment; all of them, where the flag is to be made, since what they share is guarded so.
func (c *Changes) openMaintenance(ctx context.Context, tx *models.Tx, m Maintenance) (*draft, error) {
	_, err := tx.Flag(ctx, m.Flag)
	if errors.Is(err, models.ErrNotFound) {
		_, err = tx.LockAll(ctx)
	}
	if err != nil {
		return nil, err
	}
	locked, err := tx.Lock(ctx, m.Environment)
	if err != nil {
		return nil, err
	}
	shared, err := readAbout(ctx, tx)
	if err != nil {
		return nil, err
	}
	d, err := c.begin(ctx, tx, locked, shared, m.By.Name)
	if err == nil {
		d.authorID = m.By.ID
	}
	return d, err
}

// maintain puts the flag as it is under maintenance.
func (d *draft) maintain(m Maintenance) {
	at := d.flagVersion(m.Flag)
	if !d.isAt(at, m.Base) {
		return
	}
	if _, known := d.about.flag(m.Flag); !known {
		d.about.put(maintenanceDocument(m.Flag, d.now), m.By.Name)
	}
	global, ok := d.about.flag(m.Flag)
	if !ok {
		return // what is wrong with its key is noted
	}
	flag, live := at.Theirs.(ruleset.Flag)
	if !live {
		flag = newMaintenanceFlag(global)
	}
	for _, message := range d.unmaintainable(global, flag) {
		d.refuse(ruleset.Problem{Flag: m.Flag, Message: message})
	}
	if m.Value.Start == nil {
		now := d.now.UTC()
		m.Value.Start = &now
	}
	switch end := m.Value.End; {
	case end == nil:
	case !end.After(*m.Value.Start):
		d.refuse(ruleset.Problem{Flag: m.Flag, Path: "end", Message: "must be after the start"})
	case !end.After(d.now):
		d.refuse(ruleset.Problem{Flag: m.Flag, Path: "end", Message: "is past already, so nothing would be closed"})
	}
	value, err := json.Marshal(m.Value)
	if err != nil {
		d.refuse(ruleset.Problem{Flag: m.Flag, Message: err.Error()})
		return
	}
	flag.Enabled = true
	flag.Variants = withVariant(flag.Variants, ruleset.Variant{Name: MaintenanceVariant, Value: value})
	rule := ruleset.Rule{Name: MaintenanceRule, Serve: MaintenanceVariant}
	if len(m.Tenants) > 0 {
		rule.When = &ruleset.Condition{Attribute: ruleset.AttributeTenant, Operator: ruleset.In, Values: ruleset.Texts(m.Tenants)}
	}
	flag.Rules = append([]ruleset.Rule{rule}, WithoutMaintenance(flag.Rules)...)
	d.putFlag(flag, false)
}

// unmaintainable says why a flag cannot be what Maintain makes of it without anything else changing for anybody.
func (d *draft) unmaintainable(global models.FeatureFlag, flag ruleset.Flag) (why []string) {
	say := func(wrong bool, message string) {
		if wrong {
			why = append(why, message)
		}
	}
	others := WithoutMaintenance(flag.Rules)
	say(global.Kind != ruleset.Operational || global.Type != ruleset.JSON, fmt.Sprintf("maintenance takes an operational flag of type json: this is a flag of the kind %s and the type %s", global.Kind, global.Type))
	say(flag.Malformed != "", "it cannot be read: mend it in its settings first")
	say(flag.Archived, "it is archived here: take it out of the archive first")
	say(flag.Killed, "it is killed, so nobody would get maintenance: lift the kill first")
	say(flag.TierRequired != "" || len(flag.Prerequisites) > 0, "it needs a plan or another flag, so it would not reach everybody")
	say(d.serves(flag, others, MaintenanceVariant), "its own rules, overrides or settings serve “on”, so maintenance would change what they do: change its rules instead")
	say(!flag.Enabled && (len(others) > 0 || flag.Otherwise != flag.Off), "it is disabled, and its rules, or what it serves otherwise, would begin to hold: enable it first")
	return why
}

// serves reports whether a flag serves a variant in another way than by the rule of Maintain.
func (d *draft) serves(flag ruleset.Flag, rules []ruleset.Rule, variant string) bool {
	if flag.Off == variant || flag.Otherwise == variant || flag.Default == variant {
		return true
	}
	for _, rule := range rules {
		if rule.Serve == variant || rule.Percent != nil && rule.Percent.Serve == variant {
			return true
		}
		if rule.Split == nil {
			continue
		}
		if _, part := rule.Split.Weights[variant]; part {
			return true
		}
	}
	for key, row := range d.overrides.live {
		if key.flag == flag.Key && row.Override(key.flag).Variant == variant {
			return true
		}
	}
	return false
}

// MaintenanceOn gives the rule by which maintenance is on for a flag; false if it is not.
func MaintenanceOn(flag ruleset.Flag) (ruleset.Rule, bool) {
	if len(flag.Rules) == 0 || !isMaintenance(flag.Rules[0]) {
		return ruleset.Rule{}, false
	}
	return flag.Rules[0], true
}

func isMaintenance(rule ruleset.Rule) bool {
	return rule.Name == MaintenanceRule && rule.Serve == MaintenanceVariant
}

// WithoutMaintenance are a flag's rules without the one that Maintain has put in front.
func WithoutMaintenance(rules []ruleset.Rule) []ruleset.Rule {
	if len(rules) > 0 && isMaintenance(rules[0]) {
		return rules[1:]
	}
	return rules
}

func withVariant(all []ruleset.Variant, variant ruleset.Variant) []ruleset.Variant {
	all = slices.Clone(all)
	for i := range all {
		if all[i].Name == variant.Name {
			all[i] = variant
			return all
		}
	}
	return append(all, variant)
}

func newMaintenanceFlag(global models.FeatureFlag) ruleset.Flag {
	return ruleset.Flag{Key: global.Name, Kind: global.Kind, Type: global.Type, Salt: global.Salt, Enabled: true,
		Variants: []ruleset.Variant{{Name: maintenanceOff, Value: json.RawMessage(`{}`)}}, Off: maintenanceOff, Otherwise: maintenanceOff, Default: maintenanceOff}
}

// maintenanceDocument tells of the flag. It is off most of its life, so it asks to be looked at in a year, not in a month.
func maintenanceDocument(key string, now time.Time) FlagDocument {
	keep := now.AddDate(1, 0, 0)
	return FlagDocument{Key: key, Title: "Maintenance", Description: "Closes the site, or parts of it, with a page that says so.",
		Purpose: "Work that nobody may get in the way of", Category: "operations", Kind: ruleset.Operational, Type: ruleset.JSON, KeepUntil: &keep}
}
