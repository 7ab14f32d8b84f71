package ruleset

import (
	"fmt"
	"math"
	"math/bits"
	"strconv"
	"strings"
)

// Share is a share of units, of a hundred thousand: 25 % is Share(25_000). Its JSON is a number of percent with at
// most three decimals.
type Share uint32

// Everyone is 100 %.
const Everyone Share = 100_000

// Weight is the weight of a variant in a split, in thousandths: 33.3 is Weight(33_300). Its JSON is a number with at
// most three decimals. Only the ratio of weights counts.
type Weight uint32

// maxWeight keeps the sum of a flag's weights far below 64 bits.
const maxWeight = 1_000_000_000

// ParseShare reads a number of percent from 0 to 100 with at most three decimals.
func ParseShare(text string) (Share, error) {
	n, err := parseThousandths(text)
	if err != nil {
		return 0, fmt.Errorf("share %s: %w", text, err)
	}
	if n > uint64(Everyone) {
		return 0, fmt.Errorf("share %s: must be at most 100 (percent)", text)
	}
	return Share(n), nil
}

// ParseWeight reads a positive number with at most three decimals.
func ParseWeight(text string) (Weight, error) {
	n, err := parseThousandths(text)
	if err != nil {
		return 0, fmt.Errorf("weight %s: %w", text, err)
	}
	if n == 0 {
		return 0, fmt.Errorf("weight %s: must be above 0; leave the variant out of the split instead", text)
	}
	if n > maxWeight {
		return 0, fmt.Errorf("weight %s: must be at most %d", text, maxWeight/1000)
	}
	return Weight(n), nil
}

func parseThousandths(text string) (uint64, error) {
	f, err := strconv.ParseFloat(strings.TrimSpace(text), 64)
	if err != nil || math.IsNaN(f) || math.IsInf(f, 0) {
		return 0, fmt.Errorf("must be a number")
	}
	if f < 0 {
		return 0, fmt.Errorf("must not be negative")
	}
	thousandths := math.Round(f * 1000)
	if math.Abs(f*1000-thousandths) > 1e-12*math.Max(1, thousandths) || thousandths > 1e15 {
		return 0, fmt.Errorf("must have at most three decimals")
	}
	return uint64(thousandths), nil
}

func (s Share) String() string  { return formatThousandths(uint64(s)) }
func (w Weight) String() string { return formatThousandths(uint64(w)) }

func formatThousandths(n uint64) string {
	return strconv.FormatFloat(float64(n)/1000, 'f', -1, 64)
}

func (s Share) MarshalJSON() ([]byte, error)  { return []byte(s.String()), nil }
func (w Weight) MarshalJSON() ([]byte, error) { return []byte(w.String()), nil }

func (s *Share) UnmarshalJSON(data []byte) (err error) {
	*s, err = ParseShare(string(data))
	return err
}

func (w *Weight) UnmarshalJSON(data []byte) (err error) {
	*w, err = ParseWeight(string(data))
	return err
}

// threshold is the draw below which a unit is in: floor(s * 2^64 / 100000). Only for shares below 100 %: those at
// 100 % are always in, which no 64-bit threshold can say.
func (s Share) threshold() uint64 {
	t, _ := bits.Div64(uint64(s), 0, uint64(Everyone))
	return t
}

// includes reports whether a draw is within the share.
func (s Share) includes(draw uint64) bool { return s >= Everyone || draw < s.threshold() }
