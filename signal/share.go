package signal

import "math"

// shareGrain is the precision of a published share.
const shareGrain = 10_000

// Shares sets every Status.Share where nothing better is known (see Advise): the
// part of all logins that should go there, proportional to capacity × the light's
// weight, rounded to 1/10000 and summing to one. capacity belongs to the status of
// the same index, in any unit; one that is missing or not positive counts as 1. A
// grey light has share 0; when all are grey the shares are even, and none can be
// chosen all the same.
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
	}
	publish(statuses, weights)
}

// publish rounds weights, some of them positive, to shares that sum to one.
func publish(statuses []Status, weights []float64) {
	var sum float64
	for _, w := range weights {
		sum += w
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

// Limit lowers shares that would lead more people to a provider than its contract
// allows (Bounds.Cap), as many as begin a login now, and gives the rest to those
// with room whose light is green or yellow. Where nobody has room, shares stay over
// the contract: people are never led to a red light for its sake, and nobody is
// refused.
func Limit(statuses []Status, bounds []Bounds, capacities []Capacity) {
	var demand float64
	for _, c := range capacities {
		demand += c.heldArrivals
	}
	shares, full := make([]float64, len(statuses)), make([]bool, len(statuses))
	for i, s := range statuses {
		shares[i] = s.Share
	}
	for range statuses {
		var over, room, caps float64
		for i := range shares {
			most := bounds[i].Cap / demand
			if bounds[i].Cap > 0 && shares[i] > most && statuses[i].Light.Choosable() {
				over, shares[i], full[i] = over+shares[i]-most, most, true
			}
			if full[i] {
				caps += shares[i]
			} else if !statuses[i].Light.Worse(Yellow) {
				room += shares[i]
			}
		}
		if over <= 0 {
			break
		}
		for i := range shares {
			switch {
			case room > 0 && !full[i] && !statuses[i].Light.Worse(Yellow):
				shares[i] += over * shares[i] / room
			case room <= 0 && full[i]:
				shares[i] += over * shares[i] / caps
			}
		}
		if room <= 0 {
			break
		}
	}
	for _, limited := range full {
		if limited {
			publish(statuses, shares)
			return
		}
	}
}
