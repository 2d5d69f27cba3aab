package live

import (
	"testing"
	"testing/synctest"
	"time"

	"sinho/signal"
)

// TestWhatIsUsualIsFrozenWhileNotGreen: the first week told counts at once, the
// next only once the light is green.
func TestWhatIsUsualIsFrozenWhileNotGreen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t)
		of := func(p90 time.Duration) signal.Week { return signal.Week{Legs: 10_000, P90: p90} }
		usual := func() time.Duration { return s.Insights()[0].View.Usual }
		s.Usual("kakao", of(400*time.Millisecond))
		s.Usual("nobody", of(time.Minute))
		if got := usual(); got != 400*time.Millisecond {
			t.Errorf("the first one told: got %v, want it at once", got)
		}
		s.Usual("kakao", of(2*time.Second))
		if got := usual(); got != 400*time.Millisecond {
			t.Errorf("while nothing is known of the light: got %v, want what it was", got)
		}
		s.crowd(5, 30*time.Second, nil)
		if got := usual(); s.Light("kakao") != "green" || got != 2*time.Second {
			t.Errorf("%s: got %v, want what was told last", s.Light("kakao"), got)
		}
		s.fault.down.Store(true)
		s.crowd(5, 30*time.Second, s.is("grey"))
		s.Usual("kakao", of(3*time.Second))
		if got := usual(); got != 2*time.Second {
			t.Errorf("%s: got %v, want what was usual before", s.Light("kakao"), got)
		}
		time.Sleep(15 * time.Second)
		s.stop(t)
	})
}
