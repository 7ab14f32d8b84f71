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

// distance is how many bytes must be added, removed or changed to make one text of another (Levenshtein 1966); limit+1
// if it is more than limit. It looks only at what can be within the limit, so that a hostile key costs nothing.
func distance(a, b string, limit int) int {
	if len(a)-len(b) > limit || len(b)-len(a) > limit {
		return limit + 1
	}
	far := limit + 1
	previous, row := make([]int, len(b)+1), make([]int, len(b)+1)
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
