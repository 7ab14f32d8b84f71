package views

import (
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

func TestAnAxisEndsAtARoundNumberThatHoldsEverything(t *testing.T) {
	for _, c := range []struct {
		largest float64
		share   bool
		labels  string
	}{
		{0, false, "0 1"}, {1, false, "0 1"}, {3, false, "0 1 2 3"}, {4, false, "0 1 2 3 4"}, {5, false, "0 2 4 6"}, {17, false, "0 5 10 15 20"},
		{987, false, "0 500 1,000"}, {1200, false, "0 500 1,000 1,500"}, {45_000, false, "0 20k 40k 60k"}, {2_500_000, false, "0 1M 2M 3M"},
		{7.2e13, false, "0 20T 40T 60T 80T"}, {math.MaxInt64, false, ""}, {math.Inf(1), false, "0 1"}, {math.NaN(), false, "0 1"},
		{0, true, "0 %|25 %|50 %|75 %|100 %"}, {1, true, "0 %|25 %|50 %|75 %|100 %"}, {0.5, true, "0 %|20 %|40 %|60 %"}, {0.011, true, "0 %|0.5 %|1 %|1.5 %"}, {0.0001, true, ""},
	} {
		s := scaleOf(c.largest, c.share)
		var labels []string
		for _, v := range s.ticks() {
			labels = append(labels, s.label(v, c.share))
		}
		if got, want := strings.Join(labels, "|"), strings.ReplaceAll(c.labels, " ", "|"); want != "" && got != c.labels && got != want {
			t.Errorf("up to %g the axis says %q, want %q", c.largest, got, c.labels)
		}
		if len(labels) < 2 || len(labels) > 6 {
			t.Errorf("up to %g there are %d numbers", c.largest, len(labels))
		}
		if !math.IsInf(c.largest, 0) && s.top < c.largest*(1-1e-6) {
			t.Errorf("%g does not fit below %g", c.largest, s.top)
		}
		for i := 1; i < len(labels); i++ {
			if labels[i] == labels[i-1] {
				t.Errorf("up to %g two numbers are the same: %q", c.largest, labels)
			}
		}
	}
}

func TestALineHasAGapWhereNothingIsKnownAndADotWhereItIsAlone(t *testing.T) {
	u := Unknown()
	for name, c := range map[string]struct {
		values     []float64
		moves, dot int // strokes of the pen, dots
	}{
		"whole":       {[]float64{1, 2, 3}, 1, 1},
		"with a gap":  {[]float64{1, 2, u, 3, 4}, 2, 1},
		"alone":       {[]float64{u, 2, u}, 0, 1},
		"one day":     {[]float64{2}, 0, 1},
		"the last":    {[]float64{1, 1, u, 5}, 1, 1},
		"nothing":     {[]float64{u, u}, 0, 0},
		"ends before": {[]float64{1, 2, u}, 1, 0},
		"zero":        {[]float64{0, 0}, 1, 1},
	} {
		chart := chartOf(Lines, c.values)
		for _, d := range chart.Drawings() {
			mark := d.Marks[0]
			if got := strings.Count(mark.Line, "M"); got != c.moves || len(mark.Dots) != c.dot {
				t.Errorf("%s, %s: %d strokes and %d dots, want %d and %d: %s", name, d.Size, got, len(mark.Dots), c.moves, c.dot, mark.Line)
			}
		}
	}
}

func TestNothingIsDrawnBesideTheChart(t *testing.T) {
	number := regexp.MustCompile(`-?[0-9.]+`)
	for _, n := range []int{1, 2, 30, 60, 365} {
		for _, largest := range []float64{0, 1, 99, 1e13} {
			series := make([][]float64, MaxSeries)
			for i := range series {
				for p := range n {
					series[i] = append(series[i], largest*float64((p*7+i)%5)/4)
				}
			}
			for _, kind := range []ChartKind{Lines, Bars} {
				for _, d := range chartOf(kind, series...).Drawings() {
					for _, m := range d.Marks {
						if kind == Bars {
							for _, bar := range strings.Split(strings.TrimSuffix(m.Area, "Z"), "Z") {
								if bar == "" {
									continue
								}
								at := number.FindAllString(bar, -1) // M x bottom V top h width V bottom
								x, bottom, top, width := float(t, at[0]), float(t, at[1]), float(t, at[2]), float(t, at[3])
								if x < d.Left-0.1 || x+width > d.Right+0.1 || top < d.Top-0.1 || bottom > d.Bottom+0.1 || top > bottom {
									t.Fatalf("%d points up to %g: the bar %q is outside", n, largest, bar)
								}
							}
							continue
						}
						at := number.FindAllString(m.Line, -1)
						for i := 0; i < len(at); i += 2 {
							if x, y := float(t, at[i]), float(t, at[i+1]); x < d.Left || x > d.Right || y < d.Top-0.1 || y > d.Bottom+0.1 {
								t.Fatalf("%d points up to %g: %g, %g is outside", n, largest, x, y)
							}
						}
					}
				}
			}
		}
	}
}

func TestBarsStandOnEachOtherAndAreAsHighAsTheirValues(t *testing.T) {
	d := chartOf(Bars, []float64{10, 30}, []float64{30, 0}).Drawings()[0] // the axis ends at 40
	per := (d.Bottom - d.Top) / 40
	want := func(from, to float64) string { return unit(d.Bottom-from*per) + " to " + unit(d.Bottom-to*per) }
	heights := regexp.MustCompile(`M[0-9.]+ ([0-9.]+)V([0-9.]+)`)
	var got []string
	for _, m := range d.Marks {
		for _, bar := range heights.FindAllStringSubmatch(m.Area, -1) {
			got = append(got, bar[1]+" to "+bar[2])
		}
	}
	if wanted := []string{want(0, 10), want(0, 30), want(10, 40)}; fmt.Sprint(got) != fmt.Sprint(wanted) {
		t.Errorf("bars from %q, want %q", got, wanted)
	}
}

func TestWhatIsNotNothingCanBeSeen(t *testing.T) {
	d := chartOf(Bars, []float64{1, 1e9, 0}).Drawings()[0]
	if bars := strings.Count(d.Marks[0].Area, "M"); bars != 2 {
		t.Errorf("%d bars", bars)
	}
	if !strings.Contains(d.Marks[0].Area, "V"+unit(d.Bottom-1)) {
		t.Errorf("the lowest bar is lower than a unit: %s", d.Marks[0].Area)
	}
}

func TestNamesOfDaysNeverOverlap(t *testing.T) {
	for n := 1; n <= 400; n++ {
		chart := chartOf(Lines, make([]float64, n))
		for i := range chart.Points {
			chart.Points[i].Short = "Nov 2026"
		}
		for _, d := range chart.Drawings() {
			right := math.Inf(1)
			for i, tick := range d.X { // from the right
				width := letter * float64(len(tick.Text))
				left := tick.At - map[string]float64{"start": 0, "middle": width / 2, "end": width}[tick.Anchor]
				if left < 0 || left+width > float64(d.Width) || left+width > right {
					t.Fatalf("%d points, %s: the name %d from %g to %g overlaps what is at %g", n, d.Size, i, left, left+width, right)
				}
				right = left
			}
			if len(d.X) == 0 {
				t.Fatalf("%d points have no name", n)
			}
		}
	}
}

func TestTheTableSaysWhatTheChartShows(t *testing.T) {
	chart := chartOf(Lines, []float64{0.123, Unknown(), Unknown()}, []float64{1, Unknown(), 0})
	chart.Share = true
	if got := fmt.Sprint(chart.Rows()); got != "[{day 2 [– 0.0 %]} {day 0 [12.3 % 100.0 %]}]" {
		t.Error(got)
	}
	if chart.Empty() || !chartOf(Bars, []float64{0, 0}).Empty() || !chartOf(Lines, []float64{Unknown()}).Empty() {
		t.Error("a chart is empty that is not, or the other way around")
	}
}

func TestManySeriesAreSummedUpInTheLast(t *testing.T) {
	var series []Series
	for i := range 9 {
		series = append(series, Series{Name: fmt.Sprint(i), Values: []float64{float64(i), 1}})
	}
	got := Sums(series, "others")
	if len(got) != MaxSeries || got[5].Name != "others" || got[5].Values[0] != 5+6+7+8 || got[5].Values[1] != 4 || got[4].Name != "4" {
		t.Errorf("%+v", got)
	}
	if same := Sums(series[:MaxSeries], "others"); len(same) != MaxSeries || same[5].Name != "5" {
		t.Errorf("%+v", same)
	}
}

func chartOf(kind ChartKind, series ...[]float64) Chart {
	chart := Chart{ID: "c", Kind: kind}
	for i := range series[0] {
		chart.Points = append(chart.Points, Point{Full: fmt.Sprint("day ", i), Short: fmt.Sprint(i)})
	}
	for i, values := range series {
		chart.Series = append(chart.Series, Series{Name: fmt.Sprint(i), Values: values})
	}
	return chart
}

func float(t *testing.T, text string) float64 {
	t.Helper()
	v, err := strconv.ParseFloat(text, 64)
	if err != nil {
		t.Fatal(err)
	}
	return v
}
