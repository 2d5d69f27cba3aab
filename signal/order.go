package signal

import (
	"cmp"
	"math"
	"slices"
	"strconv"
	"time"
)

// EpochLength is how long a person's order stays the same for the same shares.
const EpochLength = 30 * time.Second

// Epoch is the number of the 30 s epoch of a time.
func Epoch(t time.Time) int64 { return t.Unix() / int64(EpochLength.Seconds()) }

// Order is one person's own order of all providers, best first, grey ones last
// as they stand. The ids are sorted by ascending −ln(U)/(share·factor), so that
// each comes first with a probability proportional to share·factor (exponential
// clocks; the weighted sampling of Efraimidis and Spirakis, 2006). seed is
// opaque and server-issued, epoch is Epoch(now): the same on a reload, not to be
// rolled again. factor weighs a provider for this person (nil: all 1; failed
// there just now, or without its certificate while they have another's: 0.1
// each); with share or factor 0 it comes after the others.
//
// A device computes the same from the board, see Uniform.
func Order(statuses []Status, seed string, epoch int64, factor func(id string) float64) []string {
	type entry struct {
		id   string
		grey bool
		key  float64
	}
	entries := make([]entry, len(statuses))
	for i, s := range statuses {
		c := 1.0
		if factor != nil {
			c = factor(s.ID)
		}
		e := entry{id: s.ID, grey: !s.Light.Choosable(), key: math.Inf(1)}
		if w := s.Share * c; w > 0 && !e.grey {
			e.key = -math.Log(Uniform(seed, epoch, s.ID)) / w
		}
		entries[i] = e
	}
	slices.SortStableFunc(entries, func(a, b entry) int {
		if a.grey != b.grey {
			if a.grey {
				return 1
			}
			return -1
		}
		return cmp.Compare(a.key, b.key)
	})
	ids := make([]string, len(entries))
	for i, e := range entries {
		ids[i] = e.id
	}
	return ids
}

// Uniform is a number in (0, 1) that anybody can compute from seed, epoch and
// id: (h + ½)/2³² where h is the 32-bit FNV-1a hash of the UTF-8 bytes of
// "seed|epoch|id" (epoch in decimal), put through MurmurHash3's 32-bit
// finaliser. In JavaScript: Math.imul and >>> 0 give the same bits.
func Uniform(seed string, epoch int64, id string) float64 {
	h := uint32(2166136261)
	for _, part := range [...]string{seed, "|", strconv.FormatInt(epoch, 10), "|", id} {
		for i := range len(part) {
			h = (h ^ uint32(part[i])) * 16777619
		}
	}
	h ^= h >> 16
	h *= 0x85ebca6b
	h ^= h >> 13
	h *= 0xc2b2ae35
	h ^= h >> 16
	return (float64(h) + 0.5) / (1 << 32)
}
