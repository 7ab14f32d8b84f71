package cutovers

import (
	"slices"
	"strings"

	"github.com/toprent/flags/changes"
	"github.com/toprent/flags/internal/catalog"
	"github.com/toprent/flags/ruleset"
)

// put is the edit that makes a flag serve these stages: of one with two stages, which package changes knows nothing of,
// its whole settings.
func put(flag *catalog.Flag, otherwise string, rules []ruleset.Rule, base int64) []changes.Edit {
	if flag.Staged() {
		return []changes.Edit{changes.SetStage{Flag: flag.Key, Stage: otherwise, Rules: &rules, Base: base}}
	}
	next := flag.Flag
	next.Rules, next.Otherwise = rules, otherwise
	return []changes.Edit{changes.PutFlag{Flag: &next, Base: base}}
}

// together are the edits that bring everybody to one stage: no rule and no override is left.
func together(flag *catalog.Flag, to ruleset.Stage, base int64) []changes.Edit {
	edits := put(flag, variantOf(flag.Flag, to), nil, base)
	for _, override := range flag.Overrides {
		edits = append(edits, changes.RemoveOverride{Flag: flag.Key, User: override.User, Tenant: override.Tenant, Base: override.Version})
	}
	return edits
}

// forced is together, however far the stage is.
func forced(flag *catalog.Flag, to ruleset.Stage, base int64) []changes.Edit {
	edits := together(flag, to, base)
	set := edits[0].(changes.SetStage)
	set.Force = true
	edits[0] = set
	return edits
}

// moveGroup are the edits that bring one group to a stage; none where there is no such group.
func moveGroup(flag *catalog.Flag, group string, to ruleset.Stage, base int64) []changes.Edit {
	variant, rules := variantOf(flag.Flag, to), slices.Clone(flag.Rules)
	switch {
	case group == groupOtherwise:
		return put(flag, variant, rules, base)
	case strings.HasPrefix(group, rulePrefix):
		place, ok := placeOf(group, flag.Flag)
		if !ok {
			return nil
		}
		serve(&rules[place], variant)
		return put(flag, otherwiseOf(flag.Flag), rules, base)
	}
	override, ok := overrideOf(flag, group)
	if !ok {
		return nil
	}
	moved := override.Override
	moved.Variant = variant
	return []changes.Edit{changes.PutOverride{Override: moved, Base: override.Version}}
}

// dropGroup are the edits that end a group: its tenants are where the others are then.
func dropGroup(flag *catalog.Flag, group string, base int64) []changes.Edit {
	if strings.HasPrefix(group, rulePrefix) {
		place, ok := placeOf(group, flag.Flag)
		if !ok {
			return nil
		}
		return put(flag, otherwiseOf(flag.Flag), slices.Delete(slices.Clone(flag.Rules), place, place+1), base)
	}
	override, ok := overrideOf(flag, group)
	if !ok {
		return nil
	}
	return []changes.Edit{changes.RemoveOverride{Flag: flag.Key, User: override.User, Tenant: override.Tenant, Base: override.Version}}
}

// overrideOf is the override of the tenant that a group is of.
func overrideOf(flag *catalog.Flag, group string) (*catalog.Override, bool) {
	tenant, ok := strings.CutPrefix(group, tenantPrefix)
	i := slices.IndexFunc(flag.Overrides, func(o *catalog.Override) bool { return o.User == "" && o.Tenant == tenant })
	if !ok || i < 0 {
		return nil, false
	}
	return flag.Overrides[i], true
}

// serve makes a rule serve another variant. Its share stays: those who are in it stay in it.
func serve(rule *ruleset.Rule, variant string) {
	if rule.Percent == nil {
		rule.Serve = variant
		return
	}
	percent := *rule.Percent
	percent.Serve = variant
	rule.Percent = &percent
}

// addRule puts a rule before all others. A share of the same tenants in the same stage takes the place of the one that
// there is, so that raising it adds tenants and lowering it takes some away.
func addRule(flag *catalog.Flag, rule ruleset.Rule, base int64) []changes.Edit {
	rules := slices.Clone(flag.Rules)
	same := func(other ruleset.Rule) bool {
		return rule.Percent != nil && other.Percent != nil && other.When == nil && other.Percent.Serve == rule.Percent.Serve
	}
	if i := slices.IndexFunc(rules, same); i >= 0 {
		share := *rules[i].Percent
		share.Share, share.Calibrated = rule.Percent.Share, nil
		rules[i].Percent = &share
	} else {
		rules = append([]ruleset.Rule{rule}, rules...)
	}
	return put(flag, otherwiseOf(flag.Flag), rules, base)
}
