package ruleset

import (
	"fmt"
	"math/bits"
	"slices"
	"strings"
)

// Stage is where an entity is on its way from the old database to the new one. Only neighbours are safe beside each
// other, so an entity goes from one to the next.
type Stage uint8

// The stages, in their order. The side that is named first is written first; the side whose answer is returned is the
// authority.
const (
	StageOff       Stage = iota // old only
	StageDualWrite              // reads old; writes old, then new
	StageShadow                 // reads both, returns old; writes old, then new
	StageLive                   // reads both, returns new; writes new, then old
	StageRampdown               // reads new; writes new, then old
	StageComplete               // new only
)

// Stages are all stages in their order.
var Stages = []Stage{StageOff, StageDualWrite, StageShadow, StageLive, StageRampdown, StageComplete}

var stageNames = [...]string{"off", "dualwrite", "shadow", "live", "rampdown", "complete"}

// String is the stage's name, which is its variant's too.
func (s Stage) String() string {
	if int(s) < len(stageNames) {
		return stageNames[s]
	}
	return fmt.Sprintf("stage %d", uint8(s))
}

// ParseStage finds a stage by its name.
func ParseStage(name string) (Stage, bool) {
	i := slices.Index(stageNames[:], name)
	if i < 0 {
		return 0, false
	}
	return Stage(i), true
}

// New reports whether the new side is the authority: reads return what it answers, and it is written first.
func (s Stage) New() bool { return s >= StageLive }

// Both reports whether both sides are written.
func (s Stage) Both() bool { return s > StageOff && s < StageComplete }

// Compared reports whether reads ask both sides.
func (s Stage) Compared() bool { return s == StageShadow || s == StageLive }

// Capped is the stage after a kill: the original is the authority, and both sides stay written. Where the old side is
// abandoned already, nothing leads back.
func (s Stage) Capped() Stage {
	if s == StageComplete {
		return s
	}
	return min(s, StageShadow)
}

// StageSet is a set of stages.
type StageSet uint8

// StagesOf makes a set.
func StagesOf(stages ...Stage) (set StageSet) {
	for _, s := range stages {
		set |= 1 << s
	}
	return set
}

// Has reports whether the set has a stage.
func (s StageSet) Has(stage Stage) bool { return s&(1<<stage) != 0 }

// Is reports whether the set is this stage alone.
func (s StageSet) Is(stage Stage) bool { return s == 1<<stage }

// Empty reports whether no stage is in the set.
func (s StageSet) Empty() bool { return s == 0 }

// Min is the first stage of a set that is not empty.
func (s StageSet) Min() Stage { return Stage(bits.TrailingZeros8(uint8(s))) }

// Max is the last stage of a set that is not empty.
func (s StageSet) Max() Stage { return Stage(bits.Len8(uint8(s)) - 1) }

// All are the stages of the set in their order.
func (s StageSet) All() (stages []Stage) {
	for _, stage := range Stages {
		if s.Has(stage) {
			stages = append(stages, stage)
		}
	}
	return stages
}

// String names the stages.
func (s StageSet) String() string {
	names := make([]string, 0, len(stageNames))
	for _, stage := range s.All() {
		names = append(names, stage.String())
	}
	return strings.Join(names, ", ")
}
