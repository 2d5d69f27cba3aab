package hall

import (
	"context"
	"errors"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"sinho/store"
)

// away is a store that goes away and comes back.
type away struct {
	store.Store
	gone  atomic.Bool
	asked atomic.Int64
}

func (a *away) Apply(ctx context.Context, shard store.Shard, id store.Attempt, durable bool, ops ...store.Op) (store.Outcome, error) {
	if a.gone.Load() {
		return store.Outcome{}, store.ErrUnavailable
	}
	return a.Store.Apply(ctx, shard, id, durable, ops...)
}

func (a *away) ReadAll(ctx context.Context, shard store.Shard, keys ...string) ([][]byte, error) {
	a.asked.Add(1)
	if a.gone.Load() {
		return nil, store.ErrUnavailable
	}
	return a.Store.ReadAll(ctx, shard, keys...)
}

func TestAStoreThatIsAwayCallsNobodyNewAndTakesNoPlace(t *testing.T) {
	st := &away{Store: onBbolt(t)}
	s := scenes(t, st, 1, auto("main"))[0]
	s.wait(2)
	in, waiting := newDevice(), newDevice()
	in.waits(s, "shop", Login, false)
	s.crowd("shop", 40)
	first := waiting.seat(s, "shop")
	st.gone.Store(true)
	shown := s.plan.Load().rooms[0].hub.pushed.Load()
	s.wait(30)
	if again := s.plan.Load().rooms[0].hub.pushed.Load(); again == shown || again.jws != shown.jws {
		t.Error("watchers heard nothing for 30 s, or something new")
	}
	if pass := in.waits(s, "shop", Login, false); pass == nil {
		t.Error("who has a pass got none")
	}
	if again := waiting.seat(s, "shop"); again.Called || again.Number != first.Number || again.Frame == "" {
		t.Errorf("who waits: got number %d, called %v, want %d not called", again.Number, again.Called, first.Number)
	}
	if _, _, err := newDevice().enter(s, "shop", Login); !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("who comes: got %v, want ErrUnavailable", err)
	}
	if _, err := s.Seat(httptest.NewRecorder(), newDevice().request("/queue"), "shop", [16]byte{9}); !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("who comes to the room: got %v, want ErrUnavailable", err)
	}
	if !s.Insights()[0].Away {
		t.Error("it is not said to be away")
	}
	st.gone.Store(false)
	s.wait(6)
	if again := waiting.seat(s, "shop"); !again.Called || s.Insights()[0].Away {
		t.Errorf("back: got called %v, away %v", again.Called, s.Insights()[0].Away)
	}
	if n := strings.Count(s.log.String(), "level="); n != 2 {
		t.Errorf("the log has %d lines, want away and back:\n%s", n, s.log)
	}
}

// deaf is a store that answers when whoever asks has given up.
type deaf struct{ store.Store }

func (deaf) Apply(ctx context.Context, _ store.Shard, _ store.Attempt, _ bool, _ ...store.Op) (store.Outcome, error) {
	<-ctx.Done()
	return store.Outcome{}, store.ErrUnavailable
}

func (deaf) ReadAll(ctx context.Context, _ store.Shard, _ ...string) ([][]byte, error) {
	<-ctx.Done()
	return nil, store.ErrUnavailable
}

func TestAStoreThatDoesNotAnswerHoldsUpNoSecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := scenes(t, deaf{}, 1, auto("a", "a"), auto("b", "b"), auto("c"))[0]
		began := time.Now()
		s.tick(t.Context())
		if took := time.Since(began); took >= time.Second {
			t.Errorf("a second took %v, want less", took)
		}
		began = time.Now()
		if _, _, err := newDevice().enter(s, "a", Login); !errors.Is(err, store.ErrUnavailable) || time.Since(began) >= time.Second {
			t.Errorf("got %v after %v, want ErrUnavailable within a second", err, time.Since(began))
		}
	})
}

func TestAStoreThatIsAwayFromTheBeginning(t *testing.T) {
	st := &away{Store: onBbolt(t)}
	st.gone.Store(true)
	s := scenes(t, st, 1, auto("main"))[0]
	for range 3 {
		if wait, _, err := newDevice().enter(s, "shop", Look); !wait || !errors.Is(err, store.ErrUnavailable) {
			t.Errorf("got wait %v, %v, want ErrUnavailable", wait, err)
		}
	}
	if n := st.asked.Load(); n != 1 {
		t.Errorf("the store was asked %d times in a second, want once", n)
	}
	st.gone.Store(false)
	s.clock.Add(int64(time.Second))
	newDevice().waits(s, "shop", Look, true) // nobody is called before the first step
	s.wait(2)
	newDevice().waits(s, "shop", Look, false)
}

// A page without JavaScript that is near the front sleeps little, whatever the room
// does: slows down, stands, loses its store, and is as fast as before at any moment.
func TestAPageNearTheFrontSleepsLittleThroughAStall(t *testing.T) {
	st := &away{Store: onBbolt(t)}
	s := scenes(t, st, 1, auto("main"))[0]
	s.wait(2)
	s.crowd("shop", 400)
	d := newDevice()
	most := time.Duration(0)
	look := func(seconds int) (last Seat) {
		t.Helper()
		for range seconds {
			s.wait(1)
			last = d.seat(s, "shop")
			if most = max(most, last.Reload); last.Reload > nearest {
				t.Fatalf("%d ahead, known %v: got a sleep of %v, want %v at most", last.View.Ahead, last.View.Known, last.Reload, nearest)
			}
		}
		return last
	}
	look(12)
	s.capacity.Store(1)
	look(40) // the estimate grows and grows
	s.capacity.Store(0)
	if last := look(70); last.View.Known || last.View.Ahead == 0 {
		t.Fatalf("got %+v, want people ahead of a room that stands", last.View)
	}
	st.gone.Store(true)
	look(10)
	st.gone.Store(false)
	s.capacity.Store(50)
	slept := 0
	for seat := look(1); !seat.Called; seat = d.seat(s, "shop") { // as the page comes
		if slept += int(seat.Reload / time.Second); slept > 60 {
			t.Fatalf("got %+v after %d s of a room that goes on", seat.View, slept)
		}
		s.wait(int(seat.Reload / time.Second))
	}
	if most < 10*time.Second {
		t.Errorf("got sleeps of %v at most, want the estimate to have grown", most)
	}
}
