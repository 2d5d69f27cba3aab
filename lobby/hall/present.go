package hall

import (
	"math"
	"sync"
	"time"

	"sinho/lobby"
)

// grace is how long somebody whose connection has ended still counts as there: a
// reload, a tunnel, an aeroplane mode switched on and off.
const grace = 15 * time.Second

// maxPages bounds what is remembered: sixteen million places.
const maxPages = 1 << 14

// thousand is who is there of so many places.
type thousand struct {
	sockets [lobby.Thousand]uint16
	until   [lobby.Thousand]uint32 // Unix seconds until which they count without a socket
}

// presence is which places have an open page on this node: a place counts once,
// however many tabs and devices show it.
type presence struct {
	mu      sync.Mutex // guards what follows
	drawn   bool       // before the draw a place is a number
	shuffle lobby.Shuffle
	floor   uint64 // places below are called, and not counted
	pages   map[uint64]*thousand
}

func newPresence() *presence { return &presence{pages: map[uint64]*thousand{}} }

// at is the page of a number and its index there; nil where it is not counted.
func (p *presence) at(number uint64, begin bool) (*thousand, uint64) {
	place := number
	if p.drawn {
		place = p.shuffle.Place(number)
	}
	if place < p.floor {
		return nil, 0
	}
	page := p.pages[place/lobby.Thousand]
	if page == nil && begin && len(p.pages) < maxPages {
		page = &thousand{}
		p.pages[place/lobby.Thousand] = page
	}
	return page, place % lobby.Thousand
}

// join counts a connection; leave must follow where it is true.
func (p *presence) join(number uint64) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	page, i := p.at(number, true)
	if page == nil || page.sockets[i] == math.MaxUint16 {
		return false
	}
	page.sockets[i]++
	return true
}

func (p *presence) leave(number uint64, now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if page, i := p.at(number, false); page != nil && page.sockets[i] > 0 {
		page.sockets[i]--
		page.until[i] = max(page.until[i], unix32(now.Add(grace)))
	}
}

// visit counts a page that comes again by itself.
func (p *presence) visit(number uint64, until time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if page, i := p.at(number, true); page != nil {
		page.until[i] = max(page.until[i], unix32(until))
	}
}

// draw gives everybody the place that the shuffle says, once.
func (p *presence) draw(s lobby.Shuffle) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.drawn {
		return
	}
	old := p.pages
	p.drawn, p.shuffle, p.pages = true, s, make(map[uint64]*thousand, len(old))
	for n, page := range old {
		for i := range page.sockets {
			if page.sockets[i] == 0 && page.until[i] == 0 {
				continue
			}
			if to, j := p.at(n*lobby.Thousand+uint64(i), true); to != nil {
				to.sockets[j], to.until[j] = page.sockets[i], page.until[i]
			}
		}
	}
}

// count is who is there from a place on: thousand by thousand, the first from that
// place to the end of its thousand, and all of them together. Whoever is before it
// is forgotten.
func (p *presence) count(from uint64, now time.Time) (first [horizon]uint16, all uint32) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.drawn { // before it nobody is called
		p.floor = max(p.floor, from)
	}
	second := unix32(now)
	for n, page := range p.pages {
		if n < from/lobby.Thousand {
			delete(p.pages, n)
			continue
		}
		there := uint16(0)
		for i := range page.sockets {
			if (page.sockets[i] > 0 || page.until[i] > second) && n*lobby.Thousand+uint64(i) >= from {
				there++
			}
		}
		if there == 0 {
			delete(p.pages, n)
		}
		all += uint32(there)
		if i := n - from/lobby.Thousand; i < horizon {
			first[i] = there
		}
	}
	return first, all
}

func unix32(t time.Time) uint32 {
	return uint32(min(max(t.Unix(), 0), math.MaxUint32))
}
