package hall

import (
	"net/http/httptest"
	"testing"

	"sinho/broadcast"
	"sinho/lobby"
)

// BenchmarkEnterWithAPass is what the door costs a login once people are called.
func BenchmarkEnterWithAPass(b *testing.B) {
	s := one(b, auto("main"))
	s.wait(2)
	d := newDevice()
	d.waits(s, "shop", Login, false)
	r := d.request("/login")
	b.ReportAllocs()
	for b.Loop() {
		if wait, pass, err := s.Enter(httptest.NewRecorder(), r, "shop", d.name, Login); wait || pass == nil || err != nil {
			b.Fatal(wait, err)
		}
	}
}

// BenchmarkEnterAndWait is what it costs to turn somebody away who has a ticket.
func BenchmarkEnterAndWait(b *testing.B) {
	s := one(b, auto("main"))
	s.wait(2)
	s.crowd("shop", 40)
	d := newDevice()
	d.seat(s, "shop")
	r := d.request("/login")
	b.ReportAllocs()
	for b.Loop() {
		if wait, _, err := s.Enter(httptest.NewRecorder(), r, "shop", d.name, Login); !wait || err != nil {
			b.Fatal(wait, err)
		}
	}
}

// BenchmarkFanOut is one frame to a thousand watchers, without the sockets: what a
// watcher costs the hub. Allocations are per frame, and none of them per watcher.
func BenchmarkFanOut(b *testing.B) {
	s := one(b, auto("main"))
	s.wait(1)
	const watchers = 1000
	c := s.plan.Load().rooms[0]
	gone, got := make(chan struct{}), make(chan struct{}, watchers)
	for range watchers {
		w, ok := s.join(c, c.state.Load(), httptest.NewRequest("GET", "/rooms/main/ws", nil))
		if !ok {
			b.Fatal("no place")
		}
		go w.each(gone, func(broadcast.Message) error {
			got <- struct{}{}
			return nil
		})
	}
	for range watchers {
		<-got
	}
	last := c.hub.latest().Frame
	b.ReportAllocs()
	for b.Loop() {
		last.Second++
		f, err := s.newFrame(last, [2]string{})
		if err != nil {
			b.Fatal(err)
		}
		c.hub.show(f, true, s.time())
		for range watchers {
			<-got
		}
	}
	close(gone)
}

// BenchmarkCountAMillion is who is there of a million, every second or two.
func BenchmarkCountAMillion(b *testing.B) {
	p := newPresence()
	p.draw(lobby.NewShuffle([lobby.SeedSize]byte{1}, 1_000_000))
	for n := range uint64(1_000_000) {
		p.join(n)
	}
	b.ReportAllocs()
	for b.Loop() {
		p.count(0, noon)
	}
}
