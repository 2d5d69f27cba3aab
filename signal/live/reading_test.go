package live

import (
	"testing"
	"testing/synctest"
	"time"

	"sinho/signal"
)

func TestAReadingGrowsOverSecondsAndSealingTakesNothingFromIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMeter(time.Now, 8*time.Second)
		for i := range 5 {
			began := m.begin()
			time.Sleep(400 * time.Millisecond)
			switch i {
			case 3:
				m.end(began, failed, signal.Faulty)
			case 4:
				m.end(began, left, 0)
			default:
				m.end(began, good, 0)
			}
			m.seal(time.Now())
		}
		m.with(func(b *signal.Bucket) { b.Errors[signal.Nonsense]++ })
		m.begin()
		got := m.reading()
		want := Reading{Took: 1600 * time.Millisecond, InFlight: 1}
		want.Legs[signal.Index(400*time.Millisecond)] = 4
		want.Errors[signal.Faulty], want.Errors[signal.Nonsense] = 1, 1
		if got != want {
			t.Errorf("got %+v, want %+v", got, want)
		}
		time.Sleep(time.Hour)
		m.seal(time.Now())
		if later := m.reading(); later != want {
			t.Errorf("an hour later: got %+v, want the same", later)
		}
	})
}

func TestReadingsNameTheirProvidersAndWatchersTheirLimit(t *testing.T) {
	l := newLive(t, 7)
	all := l.Readings()
	if len(all) != 2 || all[0].ID != l.Board().Providers[0].ID || all[1].ID != l.Board().Providers[1].ID {
		t.Errorf("got %+v, want one of each provider in configured order", all)
	}
	if now, most := l.Watchers(); now != 0 || most != 7 {
		t.Errorf("got %d of %d watchers, want 0 of 7", now, most)
	}
}
