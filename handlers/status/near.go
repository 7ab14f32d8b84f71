package status

import "iter"

// maxDistance is how many letters a mistyped key may differ in to be taken for a flag's.
const maxDistance = 2

// nearest finds the key that is most like another; empty if none is.
func nearest(key string, keys iter.Seq[string]) (best string) {
	limit := maxDistance
	if len(key) <= 4 {
		limit = 1 // everything short is alike
	}
	for candidate := range keys {
		if d := distance(key, candidate, limit); d <= limit && candidate != key {
			best, limit = candidate, d-1
			if limit <= 0 {
				return best
			}
		}
	}
	return best
}

// longest is how many bytes a key can have, and one more.
const longest = 130

// distance is how many bytes must be added, removed or changed to make one text of another (Levenshtein 1966); limit+1
// if it is more than limit. It looks only at what can be within the limit, so that a hostile key costs nothing.
func distance(a, b string, limit int) int {
	far := limit + 1
	if len(a)-len(b) > limit || len(b)-len(a) > limit {
		return far
	}
	for len(a) > 0 && len(b) > 0 && a[0] == b[0] { // what both begin with changes nothing
		a, b = a[1:], b[1:]
	}
	if len(b) >= longest {
		return far
	}
	var rows [2][longest]int
	previous, row := rows[0][:len(b)+1], rows[1][:len(b)+1]
	for j := range previous {
		previous[j] = min(j, far)
	}
	for i := 1; i <= len(a); i++ {
		from, to := max(1, i-limit), min(len(b), i+limit)
		row[from-1] = far
		if from == 1 {
			row[0] = min(i, far)
		}
		least := row[from-1]
		for j := from; j <= to; j++ {
			above := far
			if j < i+limit {
				above = previous[j] + 1
			}
			change := previous[j-1]
			if a[i-1] != b[j-1] {
				change++
			}
			row[j] = min(above, row[j-1]+1, change, far)
			least = min(least, row[j])
		}
		if least >= far {
			return far
		}
		previous, row = row, previous
	}
	return previous[len(b)]
}
