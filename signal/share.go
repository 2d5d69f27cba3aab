package signal

import "math"

// shareGrain is the precision of a published share.
const shareGrain = 10_000

// Shares sets every Status.Share: the part of all logins that should go there,
// proportional to capacity × the light's weight, rounded to 1/10000 and summing
// to one. capacity belongs to the status of the same index, in any unit; one
// that is missing or not positive counts as 1. A grey light has share 0; when
// all are grey the shares are even, and none can be chosen all the same.
func Shares(r Rules, statuses []Status, capacity []float64) {
	if len(statuses) == 0 {
		return
	}
	weights := make([]float64, len(statuses))
	var sum float64
	for i, s := range statuses {
		weights[i] = r.weight(s.Light)
		if i < len(capacity) && capacity[i] > 0 && !math.IsInf(capacity[i], 0) {
			weights[i] *= capacity[i]
		}
		sum += weights[i]
	}
	if sum <= 0 {
		for i := range weights {
			weights[i] = 1
		}
		sum = float64(len(weights))
	}
	// Largest remainder would be fairer by 1/10000; the greatest share takes what
	// rounding leaves, which keeps equals equal wherever possible.
	left, greatest := shareGrain, 0
	grains := make([]int, len(statuses))
	for i, w := range weights {
		grains[i] = int(w / sum * shareGrain)
		if w > 0 {
			grains[i] = max(grains[i], 1)
		}
		left -= grains[i]
		if weights[i] > weights[greatest] {
			greatest = i
		}
	}
	grains[greatest] += left
	for i := range statuses {
		statuses[i].Share = float64(grains[i]) / shareGrain
	}
}

// weight is how much of its capacity a light leaves to a provider.
func (r *Rules) weight(l Light) float64 {
	switch l {
	case Green:
		return r.GreenWeight
	case Yellow:
		return r.YellowWeight
	case Red:
		return r.RedWeight
	default:
		return 0
	}
}
