package broker

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"math"
	"net/netip"
	"sync"
	"time"
)

// limiter bounds how often phones may be reached, by number and by where it is
// asked from, in fixed memory; docs/decisions/0025 has the numbers. It is this
// node's own: a push begins without the store.
type limiter struct {
	phone, address, network int // pushes within a minute
	key                     [32]byte

	mu     sync.Mutex // guards what follows
	minute int64
	phones sketch
	places sketch // addresses and networks
}

// What a push can be too much for.
const (
	overPhone = 1 + iota
	overPlace
)

// Where a person is, as far as an address says: one device or household or
// carrier's gateway, and what one owner of addresses can choose among freely.
const (
	address4, network4 = 32, 24 // bits
	address6, network6 = 64, 48
)

func newLimiter(phone, address, network int) *limiter {
	l := &limiter{phone: phone, address: address, network: network, phones: newSketch(), places: newSketch()}
	_, _ = rand.Read(l.key[:]) // never fails, see crypto/rand
	return l
}

// name hides a number or an address behind a key that dies with the process.
func (l *limiter) name(use, of string) [32]byte {
	mac := hmac.New(sha256.New, l.key[:])
	mac.Write([]byte(use + "\x00" + of))
	return [32]byte(mac.Sum(nil))
}

// push counts one push unless there were too many within the last minute: for
// what, and how long from now there would be room if nobody else asked, a whole
// number of seconds up to two minutes. remote is host:port.
func (l *limiter) push(phone, remote string, now time.Time) (over int, wait time.Duration) {
	type quota struct {
		in   *sketch
		name [32]byte
		most int
		over int
	}
	all := []quota{{&l.phones, l.name("phone", phone), l.phone, overPhone}}
	if address, network, known := placeOf(remote); known {
		all = append(
			all,
			quota{&l.places, l.name("place", address.String()), l.address, overPlace},
			quota{&l.places, l.name("place", network.String()), l.network, overPlace},
		)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.turn(now.Unix() / 60)
	for _, q := range all {
		if more := q.in.room(q.name, q.most, now.Unix()%60); more > wait {
			over, wait = q.over, more
		}
	}
	if wait > 0 {
		return over, wait
	}
	for _, q := range all {
		q.in.count(q.name)
	}
	return 0, 0
}

// turn begins a minute. The caller holds mu.
func (l *limiter) turn(minute int64) {
	if ahead := minute - l.minute; ahead != 0 {
		l.phones.turn(ahead == 1)
		l.places.turn(ahead == 1)
	}
	l.minute = minute
}

// placeOf is where a request comes from. Nothing is known of a loopback address:
// on a server it is one's own machine, or a proxy that trusted_proxies does not
// name, and everybody behind that would count as one.
func placeOf(remote string) (address, network netip.Prefix, known bool) {
	from, err := netip.ParseAddrPort(remote)
	ip := from.Addr().Unmap().WithZone("")
	if err != nil || ip.IsLoopback() {
		return address, network, false
	}
	bits, wide := address6, network6
	if ip.Is4() {
		bits, wide = address4, network4
	}
	address, network = netip.PrefixFrom(ip, bits).Masked(), netip.PrefixFrom(ip, wide).Masked()
	return address, network, true
}

// sketch counts names of this minute and the one before in fixed memory: a
// count-min sketch (Cormode and Muthukrishnan 2005) with conservative update.
// Names that collide in every row are counted together, so it errs towards too
// many.
type sketch struct {
	now, before *[limitRows][limitColumns]uint16
}

const (
	limitRows    = 4
	limitColumns = 1 << 16
)

func newSketch() sketch {
	return sketch{now: new([limitRows][limitColumns]uint16), before: new([limitRows][limitColumns]uint16)}
}

// turn begins a minute: the next one, or any other.
func (s *sketch) turn(next bool) {
	s.now, s.before = s.before, s.now
	clear(s.now[:])
	if !next {
		clear(s.before[:])
	}
}

// room says how many seconds from second, of 60, there will be room for one more
// below most: those of this minute, and those of the one before weighed by how
// much of it is within the last 60 s.
func (s *sketch) room(name [32]byte, most int, second int64) time.Duration {
	now, before, free := int64(least(s.now, name)), int64(least(s.before, name)), int64(most-1)
	var until int64 // second of this minute, from 0
	switch {
	case 60*now+(60-second)*before <= 60*free:
		return 0
	case now <= free:
		until = 60 - 60*(free-now)/before
	default: // once this minute is the one before
		until = 120 - 60*free/now
	}
	return time.Duration(until-second) * time.Second
}

func (s *sketch) count(name [32]byte) {
	is := least(s.now, name)
	for row := range limitRows {
		if c := &s.now[row][column(name, row)]; *c == is && *c < math.MaxUint16 {
			*c++
		}
	}
}

func least(counts *[limitRows][limitColumns]uint16, name [32]byte) uint16 {
	is := uint16(math.MaxUint16)
	for row := range limitRows {
		is = min(is, counts[row][column(name, row)])
	}
	return is
}

func column(name [32]byte, row int) int {
	return int(binary.BigEndian.Uint16(name[2*row:]))
}
