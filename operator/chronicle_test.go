package operator

import (
	"context"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"sinho/signal"
	"sinho/store"
	"sinho/store/redistest"
	"sinho/store/shared"
)

// tape is a source a test fills second by second.
type tape struct {
	board    signal.Board
	seconds  []signal.Bucket
	vanished float64
}

func newTape(ids ...string) *tape {
	s := &tape{}
	for _, id := range ids {
		s.board.Providers = append(s.board.Providers, signal.Status{ID: id, Light: signal.Green})
	}
	return s
}

func (s *tape) second(at int64, legs int) {
	b := signal.Bucket{Second: at, Started: uint32(legs)}
	for range legs {
		b.Legs.Observe(200 * time.Millisecond)
	}
	s.seconds = append(s.seconds, b)
	s.board.At = time.Unix(at+1, 0)
}

func (s *tape) source() Source {
	return Source{
		Board: func() signal.Board { return s.board },
		Since: func(_ string, after int64) []signal.Bucket {
			var all []signal.Bucket
			for _, b := range s.seconds {
				if b.Second > after {
					all = append(all, b)
				}
			}
			return all
		},
		Vanished: func(string) float64 { return s.vanished },
	}
}

// play lets a node see seconds with one leg each, from first to last.
func (s *tape) play(t *testing.T, c *Chronicle, first, last int64) {
	t.Helper()
	s.seconds = nil
	for at := first; at <= last; at++ {
		s.second(at, 1)
	}
	c.Look(t.Context(), s.source())
}

// end is what a node does that is told to end.
func end(t *testing.T, c *Chronicle) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := c.Run(ctx, func() Source { return newTape().source() }); err != nil {
		t.Fatal(err)
	}
}

// hour is the only one known from first to last.
func hour(t *testing.T, c *Chronicle, first, last int64) signal.Hour {
	t.Helper()
	hours, err := c.Hours(t.Context(), "kakao", first, last)
	if err != nil || len(hours) != 1 {
		t.Fatalf("got %d hours and %v, want 1", len(hours), err)
	}
	return hours[0]
}

// began is the beginning of an hour some days ago, in Unix seconds.
func began() int64 { return (time.Now().Unix()/3600 - 50) * 3600 }

func TestTheLastDaySurvivesARestart(t *testing.T) {
	path := filepath.Join(t.TempDir(), "sinho.db")
	s := open(t, path)
	now := time.Now().Unix() / 60
	c, in := NewChronicle(s, nil), newTape("kakao", "naver")
	for minute := now - 3; minute <= now; minute++ {
		in.second(minute*60+5, int(minute-now)+4)
		if minute == now-1 {
			in.board.Providers[0].Light, in.board.Providers[0].Reason.Code = signal.Grey, signal.CodeOperator
		}
		c.Look(t.Context(), in.source())
	}
	s.Close()

	c = NewChronicle(open(t, path), nil)
	again := newTape("kakao")
	again.board.At = in.board.At
	c.Look(t.Context(), again.source())
	var got []signal.Minute
	for _, m := range c.Minutes("kakao", now-60, now) {
		m.P50, m.P95, m.P99 = 0, 0, 0
		got = append(got, m)
	}
	// The minute under way was not over when the node was killed, so it is lost.
	same(t, "kakao", got, []signal.Minute{
		{At: now - 3, Light: signal.Green, Started: 1, Legs: 1},
		{At: now - 2, Light: signal.Green, Started: 2, Legs: 2},
		{At: now - 1, Light: signal.Grey, Override: true, Started: 3, Legs: 3},
	})
	if m := c.Minutes("kakao", now-1, now-1)[0]; m.P95 < 200*time.Millisecond || m.P95 > 240*time.Millisecond {
		t.Errorf("got a p95 of %v, want about 0.2 s", m.P95)
	}
	if got := c.Minutes("nobody", 1, now); got != nil {
		t.Errorf("got %v of an unknown provider, want nothing", got)
	}
}

func TestARestartInTheMiddleOfAMinuteLosesNoSecondOfIt(t *testing.T) {
	path := filepath.Join(t.TempDir(), "sinho.db")
	s, at := open(t, path), began()
	c := NewChronicle(s, nil)
	newTape("kakao").play(t, c, at, at+29)
	end(t, c)
	s.Close()

	s = open(t, path)
	c = NewChronicle(s, nil)
	in := newTape("kakao")
	in.play(t, c, at+33, at+90)
	in.play(t, c, at+3600, at+3600+100) // over and settled
	one := hour(t, NewChronicle(s, nil), at/3600, at/3600)
	if one.Seconds != 88 || one.Started != 88 || one.Ended() != 88 || one.Lights[signal.Green] != 88 {
		t.Errorf("got %d s with %d starts, want all but the 3 s nobody was there", one.Seconds, one.Started)
	}
	if one.Marks[0].Light() != signal.Green || one.Marks[1].Light() != signal.Green || one.Marks[2] != 0 {
		t.Errorf("got marks %v, want two minutes", one.Marks[:3])
	}
	minutes, err := c.Past(t.Context(), "kakao", at/60, at/60+1)
	if err != nil || len(minutes) != 2 {
		t.Fatalf("got %d minutes and %v, want 2", len(minutes), err)
	}
	if sum, seconds := minutes[0].Sum(); sum.Started != 57 || seconds != 57 {
		t.Errorf("got %d starts in %d s, want both parts of the minute", sum.Started, seconds)
	}
}

func TestTheHourUnderWayIsSeenBeforeItIsWritten(t *testing.T) {
	c, at := NewChronicle(fresh(t), nil), began()
	newTape("kakao").play(t, c, at, at+75)
	if got := hour(t, c, at/3600, at/3600); got.Seconds != 76 || got.Started != 76 {
		t.Errorf("got %d s, want the minute under way too", got.Seconds)
	}
	if minutes, err := c.Past(t.Context(), "kakao", at/60+1, at/60+9); err != nil || len(minutes) != 1 || minutes[0].At != at/60+1 {
		t.Errorf("got %+v and %v, want the minute under way", minutes, err)
	}
}

func TestAnHourThatNobodyPutTogetherIsFound(t *testing.T) {
	s, at := fresh(t), began()
	c := NewChronicle(s, nil)
	newTape("kakao").play(t, c, at, at+60)
	end(t, c) // and nobody is there when the hour is over

	c = NewChronicle(s, nil)
	in := newTape("kakao")
	for i := range int64(MinutesKept.Hours()) { // one a look
		in.play(t, c, at+40*3600+i, at+40*3600+i)
	}
	if got := hour(t, NewChronicle(s, nil), at/3600, at/3600); got.Started != 61 {
		t.Errorf("got %d starts, want 61", got.Started)
	}
}

func TestAClockThatGoesBackIsRecordedOnce(t *testing.T) {
	c, at := NewChronicle(fresh(t), nil), began()
	in := newTape("kakao")
	in.play(t, c, at+600, at+719)
	in.play(t, c, at, at+179)     // ten minutes back
	in.play(t, c, at+180, at+659) // and over the same minutes again
	in.play(t, c, at+660, at+779)
	got := hour(t, c, at/3600, at/3600)
	if got.Seconds != 780 || got.Started != 780 {
		t.Errorf("got %d s with %d starts, want each second once", got.Seconds, got.Started)
	}
	all := c.Minutes("kakao", at/60, at/60+60)
	if len(all) != 13 || all[0].Started != 60 || all[10].Started != 60 {
		t.Errorf("got %d minutes, want the 13 of the clock", len(all))
	}
}

func TestWhatVanishedIsCountedOnceAndOnlyWhileTheCountIsTheSame(t *testing.T) {
	c, at := NewChronicle(fresh(t), nil), began()
	in := newTape("kakao")
	step := func(i int64, vanished float64, local bool) {
		in.vanished, in.board.Local = vanished, local
		in.play(t, c, at+i, at+i)
	}
	step(0, 40, false) // from before this node was there
	step(1, 40.5, false)
	step(2, 43, false)
	step(3, 9, true) // its own count
	step(4, 10, true)
	step(5, 50, false) // that of all again
	step(6, 2, false)  // began anew
	step(7, 2.25, false)
	got := hour(t, c, at/3600, at/3600)
	if honest := got.Honest(); honest.Vanished != 3+1+0.25 {
		t.Errorf("got %v vanished, want 4.25", honest.Vanished)
	}
}

func TestNothingIsOverwrittenBeforeItWasRead(t *testing.T) {
	s := &away{Store: fresh(t)}
	at := began()
	before := NewChronicle(s, nil)
	newTape("kakao").play(t, before, at, at+60)
	s.gone.Store(true)
	c, in := NewChronicle(s, nil), newTape("kakao")
	in.play(t, c, at+121, at+300)
	if got := c.Minutes("kakao", at/60, at/60); len(got) != 0 {
		t.Fatalf("got %v of a store that is away", got)
	}
	s.gone.Store(false)
	in.play(t, c, at+301, at+320)
	if got := c.Minutes("kakao", at/60, at/60); len(got) != 1 || got[0].Started != 60 {
		t.Errorf("got %+v, want what the store had, read once it was back", got)
	}
	// 60 from before, 180 while the store was away, 20 since; one was under way.
	if got := hour(t, c, at/3600, at/3600); got.Started != 60+180+20 {
		t.Errorf("got %d starts, want what was seen while the store was away too", got.Started)
	}
}

func TestARecordOfANewerVersionIsLeftAsItIs(t *testing.T) {
	s, at := fresh(t), began()
	n, _ := signal.ChapterOf(at / 60)
	day, _ := signal.DayOf(at / 3600)
	newer := []byte{200, 1, 2, 3}
	for i, key := range []string{minutesKey(n), hoursKey(day)} {
		if _, err := s.Apply(t.Context(), historyShard("kakao"), store.Attempt{byte(i + 1)}, false, put(key, newer)); err != nil {
			t.Fatal(err)
		}
	}
	c, in := NewChronicle(s, nil), newTape("kakao")
	in.play(t, c, at, at+1790)
	in.play(t, c, at+1791, at+1860) // the next half hour, of this version
	in.play(t, c, at+3600, at+3700)
	for _, key := range []string{minutesKey(n), hoursKey(day)} {
		if got, err := s.Read(t.Context(), historyShard("kakao"), key); err != nil || string(got) != string(newer) {
			t.Errorf("%s: got %v and %v, want it as it was", key, got, err)
		}
	}
	if got, err := s.Read(t.Context(), historyShard("kakao"), minutesKey(n+1)); err != nil || len(got) == 0 {
		t.Errorf("the next half hour: got %v and %v, want it kept", got, err)
	}
}

// onRedis opens a store as another node of the same broker does.
func onRedis(t testing.TB, sv *redistest.Server) store.Store {
	t.Helper()
	s, err := shared.Open(t.Context(), shared.Options{Addrs: []string{sv.Addr}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func TestTwoNodesOnRedisWriteOneHistory(t *testing.T) {
	sv := redistest.Start(t, "--maxmemory-policy", "noeviction")
	at := began()
	a, b := NewChronicle(onRedis(t, sv), nil), NewChronicle(onRedis(t, sv), nil)
	// Both see the seconds of all; b comes late and leaves early. For ten seconds a
	// cannot meet the others and counts its own.
	var both sync.WaitGroup
	both.Go(func() {
		in := newTape("kakao")
		for from := at; from < at+1200; from += 20 {
			in.board.Local = from == at+600
			in.play(t, a, from, from+19)
		}
	})
	both.Go(func() {
		in := newTape("kakao")
		for from := at + 90; from < at+1000; from += 20 {
			in.play(t, b, from, from+19)
		}
		end(t, b)
	})
	both.Wait()
	in := newTape("kakao")
	in.play(t, a, at+1200, at+1260)
	in.play(t, a, at+3600, at+3700)
	got := hour(t, NewChronicle(onRedis(t, sv), nil), at/3600, at/3600)
	// 1261 seconds of all, and the 20 that a counted by itself beside them.
	if got.Seconds != 1261 || got.Started != 1281 {
		t.Errorf("got %d s with %d starts, want 1261 and 1281", got.Seconds, got.Started)
	}
}

// BenchmarkReadNinetyDays is what a page of 90 days asks of the store, for one
// provider.
func BenchmarkReadNinetyDays(b *testing.B) {
	for name, s := range map[string]store.Store{"file": fresh(b), "redis": onRedis(b, redistest.Start(b, "--maxmemory-policy", "noeviction"))} {
		c, first := NewChronicle(s, nil), began()/3600-90*24
		for day := first / 24; day <= first/24+90; day++ {
			var hours signal.Day
			for i := range hours {
				hours[i] = signal.Hour{At: day*24 + int64(i), Seconds: 3600}
				hours[i].Lights[signal.Green] = 3600
				for k := range 25 {
					hours[i].Legs[15+k] = int64(1000 * (k + 1))
				}
			}
			if err := c.update(b.Context(), "kakao", hoursKey(day), HoursKept, func([]byte) ([]byte, error) { return hours.Encode() }); err != nil {
				b.Fatal(err)
			}
		}
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				if hours, err := c.Hours(b.Context(), "kakao", first, first+90*24-1); err != nil || len(hours) != 90*24 {
					b.Fatalf("got %d hours and %v", len(hours), err)
				}
			}
		})
	}
}
