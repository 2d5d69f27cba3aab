package lobby

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/binary"
	"math"
)

// SeedSize is the length of a shuffle's seed in bytes.
const SeedSize = 32

// MaxCrowd is the most numbers a shuffle has.
const MaxCrowd = 1 << 32

// Commitment is what is published before the opening: SHA-256 of the seed, so
// that anybody can check it without us.
func Commitment(seed [SeedSize]byte) [sha256.Size]byte { return sha256.Sum256(seed[:]) }

// Honours reports whether the seed is the one that was committed to.
func Honours(commitment [sha256.Size]byte, seed [SeedSize]byte) bool {
	own := Commitment(seed)
	return subtle.ConstantTimeCompare(own[:], commitment[:]) == 1
}

const (
	shuffleLabel  = "sinho lobby shuffle 1"
	shuffleRounds = 8
)

// Shuffle is a permutation of the numbers below n, drawn by a seed and
// computed for one number alone: a number is a cell of a table of a rows and b
// columns, just large enough, and each of eight rounds moves the row by
// something of the column or the column by something of the row (a Feistel
// network). Whoever lands outside n goes on until they are inside (cycle
// walking), which keeps it a permutation.
//
// The round keys are the eight 32-bit words, big endian, of SHA-256 over the
// label, a zero byte, the seed and n in 8 bytes big endian. Whoever does not have
// the seed knows nothing of them, so a round need mix well and no more.
type Shuffle struct {
	n, a, b uint64
	keys    [shuffleRounds]uint32
}

// NewShuffle is the shuffle of n numbers, at most MaxCrowd (more are taken for
// that many).
func NewShuffle(seed [SeedSize]byte, n uint64) Shuffle {
	s := Shuffle{n: min(n, MaxCrowd)}
	if s.n == 0 {
		return s
	}
	s.a = uint64(math.Ceil(math.Sqrt(float64(s.n))))
	s.b = (s.n + s.a - 1) / s.a
	text := append([]byte(shuffleLabel), 0)
	text = append(text, seed[:]...)
	sum := sha256.Sum256(binary.BigEndian.AppendUint64(text, s.n))
	for i := range s.keys {
		s.keys[i] = binary.BigEndian.Uint32(sum[4*i:])
	}
	return s
}

// Len is n.
func (s *Shuffle) Len() uint64 { return s.n }

// Place is where a number comes, from 0. Numbers of n and above came after the
// draw and keep theirs.
func (s *Shuffle) Place(number uint64) uint64 {
	if number >= s.n {
		return number
	}
	for {
		row, column := number/s.b, number%s.b
		for i := 0; i < shuffleRounds; i += 2 {
			row = (row + uint64(mix(uint32(column)^s.keys[i]))) % s.a      //nolint:gosec // below 2^16
			column = (column + uint64(mix(uint32(row)^s.keys[i+1]))) % s.b //nolint:gosec // below 2^16
		}
		if number = row*s.b + column; number < s.n {
			return number
		}
	}
}

// mix is the finaliser of MurmurHash3 (32 bits), which the pages have already
// for their order.
func mix(h uint32) uint32 {
	h ^= h >> 16
	h *= 0x85ebca6b
	h ^= h >> 13
	h *= 0xc2b2ae35
	return h ^ h>>16
}
