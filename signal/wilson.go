package signal

import "math"

// z95 is the one-sided 95 % point of the normal distribution.
const z95 = 1.6448536269514722

// LowerBound is the one-sided 95 % lower bound of a share of which k in n were
// seen: the score interval of E. B. Wilson, "Probable inference, the law of
// succession, and statistical inference", JASA 22 (1927) 209–212. It is 0 for
// n ≤ 0; k is clamped to 0..n. Few observations give a cautious bound: 4 of 4
// is 0.60, 40 of 40 is 0.94.
func LowerBound(k, n int) float64 { return lowerBound(k, n, z95) }

// lowerBound is the same at another point z of the normal distribution.
func lowerBound(k, n int, z float64) float64 {
	if n <= 0 {
		return 0
	}
	k = min(max(k, 0), n)
	N, p, z2 := float64(n), float64(k)/float64(n), z*z
	lb := (p + z2/(2*N) - z*math.Sqrt(p*(1-p)/N+z2/(4*N*N))) / (1 + z2/N)
	return max(lb, 0)
}

// upperBound is the greatest share of which k in n may well be seen, 1 for n ≤ 0.
func upperBound(k, n int, z float64) float64 { return 1 - lowerBound(n-k, n, z) }
