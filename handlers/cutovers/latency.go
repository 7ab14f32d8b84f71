package cutovers

import (
	"strconv"

	"github.com/toprent/flags/models"
	"github.com/toprent/flags/views"
)

// latencyRow is how one side did at one kind of call.
type latencyRow struct {
	Side, Call string
	Calls      int64
	Errors     int64
	ErrorRate  string
	P50        string
	P95        string
	P99        string
	Bars       []latencyBar
}

// latencyBar is one bucket of the histogram, for a small picture.
type latencyBar struct {
	X, Y, Height float64
	Title        string
}

const (
	barWidth  = 8.0
	barHeight = 24.0
)

// Picture is how wide the histogram is drawn.
func (latencyRow) Picture() int { return int(barWidth) * (len(models.CutoverBuckets) + 1) }

// latencyOf are both sides at both kinds of calls; of what was never called nothing is told.
func latencyOf(old, fresh models.CutoverSide) (rows []latencyRow) {
	add := func(side, call string, calls, errors int64, buckets []int64) {
		if calls+errors == 0 {
			return
		}
		row := latencyRow{Side: side, Call: call, Calls: calls, Errors: errors, ErrorRate: rate(errors, calls), P50: quantile(buckets, 0.5), P95: quantile(buckets, 0.95), P99: quantile(buckets, 0.99)}
		row.Bars = barsOf(buckets)
		rows = append(rows, row)
	}
	add("Old", "Reads", old.Reads, old.ReadErrors, old.ReadLatency)
	add("New", "Reads", fresh.Reads, fresh.ReadErrors, fresh.ReadLatency)
	add("Old", "Writes", old.Writes, old.WriteErrors, old.WriteLatency)
	add("New", "Writes", fresh.Writes, fresh.WriteErrors, fresh.WriteLatency)
	return rows
}

// rate is a part of a whole in percent: what is not nothing never reads as nothing.
func rate(part, whole int64) string {
	if part == 0 || whole == 0 {
		return "0 %"
	}
	percent := 100 * float64(part) / float64(whole)
	if percent < 0.01 {
		return "less than 0.01 %"
	}
	return strconv.FormatFloat(percent, 'g', 3, 64) + " %"
}

// quantile is the bound that this share of calls did not exceed, as exactly as the buckets tell.
func quantile(buckets []int64, q float64) string {
	var total, sum int64
	for _, n := range buckets {
		total += n
	}
	if total == 0 {
		return "–"
	}
	for i, n := range buckets {
		if sum += n; float64(sum) >= q*float64(total) {
			return bound(i)
		}
	}
	return bound(len(buckets) - 1)
}

func bound(bucket int) string {
	all := models.CutoverBuckets
	if bucket >= len(all) {
		return "over " + milliseconds(all[len(all)-1])
	}
	return "≤ " + milliseconds(all[bucket])
}

func milliseconds(ms float64) string {
	if ms >= 1000 {
		return strconv.FormatFloat(ms/1000, 'f', -1, 64) + " s"
	}
	return strconv.FormatFloat(ms, 'f', -1, 64) + " ms"
}

func barsOf(buckets []int64) (bars []latencyBar) {
	var most int64
	for _, n := range buckets {
		most = max(most, n)
	}
	if most == 0 {
		return nil
	}
	for i, n := range buckets {
		if n == 0 {
			continue
		}
		height := max(1.5, barHeight*float64(n)/float64(most))
		bars = append(bars, latencyBar{X: barWidth * float64(i), Y: barHeight - height, Height: height, Title: bound(i) + ": " + views.Thousands(n)})
	}
	return bars
}
