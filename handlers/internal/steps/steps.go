// Package steps makes edits of one flag out of what somebody types into a plan: at a time enable it, disable it, or
// serve it to another share. Each step goes on from what the one before it has made of the flag.
package steps

import (
	"fmt"
	"slices"
	"strings"

	"github.com/toprent/flags/changes"
	"github.com/toprent/flags/ruleset"
	"github.com/toprent/flags/views"
)

// What a step can do.
const (
	Enable  = "enable"
	Disable = "disable"
	Share   = "share"
)

// Choices are what a step can do with a flag.
func Choices(flag ruleset.Flag) []views.Choice {
	choices := []views.Choice{{Value: Enable, Label: "Enable"}, {Value: Disable, Label: "Disable"}}
	if len(Shares(flag)) > 0 {
		choices = append([]views.Choice{{Value: Share, Label: "Change the share"}}, choices...)
	}
	return choices
}

// Shares are the places of the flag's rules that serve a share which does not move by itself.
func Shares(flag ruleset.Flag) (places []int) {
	for i, rule := range flag.Rules {
		if rule.Percent != nil && !rule.Percent.Moving() {
			places = append(places, i)
		}
	}
	return places
}

// Edit makes the edit of one step, and makes it part of the flag for those that follow. What is wrong with it is said for
// people.
func Edit(flag *ruleset.Flag, base int64, do, share string, rule int) (edit changes.Edit, wrong string) {
	switch do {
	case Enable, Disable:
		flag.Enabled = do == Enable
		return changes.SetEnabled{Key: flag.Key, Enabled: flag.Enabled}, ""
	case Share:
	default:
		return nil, "Choose what is done."
	}
	if !slices.Contains(Shares(*flag), rule) {
		return nil, "The flag has no such rule with a share."
	}
	to, err := ruleset.ParseShare(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(share), "%")))
	if err != nil {
		return nil, "Write a share from 0 to 100, such as 50."
	}
	next := *flag
	next.Rules = slices.Clone(flag.Rules)
	percent := *next.Rules[rule].Percent
	percent.Share = to
	next.Rules[rule].Percent = &percent
	*flag = next
	return changes.PutFlag{Flag: &next, Base: base}, ""
}

// RuleChoices are the rules whose share a step can change, in words that tell them apart.
func RuleChoices(flag ruleset.Flag, say func(ruleset.Rule) string) (choices []views.Choice) {
	for _, i := range Shares(flag) {
		choices = append(choices, views.Choice{Value: fmt.Sprint(i), Label: fmt.Sprintf("Rule %d: %s", i+1, say(flag.Rules[i]))})
	}
	return choices
}
