package simulate

import (
	"math"
	"strconv"
)

// Estimate is a mean over seeds with its 95 % confidence interval (Student's t).
// With one seed the interval is the mean.
type Estimate struct {
	Mean float64 `json:"mean"`
	Low  float64 `json:"low"`
	High float64 `json:"high"`
}

// t975 are the 97.5 % points of Student's t for 1 to 30 degrees of freedom.
var t975 = [...]float64{
	12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228,
	2.201, 2.179, 2.160, 2.145, 2.131, 2.120, 2.110, 2.101, 2.093, 2.086,
	2.080, 2.074, 2.069, 2.064, 2.060, 2.056, 2.052, 2.048, 2.045, 2.042,
}

// student is the 97.5 % point for so many degrees of freedom, at least 1. Beyond
// the table it is a little too wide.
func student(freedom int) float64 { return t975[min(freedom, len(t975))-1] }

// estimate of what these are drawn from.
func estimate(all []float64) Estimate {
	mean, deviation := moments(all)
	n := len(all)
	if n < 2 {
		return Estimate{rounded(mean), rounded(mean), rounded(mean)}
	}
	half := student(n-1) * deviation / math.Sqrt(float64(n-1))
	return Estimate{rounded(mean), rounded(mean - half), rounded(mean + half)}
}

// rounded to four decimals, which is more than any figure is good for.
func rounded(x float64) float64 { return math.Round(x*1e4) / 1e4 }

// String is the mean and half the interval, in hundredths.
func (e Estimate) String() string {
	mean := strconv.FormatFloat(e.Mean, 'f', 2, 64)
	half := (e.High - e.Low) / 2
	if half == 0 {
		return mean
	}
	return mean + " ±" + strconv.FormatFloat(half, 'f', 2, 64)
}

// pair estimates f over two runs of each seed, the same seed's beside each other.
func pair(a, b []Result, f func(a, b map[string]float64) float64) Estimate {
	var all []float64
	for i := range min(len(a), len(b)) {
		all = append(all, f(a[i].Figures, b[i].Figures))
	}
	return estimate(all)
}
