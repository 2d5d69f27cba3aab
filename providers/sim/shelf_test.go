package sim

import (
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

func TestAShelfForgetsByAgeAndByNumber(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newShelf[int](time.Minute, 3)
		for i := range 5 {
			s.put(strconv.Itoa(i), i)
		}
		if got := s.size(); got != 3 {
			t.Errorf("got %d kept, want the limit of 3", got)
		}
		if _, ok := s.look("1"); ok {
			t.Error("got the second oldest, want it gone")
		}
		if v, ok := s.look("4"); !ok || v != 4 {
			t.Errorf("got %d, %t, want the newest", v, ok)
		}
		time.Sleep(time.Minute)
		if _, ok := s.take("4"); ok {
			t.Error("got a value a minute old, want it gone")
		}
		s.put("new", 9)
		if got := s.all(); len(got) != 1 || got[0] != 9 {
			t.Errorf("got %v, want the new one alone", got)
		}
	})
}

func TestOfManyTakersOneWins(t *testing.T) {
	s := newShelf[int](time.Minute, 10)
	s.put("code", 1)
	var won atomic.Int64
	var wg sync.WaitGroup
	for range 16 {
		wg.Go(func() {
			if _, ok := s.take("code"); ok {
				won.Add(1)
			}
		})
	}
	wg.Wait()
	if won.Load() != 1 {
		t.Errorf("got %d winners, want 1", won.Load())
	}
}
