package console

import (
	"hash/maphash"
	"net/netip"
	"sync"
	"time"
)

// limiter bounds attempts to sign in, in memory of a fixed size: a bucket for
// each hash of an address, and one for all together.
type limiter struct {
	now     func() time.Time
	seed    maphash.Seed
	hashing chan struct{} // passwords are compared one at a time

	mu  sync.Mutex // guards what follows
	own [1024]bucket
	all bucket
}

// bucket fills up with time.
type bucket struct {
	level float64 // attempts used, fading
	at    time.Time
}

// Attempts at once, and how long until one more: of an address, and of all.
const (
	ownBurst, allBurst = 6, 40
	ownEvery, allEvery = 10 * time.Second, time.Second
)

func newLimiter(now func() time.Time) *limiter {
	return &limiter{now: now, seed: maphash.MakeSeed(), hashing: make(chan struct{}, 1)}
}

// take counts an attempt from an address (host:port), or says how long to wait.
func (l *limiter) take(remote string) (wait time.Duration) {
	host := remote
	if a, err := netip.ParseAddrPort(remote); err == nil {
		ip := a.Addr().Unmap()
		if ip.Is6() { // one line has a whole /64
			if p, err := ip.Prefix(64); err == nil {
				ip = p.Addr()
			}
		}
		host = ip.String()
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.now()
	own := &l.own[maphash.String(l.seed, host)%uint64(len(l.own))]
	own.fade(now, ownEvery)
	l.all.fade(now, allEvery)
	switch {
	case own.level+1 > ownBurst:
		return time.Duration((own.level + 1 - ownBurst) * float64(ownEvery))
	case l.all.level+1 > allBurst:
		return time.Duration((l.all.level + 1 - allBurst) * float64(allEvery))
	}
	own.level++
	l.all.level++
	return 0
}

func (b *bucket) fade(now time.Time, every time.Duration) {
	if !b.at.IsZero() {
		b.level = max(b.level-float64(now.Sub(b.at))/float64(every), 0)
	}
	b.at = now
}
