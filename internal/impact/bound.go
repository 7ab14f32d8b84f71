package impact

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"github.com/toprent/flags/ruleset"
)

const (
	maxFlags     = 50
	maxMoves     = 12 // per flag
	maxMalformed = 20
	maxByVisitor = 3
	maxWhy       = 200    // characters of why a flag is malformed
	maxJSON      = 64_000 // bytes
)

// becomeMalformed notes the flags that can be evaluated before and could not afterwards.
func (i *Impact) becomeMalformed(before, after *ruleset.Revision) {
	was, is := before.Malformed(), after.Malformed()
	for _, key := range slices.Sorted(maps.Keys(is)) {
		if was[key] != "" {
			continue
		}
		if len(i.Malformed) == maxMalformed {
			i.MoreMalformed++
			continue
		}
		why := []rune(strings.ToValidUTF8(is[key], "?"))
		if len(why) > maxWhy {
			why = append(why[:maxWhy], '…')
		}
		i.Malformed = append(i.Malformed, Malformed{key, string(why)})
	}
}

// bound sums up what would be too much: first what nobody would read, then, where names and ids are very long, samples,
// moves and flags until the JSON is small enough.
func (i *Impact) bound() {
	i.cut(maxFlags, maxMoves, sampled)
	for _, to := range []struct{ flags, moves, sample int }{{50, 12, 3}, {50, 6, 1}, {50, 4, 0}, {20, 4, 0}, {10, 4, 0}, {5, 2, 0}} {
		if i.size() <= maxJSON {
			return
		}
		i.cut(to.flags, to.moves, to.sample)
	}
}

func (i *Impact) size() int {
	encoded, _ := json.Marshal(i) // numbers and texts always can be
	return len(encoded)
}

func (i *Impact) cut(flags, moves, sample int) {
	for len(i.Flags) > flags {
		last := len(i.Flags) - 1
		i.Rest.Count++
		i.Rest.Changes += i.Flags[last].Changed.People
		i.Flags = i.Flags[:last]
	}
	for j := range i.Flags {
		i.Flags[j].cut(moves, sample)
	}
}

func (f *Flag) cut(moves, sample int) {
	for len(f.Moves) > moves {
		last := len(f.Moves) - 1
		f.Rest.Count++
		f.Rest.Changes += f.Moves[last].People
		f.Moves = f.Moves[:last]
	}
	for j := range f.Moves {
		f.Moves[j].Sample = f.Moves[j].Sample[:min(len(f.Moves[j].Sample), sample)]
	}
}
