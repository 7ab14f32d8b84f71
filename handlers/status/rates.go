package status

import (
	"fmt"
	"math"
	"time"

	"github.com/toprent/flags/models"
)

// target is the share of decisions that must not be ERROR.
const target = 0.999

// Rate is how evaluations went in an environment for thirty days.
type Rate struct {
	Environment string  `json:"environment"`
	Title       string  `json:"-"`
	Decided     int64   `json:"decided"`
	Failed      int64   `json:"failed"`
	Success     float64 `json:"success"` // 0 to 1; 1 if nothing was decided
	Days        []Day   `json:"days"`    // oldest first, those without decisions too
	Floor       float64 `json:"-"`       // success rate at the foot of the chart
}

// Day is one day of it, in UTC.
type Day struct {
	Date    string `json:"day"`
	Decided int64  `json:"decided"`
	Failed  int64  `json:"failed"`
}

// Target is what is promised, for people.
func (Rate) Target() string { return "99.9 %" }

// Met reports whether the target is.
func (r Rate) Met() bool { return success(r.Decided, r.Failed) >= target }

// Percent is the success rate for people. It is rounded down: 100 % says that nothing failed.
func (r Rate) Percent() string { return percent(r.Decided, r.Failed) }

// Met reports whether the day's target is.
func (d Day) Met() bool { return success(d.Decided, d.Failed) >= target }

// Percent is the day's success rate for people.
func (d Day) Percent() string { return percent(d.Decided, d.Failed) }

// Short is the day for people.
func (d Day) Short() string {
	t, err := time.Parse(time.DateOnly, d.Date)
	if err != nil {
		return d.Date
	}
	return t.Format("2 Jan")
}

func success(decided, failed int64) float64 {
	if decided <= 0 {
		return 1
	}
	return float64(decided-failed) / float64(decided)
}

func percent(decided, failed int64) string {
	if decided <= 0 {
		return "–"
	}
	if failed <= 0 {
		return "100 %"
	}
	return fmt.Sprintf("%.3f %%", min(math.Floor(success(decided, failed)*100_000)/1000, 99.999))
}

// rates are those of the environments that the person may see.
func (g *gatherer) rates() ([]Rate, error) {
	first := g.now.UTC().AddDate(0, 0, 1-days)
	rows, err := g.App.Store.EvaluationDays(g.ctx, first)
	if err != nil {
		return nil, err
	}
	byDay := map[[2]string]models.EvaluationDay{}
	for _, row := range rows {
		byDay[[2]string{row.Environment, row.Day}] = row
	}
	out := make([]Rate, 0, len(g.environments))
	for _, environment := range g.environments {
		rate := Rate{Environment: environment.Name, Title: environment.Title, Floor: 0.99}
		for i := range days {
			date := first.AddDate(0, 0, i).Format(time.DateOnly)
			row := byDay[[2]string{environment.Name, date}]
			rate.Days = append(rate.Days, Day{date, row.Decided, row.Failed})
			rate.Decided, rate.Failed = rate.Decided+row.Decided, rate.Failed+row.Failed
			rate.Floor = min(rate.Floor, floorBelow(success(row.Decided, row.Failed)))
		}
		rate.Success = success(rate.Decided, rate.Failed)
		out = append(out, rate)
	}
	return out, nil
}

// floorBelow is a round number below a rate, so that a chart tells days apart whether they were nearly right or mostly wrong.
func floorBelow(rate float64) float64 {
	for _, floor := range []float64{0.99, 0.9, 0.5} {
		if rate > floor {
			return floor
		}
	}
	return 0
}

// Bar is a day in the chart, in its units.
type Bar struct {
	X, Y, Height int
	Kind         string // good, bad or none
	Day          Day
}

// The chart's measures.
const (
	barStep     = 10
	barWidth    = 7
	chartHeight = 60
)

// Width is the chart's.
func (r Rate) Width() int { return len(r.Days) * barStep }

// Height is the chart's.
func (Rate) Height() int { return chartHeight }

// BarWidth is a bar's.
func (Rate) BarWidth() int { return barWidth }

// Bars are the chart's. A day with a failure is never as high as one without, and none is too low to be seen.
func (r Rate) Bars() []Bar {
	bars := make([]Bar, len(r.Days))
	for i, day := range r.Days {
		bar := Bar{X: i * barStep, Height: 2, Kind: "none", Day: day}
		if day.Decided > 0 {
			bar.Kind = "good"
			if !day.Met() {
				bar.Kind = "bad"
			}
			share := (success(day.Decided, day.Failed) - r.Floor) / (1 - r.Floor)
			bar.Height = max(4, int(share*chartHeight))
			if day.Failed > 0 {
				bar.Height = min(bar.Height, chartHeight-1)
			}
		}
		bar.Y = chartHeight - bar.Height
		bars[i] = bar
	}
	return bars
}

// FloorPercent says what the foot of the chart stands for.
func (r Rate) FloorPercent() string { return fmt.Sprintf("%.0f %%", r.Floor*100) }

// TableDays are the days with decisions, newest first.
func (r Rate) TableDays() (out []Day) {
	for i := len(r.Days) - 1; i >= 0; i-- {
		if r.Days[i].Decided > 0 {
			out = append(out, r.Days[i])
		}
	}
	return out
}
