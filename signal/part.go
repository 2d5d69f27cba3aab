package signal

import (
	"cmp"
	"math/bits"
	"slices"
)

// Part is what was seen of one minute, or of some seconds of it.
type Part struct {
	// Run is 0 where the seconds are of all nodes together, so that whoever has
	// them has the same; else it names the process that measured by itself, and
	// the seconds are its own alone.
	Run int64
	// Mask has a bit for each second: bit 0 is the first.
	Mask int64
	Rollup
}

// wholeMinute is the mask of a minute of which no second is missing.
const wholeMinute = 1<<60 - 1

// Seconds is how many seconds the part has.
func (p *Part) Seconds() int { return bits.OnesCount64(uint64(p.Mask)) } //nolint:gosec // 60 bits

// Parts is what is known of one minute: parts of one run that have the same
// seconds are the same, parts of several runs add.
type Parts []Part

// mostParts bounds a minute. More come together only when several nodes lack
// different seconds and none has all; then the emptiest go.
const mostParts = 8

// order is fuller parts first, then those that know more of the light, then the
// worse light; it is total.
func order(a, b Part) int {
	if c := cmp.Or(cmp.Compare(b.Seconds(), a.Seconds()), cmp.Compare(a.Run, b.Run), cmp.Compare(b.Mask, a.Mask), cmp.Compare(b.lit(), a.lit())); c != 0 {
		return c
	}
	for l := Grey; l > Green; l-- {
		if c := cmp.Compare(b.Lights[l], a.Lights[l]); c != 0 {
			return c
		}
	}
	return b.compare(&a.Rollup)
}

// Merge is both readings together: commutative and idempotent, and associative
// while there are at most mostParts. Neither is changed.
func (p Parts) Merge(o Parts) Parts {
	all := slices.Concat(p, o)
	slices.SortFunc(all, order)
	var kept Parts
	for _, part := range all {
		same := func(k Part) bool { return k.Run == part.Run && (k.Mask == part.Mask || k.Mask == wholeMinute) }
		if part.Mask != 0 && !slices.ContainsFunc(kept, same) {
			kept = append(kept, part)
		}
	}
	return kept[:min(len(kept), mostParts)]
}

// Sum is the whole minute, and how many of its seconds somebody measured. Of
// parts of one run that share seconds those are taken that leave the fewest out.
func (p Parts) Sum() (sum Rollup, seconds int) {
	var covered int64
	runs := map[int64]Parts{}
	for _, part := range p {
		runs[part.Run] = append(runs[part.Run], part)
	}
	for _, parts := range runs {
		for _, part := range parts.apart() {
			sum = sum.Add(part.Rollup)
			covered |= part.Mask
		}
	}
	return sum, bits.OnesCount64(uint64(covered))
}

// apart are those parts that share no second and have the most of them together.
func (p Parts) apart() (best Parts) {
	p = p[:min(len(p), mostParts)]
	most := 0
	for choice := range 1 << len(p) {
		var chosen Parts
		var mask int64
		for i, part := range p {
			if choice&(1<<i) == 0 {
				continue
			}
			if mask&part.Mask != 0 {
				chosen = nil
				break
			}
			mask |= part.Mask
			chosen = append(chosen, part)
		}
		if n := bits.OnesCount64(uint64(mask)); chosen != nil && n > most {
			best, most = chosen, n
		}
	}
	return best
}
