package codescan

import (
	"maps"
	"slices"
)

// Comparison is what the code uses against the flags that there are.
type Comparison struct {
	Unknown []Unknown `json:"unknown"` // uses without a flag
	Unused  []string  `json:"unused"`  // flags without a use
}

// Unknown is a use of a flag that is not there, most likely a mistyped one.
type Unknown struct {
	Use
	Nearest string `json:"nearest,omitempty"` // the key that was probably meant
}

// Compare tells uses without a flag and flags without a use.
func Compare(uses []Use, keys []string) Comparison {
	c := Comparison{Unknown: []Unknown{}, Unused: []string{}}
	unused := map[string]bool{}
	for _, key := range keys {
		unused[key] = true
	}
	known := maps.Clone(unused)
	for _, u := range uses {
		delete(unused, u.Key)
		if !known[u.Key] {
			c.Unknown = append(c.Unknown, Unknown{u, nearest(u.Key, keys)})
		}
	}
	c.Unused = append(c.Unused, slices.Sorted(maps.Keys(unused))...)
	return c
}

// nearest is the key with the fewest letters to change, if they are few.
func nearest(key string, keys []string) (best string) {
	fewest := max(1, len(key)/4) + 1
	for _, candidate := range slices.Sorted(slices.Values(keys)) {
		if n := distance(key, candidate, fewest); n < fewest {
			best, fewest = candidate, n
		}
	}
	return best
}

// distance is Levenshtein's, up to a bound beyond which it does not matter.
func distance(a, b string, bound int) int {
	if len(a)-len(b) >= bound || len(b)-len(a) >= bound {
		return bound
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		before := row[0]
		row[0] = i + 1
		for j := range len(b) {
			change := before
			if a[i] != b[j] {
				change++
			}
			before = row[j+1]
			row[j+1] = min(change, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
