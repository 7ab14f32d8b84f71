package cutover

import (
	"fmt"
	"slices"
	"testing"
	"testing/quick"
)

func TestAWalkLooksAtEveryKeyOfBothSidesOnceHoweverTheyLie(t *testing.T) {
	err := quick.Check(func(oldKeys, newKeys, changed map[uint8]bool, size uint8) bool {
		limit := int(size)%7 + 1
		var old, fresh []scanned
		want := map[string]bool{}
		compared := 0
		for i := range 256 {
			key := fmt.Sprintf("%03d", i)
			_, inOld := oldKeys[uint8(i)]
			_, inNew := newKeys[uint8(i)]
			_, differs := changed[uint8(i)]
			if inOld {
				old = append(old, scanned{key, 1})
			}
			if inNew {
				row := scanned{key, 1}
				if differs {
					row.row = 2
				}
				fresh = append(fresh, row)
			}
			if inOld || inNew {
				compared++
			}
			if inOld != inNew || inOld && differs {
				want[key] = true
			}
		}
		after, n := "", 0
		for range 600 {
			a, b, last := together(page(old, after, limit), page(fresh, after, limit), limit)
			count, suspects := merge(a, b, func(a, b any) bool { return a != b })
			n += count
			for _, key := range suspects {
				if !want[key] {
					return false
				}
				delete(want, key)
			}
			if last == "" {
				return n == compared && len(want) == 0
			}
			after = last
		}
		return false
	}, nil)
	if err != nil {
		t.Error(err)
	}
}

// page is what Scan gives.
func page(rows []scanned, after string, limit int) []scanned {
	i := slices.IndexFunc(rows, func(s scanned) bool { return s.key > after })
	if i < 0 {
		return nil
	}
	return slices.Clone(rows[i:min(len(rows), i+limit)])
}
