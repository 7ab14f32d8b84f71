package flag

import (
	"slices"
	"strconv"
	"strings"
)

// A form has rows of variants and of prerequisites. Its buttons named "do" add, remove and move rows: the form comes
// back with everything that was typed, and nothing is saved. A script does the same without asking.

// button reads what a button is about: "variant-remove-2" is the row 2 of what is to be removed.
func button(do, kind string) (verb string, row int, ok bool) {
	rest, ok := strings.CutPrefix(do, kind+"-")
	if !ok {
		return "", 0, false
	}
	verb, number, _ := strings.Cut(rest, "-")
	row, err := strconv.Atoi(number)
	return verb, row, err == nil || verb == "add"
}

// turn does what a button says with rows.
func turn[R any](rows []R, verb string, row int) []R {
	rows = slices.Clone(rows)
	inside := row >= 0 && row < len(rows)
	switch {
	case verb == "add":
		var empty R
		rows = append(rows, empty)
	case verb == "remove" && inside:
		rows = slices.Delete(rows, row, row+1)
	case verb == "up" && inside && row > 0:
		rows[row-1], rows[row] = rows[row], rows[row-1]
	case verb == "down" && inside && row < len(rows)-1:
		rows[row+1], rows[row] = rows[row], rows[row+1]
	}
	return rows
}

// cell is the value of a column in a row; empty where the form sent none.
func cell(column []string, row int) string {
	if row >= len(column) {
		return ""
	}
	return column[row]
}
