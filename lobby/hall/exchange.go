package hall

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"math"
	"time"

	"sinho/lobby"
	"sinho/store"
)

const (
	// horizon is how many thousands of places are counted from Serving on.
	horizon = 64
	// mostNodes is how many nodes a list of counts has; where it is full, some may be
	// missing and nothing is concluded.
	mostNodes = store.MaxKeep
	// exchangeEvery is how often nodes tell each other.
	exchangeEvery = 2 * time.Second
	// heard is how long numbers have to wait before anything is concluded: by then
	// every node has told of the people it has.
	heard = 3 * exchangeEvery
	// silent is when a node's count is too old to be believed.
	silent = 10 * time.Second
	// unsure is how long after that, or after this node began, everybody is believed
	// to be there: its people are about to come back, to this node or another. Fewer
	// than could be are called meanwhile, instead of up to five times too many.
	unsure = 2 * time.Minute
	// uncounted is how long a page that found no place among the watchers polls, and
	// so is not counted, at most: it tries again after one to three minutes.
	uncounted = 200 * time.Second
)

// entry is what one node tells of a room, in its stored form:
//
//	node, 8 bytes; Unix second, 8; place counted from, 8; how many in all, 4;
//	how many of each thousand, 64 times 2
//
// all big endian. Counted from nowhere: the node could not count everybody.
type entry struct {
	node   [8]byte
	second int64
	from   uint64
	all    uint32
	first  [horizon]uint16
}

// nowhere is behind every place, so nothing is concluded from what is counted there.
const nowhere = math.MaxUint64

const entrySize = 8 + 8 + 8 + 4 + 2*horizon

func newNode() (n [8]byte) {
	_, _ = rand.Read(n[:]) // never fails, see crypto/rand
	return n
}

func (e *entry) marshal() []byte {
	b := append(make([]byte, 0, entrySize), e.node[:]...)
	b = binary.BigEndian.AppendUint64(b, uint64(max(0, e.second)))
	b = binary.BigEndian.AppendUint64(b, e.from)
	b = binary.BigEndian.AppendUint32(b, e.all)
	for _, n := range e.first {
		b = binary.BigEndian.AppendUint16(b, n)
	}
	return b
}

func (e *entry) unmarshal(b []byte) {
	copy(e.node[:], b)
	e.second = int64(binary.BigEndian.Uint64(b[8:]) & (1<<63 - 1))
	e.from = binary.BigEndian.Uint64(b[16:])
	e.all = binary.BigEndian.Uint32(b[24:])
	for i := range e.first {
		e.first[i] = binary.BigEndian.Uint16(b[28+2*i:])
	}
}

// left is what a node knows of the others in one room.
type left struct {
	told   time.Time // when this node last told, or had nothing to tell
	spoke  bool      // it has told of somebody
	read   time.Time
	since  time.Time // when numbers began to wait, as far as this node knows; zero: none do
	full   bool
	others map[[8]byte]entry
}

// exchange tells the others who is here and learns who is there, every other
// second. Each node has its own entry in one list, so nobody overwrites another's.
func (h *Hall) exchange(ctx context.Context, l *line, now time.Time) {
	k := l.latest.Load()
	if k == nil || now.Sub(l.left.told) < exchangeEvery && !now.Before(l.left.told) {
		return
	}
	l.left.told = now
	e := entry{node: h.node, second: now.Unix(), from: k.Main.Serving}
	e.first, e.all = l.here.count(k.Main.Serving, now)
	if l.misses(now) {
		e.from, e.all = nowhere, max(e.all, 1)
	}
	shard := store.Shard("lobby-" + l.name)
	if e.all > 0 || l.left.spoke {
		put := store.Op{Kind: store.Append, Key: "here", Value: e.marshal(), TTL: 2 * unsure, Keep: mostNodes, Same: len(e.node)}
		var attempt store.Attempt
		_, _ = rand.Read(attempt[:]) // never fails, see crypto/rand
		if o, err := h.cfg.Store.Apply(ctx, shard, attempt, false, put); err != nil || o.Conflict != nil {
			return // the next time
		}
		l.left.spoke = e.all > 0
	}
	if standingBy(&k.Queue) == 0 {
		l.left.since = time.Time{}
		return
	}
	if l.left.since.IsZero() {
		l.left.since = now
	}
	value, err := h.cfg.Store.Read(ctx, shard, "here")
	if err != nil && !errors.Is(err, store.ErrAbsent) {
		return
	}
	l.left.learn(value, h.node, now)
}

// learn takes up what the others have told. Whoever has vanished from the list is
// remembered until their people must have come back.
func (l *left) learn(list []byte, own [8]byte, now time.Time) {
	l.read, l.full = now, len(list) >= mostNodes*entrySize
	if l.others == nil {
		l.others = map[[8]byte]entry{}
	}
	for ; len(list) >= entrySize; list = list[entrySize:] {
		var e entry
		if e.unmarshal(list); e.node != own {
			l.others[e.node] = e
		}
	}
	for node, e := range l.others {
		if e.age(now) > unsure {
			delete(l.others, node)
		}
	}
}

func (e *entry) age(now time.Time) time.Duration { return now.Sub(time.Unix(e.second, 0)).Abs() }

// misses: people wait here who are not counted, because more would watch than may.
func (l *line) misses(now time.Time) bool {
	return now.Sub(time.UnixMilli(l.missed.Load())).Abs() < uncounted
}

// live is who waits with an open page, on all nodes, as a step wants it: nil while
// that is not known, and then everybody is believed to be there.
func (h *Hall) live(l *line, now time.Time) []uint32 {
	k := l.latest.Load()
	if k == nil || !k.Drawn || k.Main.Next <= k.Main.Serving ||
		k.Second < now.Unix()-1 || // others have gone on since
		now.Sub(h.began) < unsure || l.left.full || now.Sub(l.left.read) > silent ||
		l.left.since.IsZero() || now.Sub(l.left.since) < heard || l.misses(now) {
		return nil
	}
	serving := k.Main.Serving
	own, _ := l.here.count(serving, now)
	sum, people := make([]uint32, horizon), uint32(0)
	for i, n := range own {
		sum[i] = uint32(n)
	}
	for _, e := range l.left.others {
		if e.all == 0 {
			continue
		}
		if e.age(now) > silent || e.from > serving {
			return nil
		}
		sum = sum[:min(len(sum), e.addTo(sum, serving))]
	}
	for _, n := range sum {
		people += n
	}
	if people == 0 {
		return nil
	}
	return sum
}

// addTo adds a node's counts to those from serving on, and gives how many
// thousands of them are known. Of the first thousand it takes the part that still
// waits.
func (e *entry) addTo(sum []uint32, serving uint64) int {
	begin := e.from / lobby.Thousand
	skip := serving/lobby.Thousand - begin
	if skip >= horizon {
		return 0
	}
	for i, n := range e.first[skip:] {
		if i >= len(sum) {
			break
		}
		part := float64(n)
		if i == 0 {
			end := (serving/lobby.Thousand + 1) * lobby.Thousand
			counted := end - max(e.from, end-lobby.Thousand)
			part *= float64(end-serving) / float64(counted)
		}
		sum[i] += uint32(part + 0.999) // rather one too many: that calls fewer
	}
	return int(horizon - skip)
}
