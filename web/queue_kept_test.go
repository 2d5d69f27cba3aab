package web

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sinho/broker"
	"sinho/lobby"
	"sinho/lobby/hall"
	"sinho/signal"
	"sinho/store"
)

// TestAKeptWaitingRoomIsWhatWouldBeRendered shows people in every state their page
// from kept parts and without, and compares byte by byte.
func TestAKeptWaitingRoomIsWhatWouldBeRendered(t *testing.T) {
	chance := rand.New(rand.NewPCG(5, 6))
	f, room, board := &fake{}, &waitingRoom{}, allGreen()
	build := func() *Web {
		web, err := New(Config{Flow: f.flow(), Seat: room.take, Board: func() signal.Board { return board() }, Now: func() time.Time { return noon }, Version: "test"})
		if err != nil {
			t.Fatal(err)
		}
		return web
	}
	keeping, plain := build(), build()
	plain.kept = nil
	for n := range 600 {
		if n%20 == 0 {
			board = boardOf(status("naver", oneOf(chance, signal.Green, signal.Red, signal.Grey)), status("toss", signal.Yellow))
		}
		number, late := chance.Uint64N(12000), oneOf[uint64](chance, 0, 0, chance.Uint64N(20))
		seat := oneOf(chance, beforeOpening, func(_ *hall.Seat, f *lobby.Frame) { f.Seed = "" }, func(_ *hall.Seat, f *lobby.Frame) {
			f.Serving, f.Rate = chance.Uint64N(9000), oneOf[uint64](chance, 0, 100, 20000)
			f.Moved = oneOf[int64](chance, 0, noon.Unix()-chance.Int64N(9000))
			f.Closed = chance.IntN(9) == 0
		})
		room.seat = seatOf(t, number, late, func(s *hall.Seat, f *lobby.Frame) {
			s.Room.Title = oneOf(chance, s.Room.Title, [2]string{}, [2]string{"<b>", "&"})
			s.Spread, s.Reload = time.Duration(chance.IntN(10000))*time.Millisecond, time.Duration(chance.IntN(60))*time.Second
			seat(s, f)
			if s.Room.Closed = f.Closed; f.Closed {
				s.Room.Notice = oneOf(chance, [2]string{}, [2]string{"<21시>", "21:00 & later"}, [2]string{"곧", "soon"})
			}
		})
		room.err = oneOf[error](chance, nil, nil, nil, nil, store.ErrUnavailable)
		if room.err != nil {
			room.seat = hall.Seat{}
		}
		f.queueing = someQueueing()
		f.queueing.Sealed, f.queueing.Ref = fmt.Sprint("sealed-", n, oneOf(chance, "", "", "+/=")), fmt.Sprint("REF", n)
		f.queueing.Seed = fmt.Sprint("seed", n)
		f.queueing.Verified, f.queueing.MayVerify = chance.IntN(3) == 0, chance.IntN(2) == 0
		if chance.IntN(5) == 0 {
			f.queueing.Agreement = &broker.Agreement{Claims: []string{"name"}}
		}
		target := "/queue?r=x&lang=" + oneOf(chance, "ko", "en")
		var got [2]string
		for i, web := range []*Web{keeping, plain} {
			w := get(web.Handler(), target, "Cookie", heldCookie+"="+oneOf(rand.New(rand.NewPCG(9, uint64(n))), "", "kakao", "toss.naver"))
			got[i] = fmt.Sprint(w.Code, w.Header(), w.Body)
		}
		if diff := cmp.Diff(got[1], got[0]); diff != "" {
			t.Fatalf("person %d (-rendered +kept):\n%s", n, diff)
		}
	}
	if n := len(keeping.kept.parts); n == 0 || n > mostKept {
		t.Errorf("%d parts are kept, want some and at most %d", n, mostKept)
	}
}

func BenchmarkWaitingRoom(b *testing.B) {
	var t testing.T
	room := &waitingRoom{seat: seatOf(&t, 8500, 0, nil)}
	web, err := New(Config{Flow: (&fake{queueing: someQueueing()}).flow(), Seat: room.take, Board: allGreen(), Now: func() time.Time { return noon }})
	if err != nil {
		b.Fatal(err)
	}
	h := web.Handler()
	b.ReportAllocs()
	for b.Loop() {
		room.asks = room.asks[:0]
		w := get(h, "/queue?r=x")
		b.ReportMetric(float64(w.Body.Len()), "bytes")
	}
}
