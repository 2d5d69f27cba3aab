package hall

import (
	"testing"
	"time"
)

// Attack: somebody takes every place among the watchers, or more wait than there are.
// Whoever finds none polls and is not counted, and must not seem to be away: the room
// would call up to five times as many as providers take.
func TestAttackWaitingRoomByTakingEveryWatchersPlace(t *testing.T) {
	all := scenes(t, onBbolt(t), 2, auto("main"))
	seconds(all, 130)
	all[0].capacity.Store(0)
	seconds(all, 1)
	for i := range 200 { // half of them have a socket
		d := newDevice()
		seat := d.seat(all[i%2], "shop")
		if i%4 < 2 {
			all[i%2].line().here.join(seat.Number)
		}
	}
	seconds(all, 130) // and the others' first answers count no more
	live := func(s *scene) []uint32 { return s.live(s.line(), s.time()) }
	for i, s := range all {
		if got := sumOf(live(s)); got < 80 || got > 110 {
			t.Fatalf("node %d: got %d, want the hundred with sockets", i, got)
		}
	}
	full := all[0]
	full.cfg.MaxWatchers = 1
	watch := func(d *device, origin string) {
		t.Helper()
		c, st := full.named("main")
		r := d.request("/rooms/main/ws")
		r.Header.Set("Origin", origin)
		if _, ok := full.join(c, st, r); ok {
			t.Fatal("there was a place")
		}
	}
	c, st := full.named("main")
	stranger, ok := full.join(c, st, newDevice().request("/rooms/main/ws"))
	if !ok {
		t.Fatal("a stranger found no place")
	}
	defer stranger.leave()
	watch(newDevice(), "https://anybody.example")
	seconds(all, 4)
	for i, s := range all {
		if live(s) == nil {
			t.Errorf("node %d: a stranger was refused, who waits for nothing: want the others counted", i)
		}
	}
	d := newDevice()
	d.seat(full, "shop")
	watch(d, issuer)
	for range int(uncounted/time.Second) - 2 {
		seconds(all, 1)
		if got := live(full); got != nil {
			t.Fatalf("got %d there while somebody who waits is not counted, want nothing concluded", sumOf(got))
		}
	}
	if got := live(all[1]); got != nil {
		t.Errorf("the other node: got %d there, want nothing concluded", sumOf(got))
	}
	seconds(all, 6)
	for i, s := range all {
		if got := sumOf(live(s)); got < 80 || got > 110 {
			t.Errorf("node %d, once all have tried again: got %d, want the hundred with sockets", i, got)
		}
	}
}
