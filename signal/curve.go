package signal

import (
	"math"
	"time"
)

// maxAge is the greatest age, in seconds, at which a return still says anything.
const maxAge = 300

// ageBins: single seconds up to 7 s, then bins 2^¼ times as wide as the one
// before.
const ageBins = 29

// ageBin is the bin of every age 0..maxAge.
var ageBin = func() (bin [maxAge + 1]uint8) {
	for age := range bin {
		bin[age] = uint8(min(age, 7))
		if age >= 8 {
			bin[age] = 8 + uint8(math.Floor(4*math.Log2(float64(age)/8)))
		}
	}
	return bin
}()

// priorWeight is how many person-seconds per bin the prior is worth.
const priorWeight = 30

// prior is the assumed chance of coming back in the next second for somebody
// who has been away for age seconds: most people are back within a minute.
func prior(age int) float64 {
	switch {
	case age < 60:
		return 0.03
	case age < 180:
		return 0.015
	default:
		return 0.005
	}
}

// curve is the usual return curve of one provider, kept as a hazard: of the
// people still away at an age, how many come back in the next second. It is an
// actuarial (life table) estimate, so people who never come back and people who
// are still away are both counted for what they are. Old seconds fade.
type curve struct {
	away, back [ageBins]float64
}

// learn adds one second: how many were away in each bin, how many came back.
func (c *curve) learn(away, back *[ageBins]float64, halfLife time.Duration) {
	keep := math.Exp2(-1 / halfLife.Seconds())
	for i := range c.away {
		c.away[i] = c.away[i]*keep + away[i]
		c.back[i] = c.back[i]*keep + back[i]
	}
}

// weight is how many returns the curve rests on.
func (c *curve) weight() float64 {
	var n float64
	for _, b := range c.back {
		n += b
	}
	return n
}

// hazards are the chances per second by bin, between 1e-5 and 0.8: no single
// person is ever certain to be back.
func (c *curve) hazards() (h [ageBins]float64) {
	for age := maxAge; age >= 0; age-- {
		i := ageBin[age]
		h[i] = min(max((c.back[i]+priorWeight*prior(age))/(c.away[i]+priorWeight), 1e-5), 0.8)
	}
	return h
}

// usual is the share of people back at each age, and the age by which 97 % of
// those who come back at all are back.
func usual(h *[ageBins]float64) (backBy [maxAge + 1]float64, settled int) {
	away := 1.0
	for age := range backBy {
		away *= 1 - h[ageBin[age]]
		backBy[age] = 1 - away
	}
	for settled < maxAge && backBy[settled] < 0.97*backBy[maxAge] {
		settled++
	}
	return backBy, settled
}
