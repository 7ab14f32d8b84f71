package ruleset

import (
	"encoding/binary"

	"github.com/cespare/xxhash/v2"
)

// A draw decides whether a unit is in. It is a 64-bit hash of (salt, purpose, unit): the flag's part, the length-
// prefixed salt and purpose, is hashed when the flag is compiled; the unit is hashed once per subject; mixing the two
// is all that is left to do for each flag. Golden vectors freeze it, because changing it would move real people.

// Purposes keep the draws of one flag apart.
const (
	purposePercent = "percent" // all percentages of a flag share one draw per unit
	purposeSplit   = "split"
)

// seed is the flag's part of a draw. A rule with a seed of its own draws apart.
func seed(salt, purpose, ruleSeed string) uint64 {
	var b []byte
	for _, part := range [...]string{salt, purpose, ruleSeed} {
		b = binary.AppendUvarint(b, uint64(len(part)))
		b = append(b, part...)
	}
	return xxhash.Sum64(b)
}

// unitHash is the unit's part of a draw: XXH64 of its bytes.
func unitHash(unit string) uint64 { return xxhash.Sum64String(unit) }

// draw mixes the two parts, which are hashes already, with the finalizer of SplitMix64 (Steele, Lea and Flood 2014;
// constants of Stafford's variant 13), so that one unit's draws for two flags are independent.
func draw(seed, unit uint64) uint64 {
	x := seed ^ unit
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}
