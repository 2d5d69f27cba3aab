package operator

import (
	"path/filepath"
	"testing"
	"time"

	"sinho/signal"
	"sinho/store"
	"sinho/store/redistest"
)

// calm plays an hour of a provider whose light is green but for one minute.
func calm(t *testing.T, c *Chronicle, in *tape, first int64) {
	t.Helper()
	for at := first; at < first+3600; at += 60 {
		in.board.Providers[0].Light = signal.Green
		if at == first+600 {
			in.board.Providers[0].Light = signal.Yellow
		}
		in.seconds = nil
		for second := at; second < at+60; second++ {
			b := signal.Bucket{Second: second, Started: 10}
			b.Came(second, 9, 0)
			took := 200 * time.Millisecond
			if at == first+600 {
				took = 20 * time.Second
			}
			for range 20 {
				b.Legs.Observe(took)
			}
			b.Errors[signal.Faulty] = 1
			in.seconds = append(in.seconds, b)
			in.board.At = time.Unix(second+1, 0)
		}
		c.Look(t.Context(), in.source())
	}
	in.seconds = nil
	in.second(first+3600, 0) // which ends its last minute
	c.Look(t.Context(), in.source())
}

// usual is what a chronicle tells of kakao when it looks at a time.
func usual(t *testing.T, c *Chronicle, at int64) (w signal.Week) {
	t.Helper()
	in := newTape("kakao")
	in.board.At = time.Unix(at, 0)
	source := in.source()
	source.Usual = func(provider string, told signal.Week) {
		if provider == "kakao" {
			w = told
		}
	}
	c.Look(t.Context(), source)
	return w
}

// TestWhatIsUsualSurvivesARestart on both stores: the calm minutes of an hour are
// there again for a node that begins, those of a yellow minute are not among
// them, and after seven days they are gone.
func TestWhatIsUsualSurvivesARestart(t *testing.T) {
	stores := map[string]store.Store{
		"embedded": open(t, filepath.Join(t.TempDir(), "sinho.db")),
		"redis":    onRedis(t, redistest.Start(t, "--maxmemory-policy", "noeviction")),
	}
	for name, s := range stores {
		t.Run(name, func(t *testing.T) {
			first := began()
			c := NewChronicle(s, nil)
			calm(t, c, newTape("kakao"), first)
			later := first + 3600 + int64(settled.Seconds())
			learned := usual(t, c, later)
			if want := int64(59 * 60 * 20); learned.Legs != want || learned.Failed != want/20 {
				t.Errorf("got %d legs and %d failed, want those of 59 minutes, %d and %d", learned.Legs, learned.Failed, want, want/20)
			}
			if learned.P90 < 200*time.Millisecond || learned.P90 > 240*time.Millisecond {
				t.Errorf("got a p90 of %v, want about 0.2 s: the yellow minute teaches nothing", learned.P90)
			}
			again := NewChronicle(s, nil)
			if got := usual(t, again, later); got != learned {
				t.Errorf("after a restart: got %+v, want %+v", got, learned)
			}
			of := (first/3600 + 9) % 24
			if h := learned.Hours[of]; h.Started != 59*600 || h.Returned != 59*540 {
				t.Errorf("at %d o'clock in Seoul: got %+v, want 59 minutes of 600 people, 540 back", of, h)
			}
			late := NewChronicle(s, nil)
			if got := usual(t, late, first+int64(8*24*3600)); got != (signal.Week{}) {
				t.Errorf("after eight days: got %+v, want nothing", got)
			}
		})
	}
}
