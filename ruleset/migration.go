package ruleset

import (
	"encoding/json"
	"slices"
)

// Staged reports whether the flag's variants are the stages of a migration: those of a migration flag are, if it is of type
// string. One of type boolean has two, off (the old side alone) and on (the new side alone): its host copies the data itself.
func (f *Flag) Staged() bool { return f.Kind == Migration && f.Type == String }

// AllVariants are the variants that a flag has: those that are given, else those that it has by itself. A boolean flag has
// on and off, a staged one the stages.
func (f *Flag) AllVariants() []Variant {
	switch {
	case len(f.Variants) > 0:
		return f.Variants
	case f.Type == Boolean:
		return []Variant{{"on", json.RawMessage("true")}, {"off", json.RawMessage("false")}}
	case f.Staged():
		return stageVariants()
	}
	return nil
}

func stageVariants() []Variant {
	variants := make([]Variant, len(Stages))
	for i, stage := range Stages {
		variants[i] = Variant{stage.String(), json.RawMessage(`"` + stage.String() + `"`)}
	}
	return variants
}

// Filled is a migration flag with what is not free in it, as it is evaluated; any other flag is as it was. What is served
// when it cannot be evaluated is the present stage, otherwise: a fallback could lead to a database that is abandoned. A
// staged one has the stages for variants, and no variant to turn off to either: where it is killed or disabled, each
// tenant's stage is capped.
func (f Flag) Filled() Flag {
	if f.Kind != Migration || f.Malformed != "" {
		return f
	}
	if f.Staged() {
		f.Variants = f.AllVariants()
		if f.Otherwise == "" {
			f.Otherwise = StageOff.String()
		}
		f.Off = f.Otherwise
	}
	f.Default = f.Otherwise
	return f
}

// haveStages reports whether variants are the stages in their order, each with its name as its value.
func haveStages(variants []variant) bool {
	return slices.EqualFunc(variants, Stages, func(v variant, stage Stage) bool {
		return v.name == stage.String() && v.value == stage.String()
	})
}
