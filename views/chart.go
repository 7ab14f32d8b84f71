package views

import (
	"math"
	"strconv"
)

// ChartKind is how a chart shows its values.
type ChartKind string

const (
	Lines ChartKind = "lines" // one line for each series; what is unknown leaves a gap
	Bars  ChartKind = "bars"  // the series' bars stand on each other
)

// MaxSeries is how many series a chart tells apart by colour and dashes.
const MaxSeries = 6

// Chart is drawn on the server, as SVG, with its values in a table beside it. Its template is "chart".
type Chart struct {
	ID     string // of its own on the page
	Title  string
	Text   string // what it shows, for those who cannot see it
	Kind   ChartKind
	Share  bool   // values are shares, from 0 to 1; else they are counts
	Column string // what the points are, as the table's first column says: Day (UTC)
	Points []Point
	Series []Series // MaxSeries at most
	CSV    string   // where the values are as a file
}

// Point is a place on the x axis.
type Point struct{ Full, Short string } // in the table, at the axis

// Series is what is shown at each point. NaN is unknown.
type Series struct {
	Name   string
	Values []float64 // as many as the chart has points
}

// Unknown is the value of a point of which nothing is known.
func Unknown() float64 { return math.NaN() }

// Empty reports whether there is nothing to draw: no value is known or, of counts, all are 0.
func (c Chart) Empty() bool {
	for _, s := range c.Series {
		for _, v := range s.Values {
			if c.Share && !math.IsNaN(v) || v > 0 {
				return false
			}
		}
	}
	return true
}

// Value writes a value of the chart for people.
func (c Chart) Value(v float64) string {
	switch {
	case math.IsNaN(v):
		return "–"
	case c.Share:
		return strconv.FormatFloat(v*100, 'f', 1, 64) + " %"
	}
	return Thousands(int64(math.Round(v)))
}

// Row is one point in the table.
type Row struct {
	Point  string
	Values []string
}

// Rows are the table's, the newest first: points of which nothing is known are left out.
func (c Chart) Rows() (rows []Row) {
	for i := len(c.Points) - 1; i >= 0; i-- {
		row, known := Row{Point: c.Points[i].Full}, false
		for _, s := range c.Series {
			known = known || !math.IsNaN(s.Values[i])
			row.Values = append(row.Values, c.Value(s.Values[i]))
		}
		if known {
			rows = append(rows, row)
		}
	}
	return rows
}

// Drawings are the chart as it is drawn where there is room, and on a phone.
func (c Chart) Drawings() []Drawing {
	return []Drawing{c.draw("wide", 880, 250, 7), c.draw("narrow", 400, 230, 3)}
}

// Sums adds up what is beyond MaxSeries, the last ones, so that a chart has no more.
func Sums(series []Series, others string) []Series {
	if len(series) <= MaxSeries {
		return series
	}
	rest := Series{Name: others, Values: make([]float64, len(series[0].Values))}
	for _, s := range series[MaxSeries-1:] {
		for i, v := range s.Values {
			if !math.IsNaN(v) {
				rest.Values[i] += v
			}
		}
	}
	return append(series[:MaxSeries-1:MaxSeries-1], rest)
}
