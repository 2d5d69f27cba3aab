package lobby

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"flag"
	"math"
	"math/rand/v2"
	"os"
	"testing"
)

var update = flag.Bool("update", false, "rewrite the golden files; read the diff")

func seedOf(b byte) (seed [SeedSize]byte) {
	for i := range seed {
		seed[i] = b + byte(i)
	}
	return seed
}

func TestAShuffleIsAPermutation(t *testing.T) {
	sizes := []uint64{0, 1, 2, 3, 4, 5, 15, 16, 17, 99, 100, 101, 1000, 4095, 65_536, 65_537, 200_003}
	for n := range uint64(70) {
		sizes = append(sizes, n)
	}
	for i, n := range sizes {
		s, taken := NewShuffle(seedOf(byte(i)), n), make([]bool, n)
		for number := range n {
			place := s.Place(number)
			if place >= n || taken[place] {
				t.Fatalf("n=%d: the place %d of number %d is outside or taken", n, place, number)
			}
			taken[place] = true
		}
		for _, beyond := range []uint64{n, n + 1, math.MaxUint64} {
			if got := s.Place(beyond); got != beyond {
				t.Errorf("n=%d: got place %d for the later number %d", n, got, beyond)
			}
		}
	}
}

func TestAShuffleOfTheLargestCrowdEnds(t *testing.T) {
	for _, n := range []uint64{MaxCrowd, MaxCrowd - 1, math.MaxUint64} {
		s := NewShuffle(seedOf(1), n)
		for range 1000 {
			if number := rand.Uint64N(s.Len()); s.Place(number) >= s.Len() {
				t.Fatalf("n=%d: number %d is led outside", n, number)
			}
		}
	}
}

// chi2 of observed counts against equal ones, in standard deviations from what
// chance would give.
func chi2(counts []int, total int) float64 {
	want, sum := float64(total)/float64(len(counts)), 0.0
	for _, n := range counts {
		sum += (float64(n) - want) * (float64(n) - want) / want
	}
	df := float64(len(counts) - 1)
	return (sum - df) / math.Sqrt(2*df)
}

// No number has a better place than another: over many seeds each number falls
// everywhere alike, and so does the distance between neighbours.
func TestEveryNumberFallsEverywhereAlike(t *testing.T) {
	const seeds = 40_000
	random := rand.New(rand.NewChaCha8(seedOf(7)))
	for _, n := range []uint64{2, 3, 5, 10, 97, 1000, 1_000_003} {
		bins := 50
		if n < 100 {
			bins = int(n)
		}
		first, last, between := make([]int, bins), make([]int, bins), make([]int, bins)
		for range seeds {
			var seed [SeedSize]byte
			for i := range seed {
				seed[i] = byte(random.Uint32())
			}
			s := NewShuffle(seed, n)
			a, b, z := s.Place(0), s.Place(1), s.Place(n-1)
			first[a*uint64(bins)/n]++
			last[z*uint64(bins)/n]++
			between[(b+n-a)%n*uint64(bins)/n]++
		}
		for what, counts := range map[string][]int{"the first": first, "the last": last} {
			if d := chi2(counts, seeds); d > 5 {
				t.Errorf("n=%d: the places of %s are %.1f σ from even: %v", n, what, d, counts)
			}
		}
		if n >= 1000 { // below, a distance of 0 is impossible and shows
			if d := chi2(between, seeds); d > 5 {
				t.Errorf("n=%d: the distances between neighbours are %.1f σ from even: %v", n, d, between)
			}
		}
	}
}

// Within one shuffle the places of a run of numbers are spread, and no order is
// left of it.
func TestARunOfNumbersIsSpread(t *testing.T) {
	const n, run, bins = 1_000_000, 20_000, 100
	for i := range byte(20) {
		s := NewShuffle(seedOf(i), n)
		counts, rising, before := make([]int, bins), 0, uint64(0)
		for number := range uint64(run) {
			place := s.Place(500_000 + number)
			counts[place*bins/n]++
			if place > before {
				rising++
			}
			before = place
		}
		if d := chi2(counts, run); d > 5 {
			t.Errorf("seed %d: %.1f σ from even", i, d)
		}
		// Rising pairs of a random order: half, with a variance of run/12.
		if d := math.Abs(float64(rising)-run/2) / math.Sqrt(run/12.0); d > 5 {
			t.Errorf("seed %d: %d of %d rise, %.1f σ from half", i, rising, run, d)
		}
	}
}

func TestASeedHonoursItsCommitmentAndNoOther(t *testing.T) {
	seed := seedOf(1)
	commitment := sha256.Sum256(seed[:]) // what anybody would work out
	if Commitment(seed) != commitment || !Honours(commitment, seed) {
		t.Error("the commitment is not SHA-256 of the seed")
	}
	seed[31]++
	if Honours(commitment, seed) {
		t.Error("another seed honours the commitment")
	}
}

// vector is testdata/lobby/shuffle.json, against which a page's JavaScript is
// held too.
type vector struct {
	About    string        `json:"about"`
	Shuffles []vectorOfOne `json:"shuffles"`
}

type vectorOfOne struct {
	Seed       string   `json:"seed"`
	Commitment string   `json:"commitment"`
	Count      uint64   `json:"count"`
	Keys       []uint32 `json:"keys"`
	Numbers    []uint64 `json:"numbers"`
	Places     []uint64 `json:"places"`
}

func TestShufflesAreTheSharedVectors(t *testing.T) {
	v := vector{About: "seed in hex; commitment: sha256(seed); keys: the eight big-endian words of sha256('sinho lobby shuffle 1' 00 seed count-as-8-bytes); a = ceil(sqrt(count)), b = ceil(count/a); " +
		"number -> (row, column) = (number div b, number mod b); four times: row = (row + mix(column ^ key)) mod a, column = (column + mix(row ^ next key)) mod b; mix is murmur3 fmix32; place = row*b + column, again while it is not below count; numbers from count on keep theirs"}
	for i, n := range []uint64{1, 2, 3, 10, 37, 1000, 1_000_000, 16_777_217, MaxCrowd} {
		seed := seedOf(byte(16 * i))
		commitment, s := Commitment(seed), NewShuffle(seed, n)
		one := vectorOfOne{Seed: hex.EncodeToString(seed[:]), Commitment: hex.EncodeToString(commitment[:]), Count: n, Keys: s.keys[:]}
		for number := range min(n, 40) {
			one.Numbers = append(one.Numbers, number)
		}
		if n > 40 {
			one.Numbers = append(one.Numbers, n/2, n-1)
		}
		one.Numbers = append(one.Numbers, n)
		for _, number := range one.Numbers {
			one.Places = append(one.Places, s.Place(number))
		}
		v.Shuffles = append(v.Shuffles, one)
	}
	golden(t, "../testdata/lobby/shuffle.json", v)
}

// golden compares v, as JSON of one line for each part, with a file.
func golden(t *testing.T, file string, v any) {
	t.Helper()
	got, err := json.MarshalIndent(v, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	got = append(got, '\n')
	if *update {
		if err := os.WriteFile(file, got, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s is not what the code says (-update rewrites it):\n%s", file, got)
	}
}

func BenchmarkPlaceInAMillion(b *testing.B) {
	seed := seedOf(1)
	b.ReportAllocs()
	for b.Loop() {
		s := NewShuffle(seed, 1_000_000)
		s.Place(777_777)
	}
}
