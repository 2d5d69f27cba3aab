package broker

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"math"
	"sync"
	"time"
)

// limiter bounds how often a phone number may be reached, in fixed memory: a
// count-min sketch (Cormode and Muthukrishnan 2005) of this minute and the one
// before, weighed by how much of that one is still within 60 s. Numbers that
// collide in every row are counted together, so it errs towards refusing.
type limiter struct {
	most int
	key  [32]byte

	mu     sync.Mutex // guards what follows
	minute int64
	counts [2][limitRows][limitColumns]uint16 // now, before
}

const (
	limitRows    = 4
	limitColumns = 1 << 13
)

func newLimiter(most int) *limiter {
	l := &limiter{most: most}
	_, _ = rand.Read(l.key[:]) // never fails, see crypto/rand
	return l
}

// name hides a number behind a key that dies with the process.
func (l *limiter) name(phone string) [32]byte {
	mac := hmac.New(sha256.New, l.key[:])
	mac.Write([]byte(phone))
	return [32]byte(mac.Sum(nil))
}

// allow counts one attempt unless there were too many within the last minute.
func (l *limiter) allow(name [32]byte, now time.Time) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	minute := now.Unix() / 60
	switch minute - l.minute {
	case 0:
	case 1:
		l.counts[1], l.counts[0] = l.counts[0], [limitRows][limitColumns]uint16{}
	default:
		l.counts = [2][limitRows][limitColumns]uint16{}
	}
	l.minute = minute
	least := [2]uint16{math.MaxUint16, math.MaxUint16}
	for row := range limitRows {
		at := column(name, row)
		least[0] = min(least[0], l.counts[0][row][at])
		least[1] = min(least[1], l.counts[1][row][at])
	}
	rest := float64(60-now.Unix()%60) / 60
	if float64(least[0])+rest*float64(least[1]) > float64(l.most)-1 {
		return false
	}
	for row := range limitRows {
		if c := &l.counts[0][row][column(name, row)]; *c == least[0] && *c < math.MaxUint16 { // conservative update
			*c++
		}
	}
	return true
}

func column(name [32]byte, row int) int {
	return int(binary.BigEndian.Uint16(name[2*row:])) % limitColumns
}
