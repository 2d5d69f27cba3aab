package operator

import (
	"path/filepath"
	"testing"
	"time"

	"sinho/signal"
	"sinho/store"
)

// tape is a source a test fills second by second.
type tape struct {
	board   signal.Board
	seconds []signal.Bucket
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
	return Source{Board: func() signal.Board { return s.board }, Since: func(_ string, after int64) []signal.Bucket {
		var all []signal.Bucket
		for _, b := range s.seconds {
			if b.Second > after {
				all = append(all, b)
			}
		}
		return all
	}}
}

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
	c.Look(t.Context(), newTape("kakao").source())
	var got []signal.Minute
	for _, m := range c.Minutes("kakao", now-60, now) {
		m.P50, m.P95, m.P99 = 0, 0, 0
		got = append(got, m)
	}
	// The minute under way was not over, so it is lost.
	same(t, "kakao", got, []signal.Minute{
		{At: now - 3, Light: signal.Green, Started: 1, Legs: 1},
		{At: now - 2, Light: signal.Green, Started: 2, Legs: 2},
		{At: now - 1, Light: signal.Grey, Override: true, Started: 3, Legs: 3},
	})
	if m := c.Minutes("kakao", now-1, now-1)[0]; m.P95 != 210*time.Millisecond && (m.P95 < 200*time.Millisecond || m.P95 > 240*time.Millisecond) {
		t.Errorf("got a p95 of %v, want about 0.2 s", m.P95)
	}
	if got := c.Minutes("nobody", 1, now); got != nil {
		t.Errorf("got %v of an unknown provider, want nothing", got)
	}
}

func TestNothingIsOverwrittenBeforeItWasRead(t *testing.T) {
	s := &away{Store: fresh(t)}
	now := time.Now().Unix() / 60
	hour := now / 60
	body, err := encode([]line{lineOf(signal.Minute{At: hour * 60, Light: signal.Red, Started: 9})})
	if err != nil {
		t.Fatal(err)
	}
	for i, op := range []store.Op{put(hourKey(hour), body), put(hourKey(hour-1), []byte("rubbish"))} {
		if _, err := s.Apply(t.Context(), historyShard("kakao"), store.Attempt{byte(i + 1)}, false, op); err != nil {
			t.Fatal(err)
		}
	}
	s.gone.Store(true)
	c, in := NewChronicle(s, nil), newTape("kakao")
	in.second(now*60+1, 1)
	c.Look(t.Context(), in.source())
	in.second(now*60+61, 1)
	c.Look(t.Context(), in.source())
	s.gone.Store(false)
	in.second(now*60+75, 1)
	c.Look(t.Context(), in.source())
	all := c.Minutes("kakao", hour*60, hour*60)
	if now != hour*60 && (len(all) != 1 || all[0].Started != 9) {
		t.Errorf("got %+v, want what the store had, read once it was back", all)
	}
}

func TestLinesFromElsewhereAreJudged(t *testing.T) {
	good := lineOf(signal.Minute{At: 61, Light: signal.Yellow, Started: 3, P95: time.Second})
	if m, ok := good.minute(1); !ok || m.At != 61 || m.Light != signal.Yellow || m.P95 != time.Second {
		t.Errorf("got %+v %t, want the minute as it was", m, ok)
	}
	for i, bad := range []line{{}, {60, 1}, {1, 5}, {1, 300}, {1, 1, 0, -1}, {1, 1, 0, 1 << 33}} {
		if m, ok := bad.minute(1); ok {
			t.Errorf("%d: got %+v, want it refused", i, m)
		}
	}
}
