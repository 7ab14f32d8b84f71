package views

import (
	"math"
	"strconv"
	"strings"
)

// Drawing is a chart in one size, in units of its own.
type Drawing struct {
	Size                     string // wide or narrow
	Width, Height            int
	Left, Right, Top, Bottom float64 // of what the values are drawn in
	Y, X                     []Tick
	Marks                    []Mark // one for each series
}

// Tick is a number or a name at an axis.
type Tick struct {
	At     float64
	Text   string
	Anchor string // start, middle or end
}

// Mark is what a series looks like.
type Mark struct {
	Number int    // from 1
	Line   string // a path; empty: none
	Area   string // likewise
	Dots   []Dot  // of points that no line leads to, and of the last one
}

// Dot is a point by itself.
type Dot struct{ X, Y float64 }

const letter = 7.2 // how wide a figure is, in units

// draw draws the chart with so many names at most along the x axis.
func (c Chart) draw(size string, width, height, names int) Drawing {
	s := scaleOf(c.largest(), c.Share)
	d := Drawing{Size: size, Width: width, Height: height, Right: float64(width) - 12, Top: 12, Bottom: float64(height) - 28}
	widest := 0
	for _, v := range s.ticks() {
		text := s.label(v, c.Share)
		widest = max(widest, len([]rune(text)))
		d.Y = append(d.Y, Tick{At: d.y(v, s), Text: text})
	}
	d.Left = 14 + letter*float64(widest)
	d.names(c, names)
	below := make([]float64, len(c.Points))
	for i, series := range c.Series {
		if c.Kind == Bars {
			d.Marks = append(d.Marks, Mark{Number: i + 1, Area: d.bars(series.Values, below, s)})
		} else {
			d.Marks = append(d.Marks, d.line(i+1, series.Values, s, len(c.Series) == 1))
		}
	}
	return d
}

// largest is what the y axis has to reach.
func (c Chart) largest() (largest float64) {
	for i := range c.Points {
		sum := 0.0
		for _, s := range c.Series {
			v := s.Values[i]
			if math.IsNaN(v) {
				continue
			}
			if sum += v; c.Kind != Bars {
				largest = max(largest, v)
			}
		}
		if c.Kind == Bars {
			largest = max(largest, sum)
		}
	}
	return largest
}

func (d *Drawing) y(v float64, s scale) float64 {
	return d.Bottom - (d.Bottom-d.Top)*min(v/s.top, 1)
}

// x is where the i-th of n points is, in the middle of its share of the width.
func (d *Drawing) x(i, n int) float64 {
	return d.Left + (d.Right-d.Left)*(float64(i)+0.5)/float64(n)
}

// names writes some of the points' names, the last one always, as far apart as each other.
func (d *Drawing) names(c Chart, most int) {
	n := len(c.Points)
	if n == 0 {
		return
	}
	apart := max(1, (n+most-1)/most)
	for i := n - 1; i >= 0; i -= apart {
		tick := Tick{At: d.x(i, n), Text: c.Points[i].Short, Anchor: "middle"}
		half := letter * float64(len([]rune(tick.Text))) / 2
		if tick.At+half > float64(d.Width) {
			tick.At, tick.Anchor = float64(d.Width)-1, "end"
		} else if tick.At < half {
			tick.At, tick.Anchor = 1, "start"
		}
		d.X = append(d.X, tick)
	}
}

// line draws a series from known point to known point, with a gap where something is unknown.
func (d *Drawing) line(number int, values []float64, s scale, area bool) Mark {
	m := Mark{Number: number}
	var line, under strings.Builder
	for from := 0; from < len(values); {
		if math.IsNaN(values[from]) {
			from++
			continue
		}
		to := from
		for to < len(values) && !math.IsNaN(values[to]) {
			to++
		}
		if to-from == 1 {
			m.Dots = append(m.Dots, Dot{d.x(from, len(values)), d.y(values[from], s)})
		} else {
			d.stretch(&line, &under, values, from, to, s)
			if to == len(values) {
				m.Dots = append(m.Dots, Dot{d.x(to-1, len(values)), d.y(values[to-1], s)})
			}
		}
		from = to
	}
	if m.Line = line.String(); area {
		m.Area = under.String()
	}
	return m
}

// stretch draws the points from one to before another.
func (d *Drawing) stretch(line, under *strings.Builder, values []float64, from, to int, s scale) {
	n := len(values)
	command := "M"
	move(under, "M", d.x(from, n), d.Bottom)
	for i := from; i < to; i++ {
		move(line, command, d.x(i, n), d.y(values[i], s))
		move(under, "L", d.x(i, n), d.y(values[i], s))
		command = "L"
	}
	move(under, "L", d.x(to-1, n), d.Bottom)
	under.WriteString("Z")
}

// bars draws a series' bars on those that are there, up to below. What is not 0 can be seen.
func (d *Drawing) bars(values, below []float64, s scale) string {
	var out strings.Builder
	n := len(values)
	each := (d.Right - d.Left) / float64(n)
	width := min(each*0.8, 40)
	if each < 4 {
		width = each
	}
	for i, v := range values {
		if math.IsNaN(v) || v <= 0 {
			continue
		}
		bottom, top := d.y(below[i], s), d.y(below[i]+v, s)
		below[i] += v
		if bottom-top < 1 {
			top = max(d.Top, bottom-1)
		}
		move(&out, "M", d.x(i, n)-width/2, bottom)
		out.WriteString("V" + unit(top) + "h" + unit(width) + "V" + unit(bottom) + "Z")
	}
	return out.String()
}

func move(path *strings.Builder, command string, x, y float64) {
	path.WriteString(command + unit(x) + " " + unit(y))
}

// unit writes a length to a tenth.
func unit(v float64) string {
	return strings.TrimSuffix(strconv.FormatFloat(v, 'f', 1, 64), ".0")
}

// Unit writes a length for the template.
func (Drawing) Unit(v float64) string { return unit(v) }
