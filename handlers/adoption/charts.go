package adoption

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/toprent/flags/handlers/internal/shell"
	"github.com/toprent/flags/internal/adoption"
	"github.com/toprent/flags/internal/words"
	"github.com/toprent/flags/models"
	"github.com/toprent/flags/views"
)

// minutes is how many minutes of reads are shown.
const minutes = 60

// draw reads the past and makes charts of it.
func (p *onePage) draw(ctx context.Context, c *shell.Context) error {
	store, key := c.App.Store, p.About.Name
	trend, err := store.AdoptionOf(ctx, p.Environment, key, p.Plan, p.since())
	if err != nil {
		return err
	}
	exposures, err := p.exposures(ctx, store)
	if err != nil {
		return err
	}
	reads, err := store.CheckDays(ctx, p.Environment, key, p.since())
	if err != nil {
		return err
	}
	lately, err := store.CheckMinutes(ctx, p.Environment, key, p.firstMinute())
	if err != nil {
		return err
	}
	first, last, err := store.ReadSpan(ctx, p.Environment, key)
	if err != nil {
		return err
	}
	p.First, p.Last = p.At(first), p.At(last)
	p.Trend = p.trendChart(trend)
	p.Exposures = p.exposureChart(exposures)
	p.Reads = p.readChart(reads)
	p.Minutes = p.minuteChart(lately, c.Zone())
	return nil
}

func (p *onePage) firstMinute() time.Time {
	return p.now.UTC().Truncate(time.Minute).Add(-(minutes - 1) * time.Minute)
}

// trendChart adds to what was counted what is counted now, which is exact: today's point is the figure at the top.
func (p *onePage) trendChart(rows []models.FeatureFlagAdoption) views.Chart {
	chart := p.daily("trend", "Share with it on", "Share of the people and of the tenants known who have the flag on, at the end of each day.")
	chart.Kind, chart.Share = views.Lines, true
	people, tenants := views.Series{Name: "People", Values: unknown(p.Days)}, views.Series{Name: "Tenants", Values: unknown(p.Days)}
	at := p.days()
	for _, row := range rows {
		of := people.Values
		if row.Kind == models.SeenTenant {
			of = tenants.Values
		}
		if i, ok := at[row.Day]; ok && row.Known > 0 {
			of[i] = adoption.Tally{Has: row.Has, Known: row.Known}.Share()
		}
	}
	now := adoption.Plan{People: p.Census.People, Tenants: p.Census.Tenants}
	if i := slices.IndexFunc(p.Census.Plans, func(of adoption.Plan) bool { return of.Key == p.Plan }); p.Plan != "" && i >= 0 {
		now = p.Census.Plans[i]
	}
	if now.People.Known > 0 {
		people.Values[p.Days-1] = now.People.Share()
	}
	if now.Tenants.Known > 0 {
		tenants.Values[p.Days-1] = now.Tenants.Share()
	}
	chart.Series = []views.Series{people, tenants}
	return chart
}

func (p *onePage) exposureChart(rows []models.FeatureFlagExposureDay) views.Chart {
	chart := p.daily("exposures", "People shown each variant", "How many people were really shown each variant, each of them once a day.")
	chart.Kind = views.Lines
	values, at := p.byVariant(), p.days()
	for _, row := range rows {
		p.Sampled = p.Sampled || row.Estimated != row.People
		p.Exposed += row.Estimated
		p.ExposedVisitors += row.Visitors
		if i, ok := at[row.Day]; ok {
			values.add(row.Variant, i, row.Estimated)
		}
	}
	chart.Series = values.series(p.Days)
	return chart
}

func (p *onePage) readChart(rows []models.FeatureFlagCheckDay) views.Chart {
	chart := p.daily("reads", "Reads a day", "How often the flag's value was asked for each day, by the variant that was the answer.")
	chart.Kind = views.Bars
	values, at, today := p.byVariant(), p.days(), day(p.now, 0)
	for _, row := range rows {
		if i, ok := at[row.Day]; ok {
			values.add(row.Variant, i, row.Checks)
		}
		if row.Day == today {
			p.Today += row.Checks
		}
	}
	chart.Series = values.series(p.Days)
	return chart
}

func (p *onePage) minuteChart(rows []models.FeatureFlagCheck, zone *time.Location) views.Chart {
	first := p.firstMinute()
	chart := views.Chart{ID: "minutes", Title: "Reads in the last hour", Kind: views.Bars, CSV: p.File("minutes"), Column: "Minute (" + first.In(zone).Format("MST") + ")",
		Text: "How often the flag's value was asked for in each minute of the last hour, by the variant that was the answer."}
	for i := range minutes {
		name := first.Add(time.Duration(i) * time.Minute).In(zone).Format("15:04")
		chart.Points = append(chart.Points, views.Point{Full: name, Short: name})
	}
	values := p.byVariant()
	for _, row := range rows {
		if i := int(row.Minute.Sub(first) / time.Minute); i >= 0 && i < minutes {
			values.add(row.Variant, i, row.Checks)
		}
	}
	chart.Series = values.series(minutes)
	return chart
}

// daily begins a chart by the day.
func (p *onePage) daily(id, title, text string) views.Chart {
	chart := views.Chart{ID: id, Title: title, Column: "Day (UTC)", CSV: p.File(id),
		Text: fmt.Sprintf("%s %s to %s. The values are in the table below.", text, views.Day(p.since()), views.Day(day(p.now, 0)))}
	layout := "2 Jan"
	if p.Days > 300 {
		layout = "Jan 2006"
	}
	for i := range p.Days {
		at := p.now.UTC().AddDate(0, 0, i+1-p.Days)
		chart.Points = append(chart.Points, views.Point{Full: at.Format("2 Jan 2006"), Short: at.Format(layout)})
	}
	return chart
}

// days are the places of the days that are shown.
func (p *onePage) days() map[string]int {
	at := make(map[string]int, p.Days)
	for i := range p.Days {
		at[day(p.now, i+1-p.Days)] = i
	}
	return at
}

func unknown(n int) []float64 {
	values := make([]float64, n)
	for i := range values {
		values[i] = views.Unknown()
	}
	return values
}

// variantValues are what a chart has of each variant, at each of its points.
type variantValues struct {
	order []string
	of    map[string]map[int]int64
}

// byVariant has the flag's variants in their order; others follow as they come.
func (p *onePage) byVariant() *variantValues {
	values := &variantValues{of: map[string]map[int]int64{}}
	for _, v := range p.Census.Variants {
		values.order = append(values.order, v.Name)
	}
	return values
}

func (v *variantValues) add(variant string, i int, n int64) {
	if v.of[variant] == nil {
		v.of[variant] = map[int]int64{}
		if !slices.Contains(v.order, variant) {
			v.order = append(v.order, variant)
		}
	}
	v.of[variant][i] += n
}

// series are the variants of which there is anything. A day without a row is a day on which nothing happened.
func (v *variantValues) series(points int) (series []views.Series) {
	for _, variant := range v.order {
		of := v.of[variant]
		if len(of) == 0 {
			continue
		}
		s := views.Series{Name: words.Served(variant), Values: make([]float64, points)}
		for i, n := range of {
			s.Values[i] = float64(n)
		}
		series = append(series, s)
	}
	return views.Sums(series, fmt.Sprintf("%d other variants", len(series)-views.MaxSeries+1))
}
