package asof

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Under names the pins of an outcome: "revisions 12 to 14"; empty if it is so under all of them.
func (m *Moment) Under(pins []int, zone *time.Location) string {
	if len(pins) == len(m.Possible) {
		return ""
	}
	var parts []string
	for _, run := range m.runs(pins) {
		switch first, last := run[0], run[len(run)-1]; {
		case first != last:
			parts = append(parts, fmt.Sprintf("%d to %d", first, last))
		case m.ends(first) > 1 && m.count(pins, first) == 1:
			parts = append(parts, fmt.Sprintf("%d pinned %s", first, m.when(pins, first).In(zone).Format("15:04:05")))
		default:
			parts = append(parts, fmt.Sprint(first))
		}
	}
	word := "revision "
	if len(parts) > 1 || strings.Contains(parts[0], " to ") {
		word = "revisions "
	}
	return word + strings.Join(parts, ", ")
}

// runs are the revisions of the pins, those that follow each other together. A revision that only one of its two ends is
// among stands alone.
func (m *Moment) runs(pins []int) (runs [][]int64) {
	for _, pin := range pins {
		number := m.Possible[pin].Revision.Number
		whole := m.count(pins, number) == m.ends(number)
		if last := len(runs) - 1; last >= 0 {
			before := runs[last][len(runs[last])-1]
			if before == number {
				continue
			}
			if whole && before == number-1 && m.count(pins, before) == m.ends(before) {
				runs[last] = append(runs[last], number)
				continue
			}
		}
		runs = append(runs, []int64{number})
	}
	return runs
}

// ends is how many pins of a revision are looked at.
func (m *Moment) ends(number int64) (n int) {
	for _, p := range m.Possible {
		if p.Revision.Number == number {
			n++
		}
	}
	return n
}

func (m *Moment) count(pins []int, number int64) (n int) {
	for _, pin := range pins {
		if m.Possible[pin].Revision.Number == number {
			n++
		}
	}
	return n
}

func (m *Moment) when(pins []int, number int64) time.Time {
	i := slices.IndexFunc(pins, func(pin int) bool { return m.Possible[pin].Revision.Number == number })
	return m.Possible[pins[i]].Pinned
}

// Revisions are the numbers of the revisions that a pin could have held, oldest first.
func (m *Moment) Revisions() (numbers []int64) {
	for _, p := range m.Possible {
		if n := p.Revision.Number; len(numbers) == 0 || numbers[len(numbers)-1] != n {
			numbers = append(numbers, n)
		}
	}
	return numbers
}

// Says says in one or two sentences how exact the answer is, and why.
func (m *Moment) Says() string {
	const newest = "Kills, and operational and migration flags, are those of revision %d, the newest of that moment."
	switch numbers := m.Revisions(); {
	case m.Pinned != nil:
		return fmt.Sprintf("The pin is known: revision %d. "+newest, *m.Pinned, m.Newest.Head)
	case !m.Past && m.Newest.Head == 0:
		return "Nothing has been published here yet."
	case !m.Past:
		return fmt.Sprintf("By revision %d, the newest. A session that has pinned an older one follows within five minutes.", m.Newest.Head)
	case len(numbers) == 1 && numbers[0] == 0:
		return "Nothing had been published here by then."
	case len(numbers) == 1:
		return fmt.Sprintf("By revision %d: no pin could have held another one then.", numbers[0])
	default:
		more := ""
		if m.More > 0 {
			more = fmt.Sprintf(" %d older ones are not looked at.", m.More)
		}
		between := "to"
		if len(numbers) == 2 {
			between = "or"
		}
		return fmt.Sprintf("Which revision a session had pinned is not recorded. It could have been %d %s %d then, so each is looked at.%s "+newest,
			numbers[0], between, numbers[len(numbers)-1], more, m.Newest.Head)
	}
}
