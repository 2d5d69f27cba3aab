package live

import (
	"testing"
	"testing/synctest"
	"time"

	"sinho/signal"
)

func TestAnInsightSaysWhyAndWhatIsUnderWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t)
		s.crowd(5, 90*time.Second, nil)
		in := s.Insights()[0]
		if in.ID != "kakao" || in.Own.Light != signal.Green || in.View.N == 0 || in.Seconds != 60 || in.Recent.Started < 250 || in.Recent.Returned() < 200 {
			t.Errorf("got %+v, want a minute of a measured green light", in)
		}
		if p50, p99 := in.Recent.Legs.Quantile(0.5), in.Recent.Legs.Quantile(0.99); p50 <= 0 || p99 < p50 {
			t.Errorf("got p50 %v, p99 %v, want times in order", p50, p99)
		}
		if in.Slow <= 0 || in.VerySlow < in.Slow || in.Bounds.Prior != 1 || in.Honesty.Begun == 0 {
			t.Errorf("got bounds %v %v, prior %v, honesty %+v, want all set", in.Slow, in.VerySlow, in.Bounds.Prior, in.Honesty)
		}
		s.fault.hang.Store(true)
		s.crowd(5, 5*time.Second, nil)
		if in := s.Insights()[0]; in.InFlight == 0 || in.Oldest < 2*time.Second {
			t.Errorf("got %d in flight, oldest %v, want several, seconds old", in.InFlight, in.Oldest)
		}
		if err := s.Override("kakao", &signal.Override{Until: time.Now().Add(time.Minute)}); err != nil {
			t.Fatal(err)
		}
		if in := s.Insights()[0]; in.Own.Reason.Code == signal.CodeOperator {
			t.Errorf("got %+v, want the light's own without the word", in)
		}
		s.fault.hang.Store(false)
		time.Sleep(15 * time.Second)
		s.stop(t)
	})
}

func TestSecondsAreGivenOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t)
		s.crowd(2, 10*time.Second, nil)
		all := s.Since("kakao", 0)
		if len(all) < 9 {
			t.Fatalf("got %d seconds, want about ten", len(all))
		}
		if rest := s.Since("kakao", all[3].Second); len(rest) != len(all)-4 || rest[0].Second != all[4].Second {
			t.Errorf("got %d seconds, want those after the fourth", len(rest))
		}
		if s.Since("kakao", all[len(all)-1].Second) != nil || s.Since("nobody", 0) != nil {
			t.Error("got seconds, want none that are new, and none of nobody")
		}
		time.Sleep(15 * time.Second)
		s.stop(t)
	})
}
